# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole plans, kept beside this file. After a wanted change: VMSITE_WRITE_GOLDEN=1 pytest THIS_FILE, then read the difference."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.planner import PlanRefused, plan_host
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Nic, Topology
from ansible_collections.baremetal.vmsite.tests.unit.host.plan.machines import GIB_KIB, machine

GOLDEN = pathlib.Path(__file__).parent / "golden"

LAB_NIC = {"name": "dpdk0", "devargs": "net_af_packet0,iface=data0"}
LAB: dict[str, t.Any] = {
    "memory_model": "per_port",
    "ovs_headroom_mib": 0,
    "dpdk_nics": [LAB_NIC],
    "vhost_ports": [{"count": 1}],
    "hugepages": {"size_kib": 2048, "vm_mib": 128},
    "isolation": False,
}


def lab_host() -> Topology:
    """Two CPUs, one node, no PCI NIC: a container of the lab."""
    return machine([2], memory_kib=[9922336])


def rack_host() -> Topology:
    """Two nodes of 12 cores with two threads, a 100 Gbit/s NIC on the second, and memory without CPUs on a third."""
    return machine(
        [12, 12, 0],
        threads=2,
        memory_kib=[192 * GIB_KIB, 192 * GIB_KIB, 256 * GIB_KIB],
        nics=[Nic("eth0", "0000:3b:00.0", 0, "numa_node"), Nic("ens1f0", "0000:af:00.0", 1, "numa_node")],
    )


RACK: dict[str, t.Any] = {
    "pmd_cores_per_nic_node": 2,
    "dpdk_nics": [{"name": "dpdk0", "pci": "0000:af:00.0", "mtu": 9000, "n_rxq": 4}],
    "vhost_ports": [{"count": 32}],
    "hugepages": {"size_kib": 1048576, "vm_mib": "rest"},
}

CASES: dict[str, tuple[t.Callable[[], Topology], dict[str, t.Any]]] = {
    "lab_compute1": (lab_host, {**LAB, "pmd_cores_per_nic_node": 1, "pin_vms": "shared"}),
    "lab_compute2": (lab_host, {**LAB, "pmd_cores_per_nic_node": 0, "pin_vms": "dedicated"}),
    "rack": (rack_host, RACK),
}


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    make, profile = CASES[name]
    plan = plan_host(make(), Profile.from_dict(profile)).as_dict()
    file = GOLDEN / f"{name}.json"
    if os.environ.get("VMSITE_WRITE_GOLDEN"):
        file.write_text(json.dumps(plan, indent=2) + "\n", encoding="utf-8")
    assert plan == json.loads(file.read_text(encoding="utf-8"))


class TestLab:
    def test_compute1_gives_the_pmd_its_own_cpu(self) -> None:
        plan = plan_host(lab_host(), Profile.from_dict(CASES["lab_compute1"][1])).as_dict()
        assert (plan["cpus"]["housekeeping"], plan["cpus"]["pmd"], plan["cpus"]["vm"]) == ("0", "1", "")
        assert plan["ovs"]["other_config"] == {
            "pmd-cpu-mask": "0x2",
            "dpdk-socket-mem": "124",
            "per-port-memory": "true",
            "dpdk-extra": "-a 0000:00:00.0",
        }
        assert (plan["libvirt"]["pinning"], plan["libvirt"]["shared"]) == ("shared", "0")
        assert not any("isolcpus" in argument for argument in plan["kernel_args"])

    def test_dpdk_takes_devices_by_itself_where_a_nic_is_named_by_its_mac(self) -> None:
        nic = {"name": "dpdk0", "devargs": "class=eth,mac=52:54:00:00:00:01"}
        plan = plan_host(lab_host(), Profile.from_dict({**CASES["lab_compute1"][1], "dpdk_nics": [nic]})).as_dict()
        assert "dpdk-extra" not in plan["ovs"]["other_config"]

    def test_compute2_lets_the_pmd_share_and_has_a_cpu_to_pin_to(self) -> None:
        plan = plan_host(lab_host(), Profile.from_dict(CASES["lab_compute2"][1])).as_dict()
        assert (plan["cpus"]["housekeeping"], plan["cpus"]["pmd"], plan["cpus"]["vm"]) == ("0", "", "1")
        assert plan["ovs"]["pmd_cpu_mask"] == "0x1" and plan["ovs"]["pmd_shares_housekeeping"]
        assert (plan["libvirt"]["pinning"], plan["libvirt"]["dedicated"], plan["libvirt"]["emulator"]) == ("dedicated", "1", "0")
        assert plan["hugepages"] == [{"size_kib": 2048, "node": 0, "count": (124 + 128) // 2}]


class TestTheOriginalDesignsCollision:
    """Its OVS has dpdk-lcore-mask 0x3 while its VMs are pinned to CPUs 0 and 1."""

    ASKED: t.ClassVar = {**RACK, "dpdk_lcore_cpus": "0-1", "vm_cpus": "0-1"}

    @pytest.mark.parametrize("make", [lab_host, rack_host])
    def test_is_refused_with_both_sets_and_their_masks(self, make: t.Callable[[], Topology]) -> None:
        with pytest.raises(PlanRefused) as refused:
            plan_host(make(), Profile.from_dict({"dpdk_lcore_cpus": "0-1", "vm_cpus": "0-1"}))
        collision = next(failure for failure in refused.value.failures if "profile.dpdk_lcore_cpus, profile.vm_cpus" in failure.where)
        assert "CPUs 0-1 (0x3) for DPDK's control threads (dpdk-lcore-mask)" in collision.asked
        assert "CPUs 0-1 (0x3) for VMs" in collision.asked
        assert "both get CPUs 0-1" in collision.found
        assert any("CPU 0 keeps the kernel's time" in failure.found for failure in refused.value.failures)

    def test_the_nearest_profile_keeps_the_mask_and_moves_the_vms(self) -> None:
        profile = Profile.from_dict(self.ASKED)
        with pytest.raises(PlanRefused) as refused:
            plan_host(rack_host(), profile)
        nearest = refused.value.nearest
        assert nearest is not None and nearest.vm_cpus is None and nearest.dpdk_lcore_cpus == (0, 1)
        assert '{"vm_cpus": null}' in refused.value.failures[-1].remedy
        plan = plan_host(rack_host(), nearest).as_dict()
        assert plan["ovs"]["other_config"]["dpdk-lcore-mask"] == "0x3"
        assert plan["cpus"]["housekeeping"].startswith("0-1,")
        assert "0-1" not in plan["cpus"]["vm"].split(",")
