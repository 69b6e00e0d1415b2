# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single decisions on machines small enough to check by hand."""

from __future__ import annotations

import time
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.planner import PlanRefused, plan_host
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Nic, Topology
from ansible_collections.baremetal.vmsite.tests.unit.host.plan.machines import GIB_KIB, machine


def plan(topology: Topology, **asked: t.Any) -> dict[str, t.Any]:
    return plan_host(topology, Profile.from_dict(asked)).as_dict()


def refusals(topology: Topology, **asked: t.Any) -> list[Failure]:
    with pytest.raises(PlanRefused) as refused:
        plan(topology, **asked)
    return refused.value.failures


NIC = [{"name": "dpdk0", "devargs": "net_null0", "node": 0}]


class TestCores:
    def test_hybrid_puts_housekeeping_on_efficiency_and_polling_on_performance_cores(self) -> None:
        hybrid = machine([8], kinds=lambda core: "performance" if core < 4 else "efficiency")
        made = plan(hybrid, housekeeping_cores_per_node=2, dpdk_nics=NIC)
        assert made["cpus"]["housekeeping"] == "0,4", "the boot CPU's core and the first efficiency core"
        assert made["cpus"]["pmd"] == "1"
        assert any("performance cores 2-3 and efficiency cores 5-7" in note for note in made["notes"])
        assert any("performance cores first" in reason["rule"] for reason in made["reasons"])

    def test_a_nic_on_a_node_without_cpus_is_polled_from_the_nearest(self) -> None:
        made = plan(machine([4, 4, 0]), dpdk_nics=[{**NIC[0], "node": 2}])
        assert made["ovs"]["ports"][0]["pmd_node"] == 1
        assert made["cpus"]["pmd"] == "5"
        assert made["ovs"]["dpdk_socket_mem"].startswith("0,0,"), "the buffers lie on the NIC's node"

    def test_polling_without_cores_of_its_own_takes_the_last_housekeeping_core(self) -> None:
        made = plan(machine([8], threads=2), housekeeping_cores_per_node=3, pmd_cores_per_nic_node=0, dpdk_nics=NIC)
        assert made["cpus"]["housekeeping"] == "0-2,8-10"
        assert (made["ovs"]["pmd_cpus"], made["ovs"]["pmd_cpu_mask"]) == ("2,10", "0x404")

    def test_polling_leaves_the_cores_that_the_profile_gives_to_vms(self) -> None:
        made = plan(machine([4]), vm_cpus="1", dpdk_nics=NIC)
        assert (made["cpus"]["housekeeping"], made["cpus"]["pmd"], made["cpus"]["vm"]) == ("0,3", "2", "1")

    def test_cpus_on_no_node_do_housekeeping(self) -> None:
        some = machine([2, 2])
        homeless = Topology.from_dict(
            {
                **some.as_dict(),
                "sibling_groups": [
                    {**group, "node": None if group["cpus"] == "3" else group["node"]} for group in some.as_dict()["sibling_groups"]
                ],
            }
        )
        made = plan(homeless)
        assert made["cpus"]["housekeeping"] == "0,2-3"
        assert any("on no online node" in note for note in made["notes"])

    def test_shared_vms_are_not_isolated(self) -> None:
        made = plan(machine([8]), pin_vms="shared", dpdk_nics=NIC)
        assert (made["cpus"]["vm"], made["cpus"]["isolated"]) == ("2-7", "1")

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({"vm_cpus": "1"}, "siblings 5"),
            ({"vm_cpus": "9"}, "has no CPUs 9"),
            ({"pmd_cpus": "0,4", "dpdk_nics": NIC}, "CPU 0 keeps the kernel's time"),
            ({"housekeeping_cpus": "1,5"}, "the boot CPU 0 is not among them"),
            ({"dpdk_lcore_cpus": "1", "housekeeping_cpus": "0,4"}, "CPUs 1 are not housekeeping CPUs"),
            ({"housekeeping_cpus": "0-1,4-5", "vm_cpus": "1-2,5-6"}, "both get CPUs 1,5"),
            ({"pmd_cpus": "1,5"}, "nothing would be polled"),
            ({"housekeeping_cores_per_node": 9}, "node 0 has 4 cores"),
            ({"pmd_cores_per_nic_node": 4, "dpdk_nics": NIC}, "3 of its 4 cores are left"),
            ({"housekeeping_cores_per_node": 4}, "take all 4 cores"),
        ],
    )
    def test_impossible(self, asked: dict[str, t.Any], found: str) -> None:
        assert any(found in failure.found for failure in refusals(machine([4], threads=2), **asked))

    def test_all_reasons_at_once(self) -> None:
        asked = {"vm_cpus": "0,99", "pmd_cores_per_nic_node": 7, "dpdk_nics": [{"name": "d", "pci": "0000:99:00.0"}, *NIC]}
        where = [failure.where for failure in refusals(machine([2, 2]), **asked, hugepages={"size_kib": 64, "vm_mib": 1 << 30})]
        for part in (
            "profile.vm_cpus",
            "profile.pmd_cores_per_nic_node",
            "profile.dpdk_nics, d",
            "profile.hugepages.size_kib",
            "profile.hugepages.vm_mib",
        ):
            assert any(part in place for place in where), part


