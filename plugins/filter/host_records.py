# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

# What the roles register, in the order in which the site is built. A role with several doors registers each.
RESULTS = {
    "time_sync": ("time_sync_result",),
    "host_tuning": ("host_tuning_hugepages_result", "host_tuning_kernel_args_result", "host_tuning_irq_affinity_result"),
    "sriov": ("sriov_functions_result", "sriov_drivers_result"),
    "ovs_dpdk": ("ovs_dpdk_result",),
    "libvirt_host": ("libvirt_host_result",),
    "libvirt_vm": ("libvirt_vm_result",),
}
REQUIRED = ("reboot_required", "restart_required")

Json = dict[str, t.Any]


def role_results(variables: t.Mapping[str, t.Any]) -> list[Json]:
    """What each role did to one host, from that host's variables: C(door) (the role), C(changes), C(reboot_required), C(restart_required)."""
    found = {role: _done(variables, names) for role, names in RESULTS.items()}
    return [
        {
            "door": role,
            "changes": [change for result in results for change in result["changes"]],
            **{part: any(result[part] for result in results) for part in REQUIRED},
        }
        for role, results in found.items()
        if results
    ]


def reboot_reasons(variables: t.Mapping[str, t.Any]) -> list[str]:
    """Why one host needs a reboot, from what its roles registered; empty if it needs none."""
    return _reasons(variables, "reboot_reasons")


def restart_reasons(variables: t.Mapping[str, t.Any]) -> list[str]:
    """Why services of one host need a restart that no role was allowed; empty if none does."""
    return _reasons(variables, "restart_reasons")


def _reasons(variables: t.Mapping[str, t.Any], kind: str) -> list[str]:
    results = [result for names in RESULTS.values() for result in _done(variables, names)]
    return list(dict.fromkeys(reason for result in results for reason in result[kind]))


def _done(variables: t.Mapping[str, t.Any], names: t.Iterable[str]) -> list[t.Mapping[str, t.Any]]:
    """The results of doors that ran; a skipped task has registered too."""
    found = [variables.get(name) for name in names]
    return [result for result in found if isinstance(result, t.Mapping) and "changes" in result]


def verify_results(variables: t.Mapping[str, t.Any]) -> list[Json]:
    """What was verified on one host: each role in check mode, and the plan. C(name), C(changes), C(failures)."""
    roles = [{"name": f"role {entry['door']}", "changes": entry["changes"], "failures": []} for entry in role_results(variables)]
    return roles + list(variables.get("verify_plan", {}).get("verified", []))


def host_records(hostvars: t.Mapping[str, t.Mapping[str, t.Any]], hosts: t.Sequence[str]) -> list[Json]:
    """The hosts of a report's record, from what the playbooks site and verify left in the hosts' variables."""
    return [_host_record(host, hostvars[host]) for host in hosts]


def _host_record(host: str, variables: t.Mapping[str, t.Any]) -> Json:
    record: Json = {"name": host, "changes": variables.get("site_results", []), "verify": variables.get("verify_results")}
    plan, topology = variables.get("host_plan_result", {}).get("plan"), variables.get("verify_topology", {}).get("topology")
    if plan and topology:  # a host without a profile has skipped both
        record.update(plan=plan, topology=topology)
    return record


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {
            "host_records": host_records,
            "reboot_reasons": reboot_reasons,
            "restart_reasons": restart_reasons,
            "role_results": role_results,
            "verify_results": verify_results,
        }
