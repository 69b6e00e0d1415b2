# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the playbook host_maintenance: what plugin_utils/_maintenance decides, for tasks."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.filter.host_records import reboot_reasons, role_results
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance import standing, virtual_machines
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.plan import plan

Json = dict[str, t.Any]
Variables = t.Mapping[str, t.Mapping[str, t.Any]]
Results = t.Sequence[t.Mapping[str, t.Any]]


def maintenance_moves(hostvars: Variables, listed: Results, host: str, maintenance: Json) -> Json:
    """C(moves) (C(name), C(target)) that empty a host, C(refusals), one text each, and C(says), one line for a person."""
    batch = next(one["hosts"] for one in maintenance["batches"] if host in one["hosts"])
    target = maintenance["settings"]["target"]
    moves, failures = virtual_machines.moves(hostvars, virtual_machines.active(listed), host, batch, target)
    says = "VMs that move away: " + (", ".join(f"{move['name']} to {move['target']}" for move in moves) or "none")
    return {"moves": moves, "refusals": [str(failure) for failure in failures], "says": says}


def maintenance_returns(hostvars: Variables, listed: Results, host: str) -> list[Json]:
    """The VMs that belong on a host and run elsewhere: C(name), C(source)."""
    return virtual_machines.returns(hostvars, virtual_machines.active(listed), host)


def maintenance_reboot_reasons(variables: t.Mapping[str, t.Any]) -> list[str]:
    """What waits for a reboot of one host: of its roles and of its packages, from what they registered."""
    return [*reboot_reasons(variables), *standing.reasons_of_packages(variables)]


def maintenance_outlook(variables: t.Mapping[str, t.Any], policy: str) -> Json:
    """What is ahead of one host, from what was registered in check mode: C(needed), C(says)."""
    changes = [change["what"] for result in role_results(variables) for change in result["changes"]]
    updates = any(variables.get(name, {}).get("changed", False) for name in ("maintenance_apt", "maintenance_dnf"))
    return standing.outlook(changes, updates, maintenance_reboot_reasons(variables), policy)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {
            "maintenance_findings": standing.findings,
            "maintenance_moves": maintenance_moves,
            "maintenance_outlook": maintenance_outlook,
            "maintenance_plan": plan,
            "maintenance_reboot_reasons": maintenance_reboot_reasons,
            "maintenance_returns": maintenance_returns,
            "maintenance_standing": standing.standing,
        }