class TestNics:
    PCI: t.ClassVar = {"name": "dpdk0", "pci": "0000:3b:00.0"}

    def test_polled_on_its_own_node(self) -> None:
        made = plan(machine([4, 4], nics=[Nic("eth0", "0000:3b:00.0", 1, "numa_node")]), dpdk_nics=[self.PCI])
        assert made["cpus"]["pmd"] == "5"
        assert made["kernel_args"][-2:] == ["intel_iommu=on", "iommu=pt"]

    @pytest.mark.parametrize(
        ("known", "asked", "found"),
        [
            (None, None, "nothing says on which of the nodes 0-1"),
            (1, 0, "the profile says node 0, the host says node 1"),
            (1, 7, "node 7 is not there"),
        ],
    )
    def test_place_unknown_or_contradicted(self, known: int | None, asked: int | None, found: str) -> None:
        host = machine([4, 4], nics=[Nic("eth0", "0000:3b:00.0", known, "numa_node")])
        assert any(found in failure.found for failure in refusals(host, dpdk_nics=[{**self.PCI, "node": asked}]))

    def test_the_profile_may_say_what_the_host_does_not(self) -> None:
        host = machine([4, 4], nics=[Nic("eth0", "0000:3b:00.0", None)])
        assert plan(host, dpdk_nics=[{**self.PCI, "node": 1}])["ovs"]["ports"][0]["node"] == 1

    def test_a_vf_that_is_not_there_yet_lies_where_its_physical_function_does(self) -> None:
        physical = Nic("eth0", "0000:3b:00.0", 1, "numa_node", sriov_totalvfs=7, sriov_numvfs=0, sriov_offset=128, sriov_stride=2)
        made = plan(machine([4, 4], nics=[physical]), dpdk_nics=[{"name": "vf1", "pci": "0000:3b:10.2"}])
        assert made["ovs"]["ports"][0]["node"] == 1
        found = refusals(machine([4, 4], nics=[physical]), dpdk_nics=[{"name": "vf9", "pci": "0000:3b:12.2"}])
        assert any("no network device at 0000:3b:12.2" in failure.found for failure in found)

    def test_sparse_node_numbers_keep_their_position_in_socket_mem(self) -> None:
        made = plan(
            machine([4, 4], node_ids=[0, 3]), dpdk_nics=[{**NIC[0], "node": 3}], memory_model="per_port", hugepages={"size_kib": 2048}
        )
        assert made["ovs"]["dpdk_socket_mem"] == "0,0,0,578"

    def test_dpdk_does_not_start_with_cpus_on_nodes_beyond_its_limit(self) -> None:
        found = refusals(machine([4, 4], node_ids=[0, 33]), dpdk_nics=NIC)
        assert any("nodes 33; DPDK is built for node numbers below 32" in failure.found for failure in found)


