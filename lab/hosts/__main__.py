# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab's hosts: up, status, down."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..commands import LabError
from ..machine import only_one_at_a_time, require_root
from ..packages import MIRROR
from .down import down
from .status import status
from .up import up


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.hosts", description="Lab hosts on this machine.")
    parser.add_argument("action", choices=("up", "status", "down"))
    parser.add_argument("--cache", type=Path, required=True, help="directory for images, keys and files of the test VM")
    parser.add_argument("--mirror", default=MIRROR, help="Debian mirror for the hosts' packages (default: %(default)s)")
    options = parser.parse_args()
    cache = options.cache.expanduser().resolve() / "lab"
    try:
        require_root("makes containers, bridges and a hugepage pool")
        if options.action == "status":
            return 0 if status(cache) else 1
        with only_one_at_a_time(cache / "lock"):
            if options.action == "up":
                up(cache, options.mirror)
            else:
                down(cache)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
