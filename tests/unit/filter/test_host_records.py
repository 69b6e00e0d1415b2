# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import re
import typing as t

import yaml

from ansible_collections.baremetal.vmsite.plugins.filter.host_records import (
    RESULTS,
    host_records,
    reboot_reasons,
    restart_reasons,
    role_results,
    verify_results,
)

ROLES = pathlib.Path(__file__).resolve().parents[3] / "roles"

CHANGE: dict[str, t.Any] = {"what": "mask", "current": "0x1", "wanted": "0x2", "reason": "the plan", "needs": "nothing"}
RESULT: dict[str, t.Any] = {"changes": [CHANGE], "reboot_required": False, "reboot_reasons": [], "changed": True}
RESULT.update(restart_required=True, restart_reasons=["dpdk-extra"])
SKIPPED: dict[str, t.Any] = {"skipped": True, "changed": False}


def test_every_role_that_changes_something_registers_what_is_collected() -> None:
    registered = {
        (role.name, task["register"])
        for role in ROLES.iterdir()
        for task in yaml.safe_load((role / "tasks/main.yml").read_text(encoding="utf-8"))
        if re.fullmatch(rf"{role.name}_(\w+_)?result", task.get("register", "")) and role.name != "host_plan"
    }
    assert {(role, name) for role, names in RESULTS.items() for name in names} == registered


def test_results_come_in_the_order_of_the_site_without_roles_that_did_not_run() -> None:
    variables = {"ovs_dpdk_result": RESULT, "time_sync_result": RESULT, "libvirt_vm_result": SKIPPED}
    assert [entry["door"] for entry in role_results(variables)] == ["time_sync", "ovs_dpdk"]
    assert role_results(variables)[0] == {
        "door": "time_sync",
        "changes": [CHANGE],
        "reboot_required": False,
        "restart_required": True,
    }


def test_the_doors_of_one_role_are_one_result() -> None:
    reboot = {**RESULT, "reboot_required": True, "reboot_reasons": ["isolcpus"], "restart_required": False, "restart_reasons": []}
    variables = {"host_tuning_hugepages_result": RESULT, "host_tuning_kernel_args_result": reboot, "sriov_drivers_result": SKIPPED}
    (entry,) = role_results(variables)
    assert entry == {"door": "host_tuning", "changes": [CHANGE, CHANGE], "reboot_required": True, "restart_required": True}
    assert reboot_reasons(variables) == ["isolcpus"]
    assert restart_reasons(variables) == ["dpdk-extra"]
    assert reboot_reasons({}) == restart_reasons({}) == []


def test_what_a_role_would_still_change_is_a_finding() -> None:
    verified = {"name": "hugepages", "changes": [], "failures": []}
    found = verify_results({"time_sync_result": RESULT, "verify_plan": {"verified": [verified]}})
    assert found == [{"name": "role time_sync", "changes": [CHANGE], "failures": []}, verified]


def test_a_host_without_a_profile_has_no_plan() -> None:
    hostvars: dict[str, dict[str, t.Any]] = {
        "compute1": {"host_plan_result": {"plan": {"cpus": {}}}, "verify_topology": {"topology": {"nodes": []}}, "site_results": [RESULT]},
        "probe1": {"host_plan_result": SKIPPED, "verify_topology": SKIPPED, "verify_results": []},
    }
    assert host_records(hostvars, ["compute1", "probe1"]) == [
        {"name": "compute1", "changes": [RESULT], "verify": None, "plan": {"cpus": {}}, "topology": {"nodes": []}},
        {"name": "probe1", "changes": [], "verify": []},
    ]