class TestMemory:
    def test_shared_pools_headroom_and_rounding(self) -> None:
        made = plan(machine([4]), dpdk_nics=[{**NIC[0], "mtu": 9000}], vhost_ports=[{"count": 20}], hugepages={"size_kib": 1048576})
        assert [pool["mib"] for pool in made["ovs"]["mempools"]] == [752, 2544]
        assert made["ovs"]["dpdk_socket_mem"] == "4096", "752 + 2544 + 512 = 3808, in pages of 1 GiB"

    def test_vhost_buffers_lie_where_the_vms_are(self) -> None:
        made = plan(machine([4, 4]), dpdk_nics=NIC, vhost_ports=[{"count": 3}], hugepages={"size_kib": 2048}, memory_model="per_port")
        assert [(pool["node"], pool["ports"], pool["count"]) for pool in made["ovs"]["mempools"]] == [
            (0, ["dpdk0"], 1),
            (0, ["vhost ports"], 2),
            (1, ["vhost ports"], 2),
        ]

    def test_rest_leaves_what_the_host_needs(self) -> None:
        (node,) = plan(machine([4], memory_kib=[64 * GIB_KIB]), hugepages={"size_kib": 1048576, "vm_mib": "rest"})["nodes"]
        memory = node["memory"]
        assert (memory["kernel_mib"], memory["daemons_mib"], memory["kubelet_mib"], memory["eviction_mib"]) == (1049 + 128, 1310, 500, 100)
        assert memory["vm_mib"] == 59 * 1024, "(65536 - 3087) / 1.02 = 61224, in pages of 1 GiB"
        assert memory["left_mib"] == 65536 - 3087 - 59 * 1024 - 1209

    def test_a_total_is_divided_by_vm_cores_and_overflows_to_where_there_is_room(self) -> None:
        host = machine([4, 4], memory_kib=[4 * GIB_KIB, 64 * GIB_KIB])
        made = plan(host, hugepages={"size_kib": 2048, "vm_mib": 20000})
        first, second = (node["memory"]["vm_mib"] for node in made["nodes"])
        assert first + second == 20000 and first < 4096

    def test_memory_only_nodes_get_no_vm_pages_and_the_boot_argument_says_so(self) -> None:
        made = plan(machine([4, 0]), hugepages={"size_kib": 1048576, "vm_mib": 8192})
        assert [page["count"] for page in made["hugepages"]] == [8, 0]
        assert "hugepages=0:8" in made["kernel_args"]

    def test_pages_of_a_second_size_come_out_of_their_nodes_memory(self) -> None:
        host, further = machine([4, 4], memory_kib=[16 * GIB_KIB] * 2), [{"size_kib": 1048576, "node": 1, "count": 3}]
        made = plan(host, hugepages={"size_kib": 2048, "vm_mib": "rest", "further": further})
        without = plan(host, hugepages={"size_kib": 2048, "vm_mib": "rest"})
        assert [(page["size_kib"], page["node"], page["count"]) for page in made["hugepages"][2:]] == [(1048576, 0, 0), (1048576, 1, 3)]
        assert [node["memory"]["further_mib"] for node in made["nodes"]] == [0, 3072]
        assert without["hugepages"][1]["count"] - made["hugepages"][1]["count"] == pytest.approx(3072 / 2 / 1.02, abs=2)
        assert made["kernel_args"][:2] == ["default_hugepagesz=2M", "hugepagesz=2M"]
        assert made["kernel_args"][3:5] == ["hugepagesz=1G", "hugepages=1:3"]

    def test_pages_of_a_second_size_alone_are_nobodys_default(self) -> None:
        made = plan(machine([4], memory_kib=[16 * GIB_KIB]), hugepages={"further": [{"size_kib": 1048576, "node": 0, "count": 1}]})
        assert made["kernel_args"][:2] == ["hugepagesz=1G", "hugepages=1"]

    def test_old_kernels_cannot_place_pages_at_boot(self) -> None:
        made = plan(machine([4, 0], kernel="5.10.0"), hugepages={"size_kib": 1048576, "vm_mib": 8192})
        assert made["kernel_args"][0] == "default_hugepagesz=1G"
        assert not any(argument.startswith("hugepages=") for argument in made["kernel_args"])
        assert any("cannot allocate different numbers" in note for note in made["notes"])

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({"hugepages": {"size_kib": 65536, "vm_mib": 64}}, "the host supports 2048 KiB, 1048576 KiB"),
            ({"hugepages": {"vm_mib": 10**7}}, "node 0:"),
            ({"hugepages": {"vm_mib_per_node": [{"node": 1, "mib": 1}]}}, "no VM can run on node 1"),
            ({"hugepages": {"further": [{"size_kib": 65536, "node": 0, "count": 1}]}}, "the host supports 2048 KiB, 1048576 KiB"),
            ({"hugepages": {"further": [{"size_kib": 1048576, "node": 7, "count": 1}]}}, "the nodes with memory are 0"),
            ({"hugepages": {"further": [{"size_kib": 1048576, "node": 0, "count": 65}]}}, "node 0 has 65536 MiB"),
            (
                {"hugepages": {"size_kib": 2048, "vm_mib": 2, "further": [{"size_kib": 2048, "node": 0, "count": 1}]}},
                "the plan's own size",
            ),
            ({"vhost_ports": [{"node": 5}]}, "no VM can run there"),
            ({"reserved": {"kernel_mib_per_node": 10**6}}, "node 0 has 65536 MiB"),
        ],
    )
    def test_impossible(self, asked: dict[str, t.Any], found: str) -> None:
        assert any(found in failure.found for failure in refusals(machine([4]), **asked))

    def test_unknown_memory_is_no_memory(self) -> None:
        host = machine([4], memory_kib=[None])
        assert plan(host)["kubelet"]["reserved_memory"] == []
        for asked in ({"hugepages": {"vm_mib": 512}}, {"dpdk_nics": NIC}):
            assert any("does not say how much memory" in failure.found for failure in refusals(host, **asked))


