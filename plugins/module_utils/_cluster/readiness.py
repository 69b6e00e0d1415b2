# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Whether an API server that answers is also ready to serve, as it says itself (/readyz)."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Refused
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Connection

FAILED = "[-]"
# Not ours to see: the question is then left open, and the requests themselves will tell.
NOT_TOLD = (401, 403, 404)


def refuse_unready(connection: Connection) -> None:
    """Raises Failure with the checks that failed. One request."""
    try:
        connection.send("GET", "/readyz", {"verbose": ""}, accept="*/*")
    except Refused as refused:
        if refused.code in NOT_TOLD:
            return
        raise Failure(
            asked="an API server that is ready",
            found=_failed_checks(refused.message),
            where=f"{connection.host}/readyz",
            remedy="it is starting, or what it needs (etcd above all) is not there: look at its log, wait, and run again",
        ) from refused


def _failed_checks(report: str) -> str:
    """The report has one line per check: C([+]ping ok), C([-]etcd failed: reason withheld)."""
    failed = [line[len(FAILED) :].replace(": reason withheld", "") for line in report.splitlines() if line.startswith(FAILED)]
    return ", ".join(failed) or report
