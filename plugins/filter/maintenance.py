# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the playbook host_maintenance: what plugin_utils/_maintenance decides, for tasks."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance import standing, virtual_machines
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.plan import plan

Json = dict[str, t.Any]
Variables = t.Mapping[str, t.Mapping[str, t.Any]]
Results = t.Sequence[t.Mapping[str, t.Any]]


def maintenance_moves(hostvars: Variables, listed: Results, host: str, maintenance: Json) -> Json:
    """C(moves) (C(name), C(target)) that empty a host, and C(refusals), one text each."""
    batch = next(one["hosts"] for one in maintenance["batches"] if host in one["hosts"])
    target = maintenance["settings"]["target"]
    moves, failures = virtual_machines.moves(hostvars, virtual_machines.active(listed), host, batch, target)
    return {"moves": moves, "refusals": [str(failure) for failure in failures]}


def maintenance_returns(hostvars: Variables, listed: Results, host: str) -> list[Json]:
    """The VMs that belong on a host and run elsewhere: C(name), C(source)."""
    return virtual_machines.returns(hostvars, virtual_machines.active(listed), host)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {
            "maintenance_findings": standing.findings,
            "maintenance_moves": maintenance_moves,
            "maintenance_outlook": standing.outlook,
            "maintenance_plan": plan,
            "maintenance_reboot_reasons": standing.reboot_reasons,
            "maintenance_returns": maintenance_returns,
            "maintenance_standing": standing.standing,
        }
