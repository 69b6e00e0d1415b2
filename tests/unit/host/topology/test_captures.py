# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real machines: what read_topology says of each capture against the reading that comes with it."""

from __future__ import annotations

import functools
import json
import pathlib
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.planner import PlanRefused, plan_host
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.reader import read_topology
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology
from ansible_collections.baremetal.vmsite.tests.unit.host.topology.captures import Capture, Expected, all_captures

PROFILES: dict[str, dict[str, t.Any]] = {
    "nothing asked": {},
    "all memory for VMs": {"hugepages": {"vm_mib": "rest"}},
    "OVS with DPDK": {"dpdk_nics": [{"name": "dpdk0", "devargs": "net_null0"}], "vhost_ports": [{"count": 16}]},
    "the original design's collision": {"dpdk_lcore_cpus": "0-1", "vm_cpus": "0-1"},
}


class Read(t.NamedTuple):
    capture: Capture
    root: pathlib.Path
    topology: Topology
    expected: Expected


@pytest.fixture(scope="session")
def reading(tmp_path_factory: pytest.TempPathFactory) -> t.Callable[[Capture], Read]:
    """Unpacks and reads each capture once."""

    @functools.cache
    def read_one(capture: Capture) -> Read:
        root = capture.unpack(tmp_path_factory.mktemp("capture"))
        return Read(capture, root, read_topology(HostRoot(str(root))), capture.expected())

    return read_one


@pytest.fixture(params=all_captures(), ids=lambda capture: capture.name)
def read(request: pytest.FixtureRequest, reading: t.Callable[[Capture], Read]) -> Read:
    return reading(request.param)


def test_online_and_offline_cpus(read: Read) -> None:
    assert set(read.topology.online) == read.expected.online
    if read.expected.offline is not None:
        assert set(read.topology.offline) == read.expected.offline


def test_cores(read: Read) -> None:
    """hwloc counts the two halves of an AMD module as cores, lscpu the module as one."""
    ours = {frozenset(core) for group in read.topology.sibling_groups for core in group.cores}
    if read.capture.reading.suffix == ".expected":
        ours = {frozenset(group.cpus) for group in read.topology.sibling_groups}
    if read.expected.cores is None:
        assert all(len(core) == 1 for core in ours), "cores were found although the expected reading has none"
    else:
        assert ours == read.expected.cores


def test_sibling_groups_are_the_online_cpus(read: Read) -> None:
    members = [cpu for group in read.topology.sibling_groups for cpu in group.cpus]
    assert sorted(members) == list(read.topology.online)


def test_nodes_and_their_cpus(read: Read) -> None:
    if read.expected.node_cpus is None:
        assert read.topology.node_ids == (0,), "the expected reading knows no nodes"
        return
    ours = {node.node: frozenset(node.cpus) for node in read.topology.nodes if node.cpus or node.may_have_memory}
    if read.capture.reading.suffix != ".expected":  # hwloc hides nodes without memory
        ours = {node: cpus for node, cpus in ours.items() if read.topology.node(node).may_have_memory}
    assert set(ours) == set(read.expected.node_cpus)
    for node, cpus in ours.items():
        if cpus:
            assert cpus == read.expected.node_cpus[node], f"node {node}"
        else:
            others = [
                other for other, theirs in read.expected.node_cpus.items() if other != node and theirs & read.expected.node_cpus[node]
            ]
            assert others or not read.expected.node_cpus[node], f"node {node} has no CPUs, and hwloc puts it beside no other node"


def test_node_memory(read: Read) -> None:
    for node, (size, precision) in read.expected.memory_kib.items():
        ours = read.topology.node(node).memory_kib
        assert ours is not None and abs(ours - size) < max(precision, 2), f"node {node}"


def test_pci_locality_agrees_or_is_named_unknown(read: Read) -> None:
    """hwloc's own tests force another locality on some captures by an environment variable; there /sys must really say nothing."""
    named = " ".join([entry.file for entry in read.topology.missing] + [entry.where for entry in read.topology.conflicts])
    for nic in read.topology.nics:
        if nic.pci is None or nic.pci not in read.expected.pci_nodes:
            continue
        if nic.node is None:
            assert nic.pci in named
            assert not _sysfs_is_of_one_mind(read.root, nic.pci, read.topology), f"{nic.pci}: /sys says where it is"
        else:
            assert nic.node in read.expected.pci_nodes[nic.pci], f"{nic.pci}"


def test_some_capture_has_nics_whose_node_is_known(reading: t.Callable[[Capture], Read]) -> None:
    """Keeps the test above from passing for want of cases."""
    with_pci = [reading(capture) for capture in all_captures() if capture.expected().pci_nodes]
    located = sum(nic.node is not None for read in with_pci for nic in read.topology.nics if nic.pci in read.expected.pci_nodes)
    assert located >= 3


def test_travels_as_json(read: Read) -> None:
    assert Topology.from_dict(json.loads(json.dumps(read.topology.as_dict()))) == read.topology


def test_what_a_capture_lacks_is_named(read: Read) -> None:
    named = {entry.file for entry in read.topology.missing}
    for path in ("/proc/cmdline", "/proc/cpuinfo", "/sys/devices/system/cpu/online", "/sys/devices/system/cpu/present", "/sys/class/net"):
        assert (path in named) == (not (read.root / path.lstrip("/")).exists()), path
    for node in read.topology.nodes:
        meminfo = f"/sys/devices/system/node/node{node.node}/meminfo"
        if (read.root / "sys/devices/system/node/node0").exists() and not (read.root / meminfo.lstrip("/")).exists():
            assert meminfo in named


@pytest.mark.parametrize("name", PROFILES)
def test_plans_or_refuses_with_reasons_and_a_profile_that_plans(read: Read, name: str) -> None:
    profile = Profile.from_dict(PROFILES[name])
    try:
        plan = plan_host(read.topology, profile)
    except PlanRefused as refused:
        assert len(refused.failures) >= 2
        assert all(failure.asked and failure.found and failure.where and failure.remedy for failure in refused.failures)
        assert refused.nearest is not None
        plan = plan_host(read.topology, refused.nearest)
    assert sorted(plan.housekeeping + plan.pmd + plan.vm) == list(read.topology.online)


def _sysfs_is_of_one_mind(root: pathlib.Path, address: str, topology: Topology) -> bool:
    device = root / "sys/bus/pci/devices" / address
    said = int((device / "numa_node").read_text()) if (device / "numa_node").exists() else -1
    local = set(cpu_sets.parse_list((device / "local_cpulist").read_text())) if (device / "local_cpulist").exists() else set()
    touched = [node.node for node in topology.nodes if local & set(node.cpus)]
    return len(touched) == 1 and said in (-1, touched[0])