class TestProfile:
    def test_all_mistakes_at_once(self) -> None:
        with pytest.raises(Failures) as refused:
            Profile.from_dict(
                {
                    "housekeeping_cores_per_node": 0,
                    "isolation": "perhaps",
                    "pin_vms": "maybe",
                    "surprise": 1,
                    "vm_cpus": "3-1",
                    "dpdk_nics": [
                        {"name": "a"},
                        {"pci": "nonsense"},
                        {"name": "b", "pci": "0000:01:00.0", "n_rxq_desc": 1000},
                        "no mapping",
                    ],
                    "hugepages": {"vm_mib": "rest", "vm_mib_per_node": [{"node": 0, "mib": 1}, {"node": 0, "mib": 2}], "size": 2},
                    "reserved": [],
                }
            )
        places = {failure.where for failure in refused.value.failures}
        assert places >= {
            "profile.housekeeping_cores_per_node", "profile.isolation", "profile.pin_vms", "profile.surprise", "profile.vm_cpus",
            "profile.dpdk_nics[0]", "profile.dpdk_nics[1].name", "profile.dpdk_nics[1].pci", "profile.dpdk_nics[2].n_rxq_desc",
            "profile.dpdk_nics[3]", "profile.hugepages", "profile.hugepages.vm_mib_per_node", "profile.hugepages.size", "profile.reserved",
        }  # fmt: skip

    def test_a_pci_device_may_be_named_by_devargs_and_comes_back(self) -> None:
        profile = Profile.from_dict({"dpdk_nics": [{"name": "a", "devargs": "0000:3b:00.0,representor=0"}]})
        assert profile.dpdk_nics[0].pci == "0000:3b:00.0"
        assert Profile.from_dict(profile.as_dict()) == profile

    def test_a_topology_of_another_shape_is_refused(self) -> None:
        good = machine([2, 2]).as_dict()
        edited: list[dict[str, t.Any]] = [
            {"cpus": {}},
            {**good, "nodes": []},
            {**good, "sibling_groups": good["sibling_groups"][1:]},
            {**good, "sibling_groups": [{**group, "node": 9} for group in good["sibling_groups"]]},
            {**good, "nics": [{"name": "eth0", "surprise": 1}]},
        ]
        for data in edited:
            with pytest.raises(Failure, match="host_topology_info"):
                Topology.from_dict(data)


def test_512_cpus_on_8_nodes_take_less_than_50_ms(capsys: pytest.CaptureFixture[str]) -> None:
    big = machine(
        [32] * 8, threads=2, memory_kib=[512 * GIB_KIB] * 8, nics=[Nic(f"eth{node}", f"0000:{node:02x}:00.0", node) for node in range(8)]
    )
    profile = Profile.from_dict(
        {
            "pmd_cores_per_nic_node": 4,
            "dpdk_nics": [{"name": f"dpdk{node}", "pci": f"0000:{node:02x}:00.0", "n_rxq": 8} for node in range(8)],
            "vhost_ports": [{"count": 200}],
            "hugepages": {"size_kib": 1048576, "vm_mib": "rest"},
        }
    )
    took = []
    for _run in range(5):
        start = time.process_time()
        plan_host(big, profile).as_dict()
        took.append((time.process_time() - start) * 1000)
    with capsys.disabled():
        print(f"\nplan of a 512-CPU 8-node machine: {min(took):.1f} ms of CPU time at best, {max(took):.1f} ms at worst")
    assert min(took) < 50
