# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as no capture shows them: made up, each with one thing that readers get wrong."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.reader import read_topology
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology
from ansible_collections.baremetal.vmsite.tests.fakes.sysfs_host import SysfsHost


@pytest.fixture
def host(tmp_path: pathlib.Path) -> SysfsHost:
    return SysfsHost(tmp_path)


def two_nodes(host: SysfsHost) -> None:
    """Two nodes of two cores without siblings."""
    host.cpu_lists("0-3")
    for cpu in range(4):
        host.cpu(cpu, str(cpu), package=cpu // 2)
    host.node(0, "0-1", distances="10 21")
    host.node(1, "2-3", distances="21 10")
    host.write("sys/devices/system/node/online", "0-1")


def read(host: SysfsHost) -> Topology:
    return read_topology(HostRoot(str(host.root)))


def kinds(topology: Topology) -> dict[int, str | None]:
    return {cpu: group.kind for group in topology.sibling_groups for cpu in group.cpus}


class TestCores:
    def test_hybrid_intel_cores(self, host: SysfsHost) -> None:
        host.cpu_lists("0-5")
        for cpu, siblings in enumerate(("0-1", "0-1", "2-3", "2-3", "4", "5")):
            host.cpu(cpu, siblings)
        host.write("sys/devices/cpu_core/cpus", "0-3")
        host.write("sys/devices/cpu_atom/cpus", "4-5")
        host.node(0, "0-5")
        assert kinds(read(host)) == {**dict.fromkeys(range(4), "performance"), 4: "efficiency", 5: "efficiency"}

    def test_arm_capacities_tell_kinds_apart_but_not_favoured_cores(self, host: SysfsHost) -> None:
        host.cpu_lists("0-3")
        for cpu, capacity in enumerate((718, 731, 1017, 1024)):
            host.cpu(cpu, str(cpu), cpu_capacity=capacity)
        host.node(0, "0-3")
        assert kinds(read(host)) == {0: "efficiency", 1: "efficiency", 2: "performance", 3: "performance"}

    def test_cores_that_are_alike_have_no_kind(self, host: SysfsHost) -> None:
        host.cpu_lists("0-1")
        host.cpu(0, "0", cpufreq__cpuinfo_max_freq=4000000)
        host.cpu(1, "1", cpufreq__cpuinfo_max_freq=3800000)
        host.node(0, "0-1")
        assert kinds(read(host)) == {0: None, 1: None}

    def test_smt8_with_threads_offline(self, host: SysfsHost) -> None:
        host.cpu_lists("0-15", online="0,2,4,6,8-15")
        for cpu in (0, 2, 4, 6):
            host.cpu(cpu, "0,2,4,6")
        for cpu in range(8, 16):
            host.cpu(cpu, "8-15")
        host.node(0, "0-15")
        topology = read(host)
        assert [group.cpus for group in topology.sibling_groups] == [(0, 2, 4, 6), tuple(range(8, 16))]
        assert topology.offline == (1, 3, 5, 7)
        assert topology.nodes[0].cpus == topology.online

    def test_siblings_that_disagree_end_up_together_and_are_named(self, host: SysfsHost) -> None:
        host.cpu_lists("0-2")
        host.cpu(0, "0-1")
        host.cpu(1, "1")
        host.cpu(2, "2")
        host.node(0, "0-2")
        topology = read(host)
        assert [group.cpus for group in topology.sibling_groups] == [(0, 1), (2,)]
        assert any("CPU 0 says 0-1" in conflict.found for conflict in topology.conflicts)

    def test_without_siblings_files_package_and_core_numbers_are_used(self, host: SysfsHost) -> None:
        host.cpu_lists("0-3")
        for cpu in range(4):
            host.write(f"sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id", "0")
            host.write(f"sys/devices/system/cpu/cpu{cpu}/topology/core_id", str(cpu % 2))
        host.node(0, "0-3")
        topology = read(host)
        assert [group.cpus for group in topology.sibling_groups] == [(0, 2), (1, 3)]
        assert any("package and core numbers" in entry.consequence for entry in topology.missing)

    def test_without_any_hint_each_cpu_is_a_core_and_that_is_said(self, host: SysfsHost) -> None:
        host.cpu_lists("0-1")
        host.node(0, "0-1")
        topology = read(host)
        assert [group.cpus for group in topology.sibling_groups] == [(0,), (1,)]
        assert any("share a core is unknown" in entry.consequence for entry in topology.missing)

    def test_the_boot_cpu_is_the_lowest_present_and_its_absence_is_explained(self, host: SysfsHost) -> None:
        host.cpu_lists("0-3", online="2-3")
        host.cpu(2, "2")
        host.cpu(3, "3")
        host.node(0, "0-3")
        topology = read(host)
        assert topology.boot_cpu == 2
        assert "offline" in topology.boot_cpu_reason


class TestNodes:
    def test_sparse_memory_only_and_cpu_less(self, host: SysfsHost) -> None:
        host.cpu_lists("0-1")
        host.cpu(0, "0")
        host.cpu(1, "1")
        host.write("sys/devices/system/node/online", "0,8,255")
        host.node(0, "0-1", distances="10 40 80")
        host.node(8, "", memory_kib=0, distances="40 10 80")
        host.node(255, "", memory_kib=15728640, distances="80 80 10")
        topology = read(host)
        assert topology.node_ids == (0, 8, 255)
        assert topology.node(255).memory_kib == 15728640
        assert not topology.node(8).may_have_memory
        assert topology.node(0).distance_to(255) == 80
        assert [group.node for group in topology.sibling_groups] == [0, 0]

    def test_a_node_that_claims_another_nodes_cpus_is_left_out_and_named(self, host: SysfsHost) -> None:
        two_nodes(host)
        host.node(2, "1", distances="10 10 10")
        host.write("sys/devices/system/node/online", "0-2")
        topology = read(host)
        assert topology.node_ids == (0, 1)
        assert any(conflict.where.endswith("node2") for conflict in topology.conflicts)

    def test_online_list_and_directories_that_disagree(self, host: SysfsHost) -> None:
        two_nodes(host)
        host.write("sys/devices/system/node/online", "0,3")
        topology = read(host)
        assert topology.node_ids == (0,)
        assert {conflict.found for conflict in topology.conflicts} >= {
            "node 1 has a directory but is not online",
            "node 3 is online but has no directory",
        }
        assert any("2-3 are online but on no online node" in entry.consequence for entry in topology.missing)

    def test_list_and_mask_that_disagree(self, host: SysfsHost) -> None:
        two_nodes(host)
        host.write("sys/devices/system/node/node0/cpumap", "00000001")
        topology = read(host)
        assert topology.node(0).cpus == (0,)
        assert any("cpumap is taken" in conflict.taken for conflict in topology.conflicts)

    def test_a_kernel_without_numa(self, host: SysfsHost) -> None:
        host.cpu_lists("0-1")
        host.cpu(0, "0")
        host.cpu(1, "1")
        host.write("proc/meminfo", "MemTotal:        4096000 kB")
        host.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "7")
        topology = read(host)
        assert (topology.node_ids, topology.nodes[0].cpus, topology.nodes[0].memory_kib) == ((0,), (0, 1), 4096000)
        assert topology.nodes[0].hugepages[0].total == 7
        assert any("no NUMA nodes" in entry.consequence for entry in topology.missing)

    def test_values_that_are_no_values_are_named_not_believed(self, host: SysfsHost) -> None:
        two_nodes(host)
        host.write("sys/devices/system/cpu/cpu0/topology/physical_package_id", "none")
        host.write("sys/devices/system/node/node1/cpulist", "2-x")
        topology = read(host)
        assert topology.sibling_groups[0].package is None
        assert {"/sys/devices/system/cpu/cpu0/topology/physical_package_id", "/sys/devices/system/node/node1/cpulist"} <= {
            conflict.where for conflict in topology.conflicts
        }

    def test_page_sizes_without_sysfs_come_from_the_flags(self, host: SysfsHost) -> None:
        two_nodes(host)
        host.write("proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu pse lm pdpe1gb")
        assert read(host).page_sizes_kib == (2048, 1048576)

    def test_an_empty_directory_is_a_host_of_which_nothing_is_known(self, host: SysfsHost) -> None:
        topology = read(host)
        assert (topology.online, topology.boot_cpu, topology.architecture) == ((), None, None)
        assert topology.missing


