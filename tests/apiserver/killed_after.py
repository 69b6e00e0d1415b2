# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs cluster_objects and kills it without mercy right after its n-th write: killed_after.py N, arguments on standard input.

A write is a request that changes something: no read and no dry run. SIGKILL comes after the API server has answered, before the door goes on.
"""

from __future__ import annotations

import os
import signal
import sys
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Connection
from ansible_collections.baremetal.vmsite.plugins.modules import cluster_objects


def main() -> None:
    left = int(sys.argv.pop(1))  # an argument that is left would be taken for the module's
    send = Connection.send

    def counted(self: Connection, method: str, path: str, query: dict[str, str], body: t.Any = None, *more: t.Any, **named: t.Any) -> t.Any:
        nonlocal left
        answer = send(self, method, path, query, body, *more, **named)
        if method != "GET" and "dryRun" not in query and "dryRun" not in body:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Connection.send = counted  # type: ignore[method-assign]
    cluster_objects.main()


if __name__ == "__main__":
    main()
