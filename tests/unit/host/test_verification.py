# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_verify_info asks planners and repeats what they say. Hosts are fakes: the lab's verify playbook asks real ones."""

from __future__ import annotations

import copy
import pathlib
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.concern import KernelArguments
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.planner import plan_host
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.reader import read_topology
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.verification import concerns, verify
from ansible_collections.baremetal.vmsite.tests.fakes.irq_kernel import IrqKernel
from ansible_collections.baremetal.vmsite.tests.fakes.sysfs_host import SysfsHost
from ansible_collections.baremetal.vmsite.tests.unit.host.as_the_door_does import carry_out
from ansible_collections.baremetal.vmsite.tests.unit.host.boot.boot_hosts import WANTED, grub_host, next_boot, running

PROFILE: dict[str, t.Any] = {"pmd_cores_per_nic_node": 0, "hugepages": {"size_kib": 2048, "vm_mib": 128}}


@pytest.fixture
def host(tmp_path: pathlib.Path) -> SysfsHost:
    """Four cores on one node, with the pages of the plan."""
    host = SysfsHost(tmp_path)
    host.cpu_lists("0-3")
    for cpu in range(4):
        host.cpu(cpu, siblings=str(cpu))
    host.node(0, "0-3")
    host.hugepages(0, 2048, total=64, free=64)
    host.write("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "64")
    host.write("/proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: pse\n")
    return host


def findings(host: SysfsHost, plan: dict[str, t.Any]) -> dict[str, t.Any]:
    """What was found, by concern; only what is not clean."""
    asked = concerns(HostRoot(str(host.root)), plan, [], hugepages_owned=True, kernel_owned=False)
    verified = [verify(name, concern) for name, concern in asked.items()]
    return {entry["name"]: entry for entry in verified if entry["changes"] or entry["failures"]}


@pytest.fixture
def plan(host: SysfsHost) -> dict[str, t.Any]:
    return plan_host(read_topology(HostRoot(str(host.root))), Profile.from_dict(PROFILE)).as_dict()


def test_a_host_as_planned_is_clean(host: SysfsHost, plan: dict[str, t.Any]) -> None:
    assert findings(host, plan) == {}


def test_pages_that_went_are_what_the_planner_would_change(host: SysfsHost, plan: dict[str, t.Any]) -> None:
    host.hugepages(0, 2048, total=60, free=60)
    (change,) = findings(host, plan)["hugepages"]["changes"]
    assert (change["current"], change["wanted"]) == (60, 64)


def test_a_cpu_that_went_offline_gives_another_plan(host: SysfsHost, plan: dict[str, t.Any]) -> None:
    host.cpu_lists("0-3", online="0-2")
    host.node(0, "0-2")
    changed = {change["what"] for change in findings(host, plan)["host plan"]["changes"]}
    assert "plan.cpus" in changed


def test_what_cannot_be_read_is_a_failure_of_its_concern(host: SysfsHost, plan: dict[str, t.Any]) -> None:
    other = copy.deepcopy(plan)
    other["hugepages"][0]["node"] = 7
    (failure,) = findings(host, other)["hugepages"]["failures"]
    assert failure["found"] == "NUMA nodes 0"


def test_a_setting_of_the_site_wins_over_that_of_the_plan(host: SysfsHost) -> None:
    plan = {"hugepages": [], "kernel_args": [], "ovs": {"enabled": True, "other_config": {"dpdk-extra": "-a 0000:00:00.0"}}}
    root = HostRoot(str(host.root))
    asked = concerns(root, plan, [], hugepages_owned=True, kernel_owned=False, other_config={"dpdk-extra": "--no-pci"})
    changes = {change.what: change.wanted for change in asked["OVS-DPDK"].plan()}
    assert (changes["other_config:dpdk-extra"], changes["other_config:dpdk-init"]) == ("--no-pci", "true")


KERNEL = ("kernel arguments", "CPU isolation", "interrupts")


def test_what_waits_for_a_reboot_is_not_clean(tmp_path: pathlib.Path) -> None:
    root = grub_host(tmp_path)
    interrupts = IrqKernel(tmp_path, set(range(8)))
    interrupts.start("0-7")
    interrupts.add(30, "eth0", {6})
    plan = {"hugepages": [], "kernel_args": WANTED, "irq": {"affinity": "0-1"}, "ovs": {"enabled": False}}

    def found() -> dict[str, dict[str, t.Any]]:
        asked = concerns(root, plan, [], hugepages_owned=True)
        return {name: verify(name, asked[name]) for name in KERNEL}

    assert [change["what"] for change in found()["interrupts"]["changes"]][:2] == [
        "/proc/irq/default_smp_affinity",
        "IRQ 30 (eth0)",
    ]
    carry_out(KernelArguments(root, WANTED))
    before = found()
    assert before["kernel arguments"]["changes"] == []
    assert all("set for the next boot" in failure["found"] for failure in before["kernel arguments"]["failures"])
    assert {change["needs"] for change in before["CPU isolation"]["changes"]} == {"reboot"}
    running(tmp_path, next_boot(root))
    assert found()["kernel arguments"] == {"name": "kernel arguments", "changes": [], "failures": []}