class TestNics:
    ADDRESS = "0000:3b:00.0"

    def nic(
        self, host: SysfsHost, numa_node: int | None, local_cpus: str | None, bridges: tuple[str, ...] = ()
    ) -> tuple[Topology, int | None, str | None]:
        two_nodes(host)
        host.pci_nic(self.ADDRESS, "eth0", numa_node, local_cpus, bridges)
        topology = read(host)
        (nic,) = topology.nics
        assert (nic.name, nic.pci, nic.mac) == ("eth0", self.ADDRESS, "02:00:00:00:00:01")
        return topology, nic.node, nic.node_source

    def test_numa_node(self, host: SysfsHost) -> None:
        assert self.nic(host, 1, "2-3")[1:] == (1, "numa_node")

    def test_local_cpus_where_numa_node_says_nothing(self, host: SysfsHost) -> None:
        assert self.nic(host, -1, "2-3")[1:] == (1, "local_cpulist")

    def test_the_bridge_above_where_the_device_says_nothing(self, host: SysfsHost) -> None:
        host.pci_bridge("0000:3a:00.0", 1)
        assert self.nic(host, -1, "0-3", ("0000:3a:00.0",))[1:] == (1, "numa_node of the bridge 0000:3a:00.0")

    @pytest.mark.parametrize(("numa_node", "local_cpus"), [(0, "2-3"), (1, "0-3"), (7, "")])
    def test_conflicts_are_named_and_not_decided(self, host: SysfsHost, numa_node: int, local_cpus: str) -> None:
        topology, node, source = self.nic(host, numa_node, local_cpus)
        assert (node, source) == (None, None)
        assert [conflict.where for conflict in topology.conflicts] == [f"/sys/bus/pci/devices/{self.ADDRESS}"]

    def test_nothing_known_is_said(self, host: SysfsHost) -> None:
        topology, node, _source = self.nic(host, -1, "0-3")
        assert node is None
        assert any(self.ADDRESS in entry.file for entry in topology.missing)

    def test_a_device_on_a_node_without_cpus(self, host: SysfsHost) -> None:
        two_nodes(host)
        host.write("sys/devices/system/node/online", "0-2")
        host.node(2, "", distances="20 20 10")
        host.pci_nic(self.ADDRESS, None, 2, "")
        topology = read(host)
        assert [(nic.name, nic.node) for nic in topology.nics] == [(None, 2)]

    def test_a_domain_of_32_bits_and_a_virtual_netdev(self, host: SysfsHost) -> None:
        two_nodes(host)
        host.pci_nic("10000:00:04.0", "eth7", 0, "0-1")
        host.write("sys/devices/virtual/net/br-data/address", "02:00:00:00:00:02")
        host.link("sys/class/net/br-data", "../../devices/virtual/net/br-data")
        by_name = {nic.name: nic for nic in read(host).nics}
        assert (by_name["eth7"].pci, by_name["eth7"].node) == ("10000:00:04.0", 0)
        assert by_name["br-data"].virtual and by_name["br-data"].pci is None


@pytest.mark.parametrize(
    ("cpuinfo", "architecture"),
    [
        ("processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu lm", "x86_64"),
        ("processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu", "i686"),
        ("processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU architecture: 8", "aarch64"),
        ("processor\t: 0\nFeatures\t: half thumb\nCPU implementer\t: 0x41\nCPU architecture: 7", "arm"),
        ("vendor_id       : IBM/S390\n# processors    : 2\nprocessor 0: version = FF", "s390x"),
        ("processor\t: 0\ncpu\t\t: POWER9, altivec supported\nrevision\t: 2.1 (pvr 004e 1201)", "ppc64"),
        ("processor\t: 0\nhart\t\t: 2\nisa\t\t: rv64imafdc", "riscv64"),
        ("system type\t\t: generic-loongson-machine\n\nprocessor\t\t: 0", "loongarch64"),
        ("something\t: else", None),
    ],
)
def test_architecture(host: SysfsHost, cpuinfo: str, architecture: str | None) -> None:
    host.write("proc/cpuinfo", cpuinfo)
    assert read(host).architecture == architecture
