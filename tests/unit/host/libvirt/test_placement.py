# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import CpuPlan, Pinning, cpu_plan, explicit, place

TWO_NODES: dict[str, t.Any] = {
    "pinning": "dedicated",
    "hugepage_size_kib": 2048,
    "nodes": [
        {"node": 0, "dedicated": "2-3", "shared": "", "emulator": "0", "hugepages_mib": 1024},
        {"node": 1, "dedicated": "6-9", "shared": "", "emulator": "4", "hugepages_mib": 4096},
    ],
}
LAB_COMPUTE1: dict[str, t.Any] = {
    "pinning": "shared",
    "hugepage_size_kib": 2048,
    "nodes": [{"node": 0, "dedicated": "", "shared": "0", "emulator": "0", "hugepages_mib": 128}],
}


@pytest.fixture
def plan() -> CpuPlan:
    return cpu_plan(TWO_NODES)


def test_each_vcpu_gets_a_cpu_of_the_first_node_with_room(plan: CpuPlan) -> None:
    assert place(plan, 2, 512, ()) == Pinning(((2,), (3,)), (0,), 0)
    assert place(plan, 2, 512, {2}) == Pinning(((6,), (7,)), (4,), 1)
    assert place(plan, 4, 512, ()) == Pinning(((6,), (7,), (8,), (9,)), (4,), 1)


def test_memory_must_fit_the_node_as_well(plan: CpuPlan) -> None:
    assert place(plan, 1, 2048, ()) == Pinning(((6,),), (4,), 1)
    assert place(plan, 1, 8192, ()) is None


def test_a_vm_does_not_span_nodes(plan: CpuPlan) -> None:
    assert place(plan, 5, 512, ()) is None


def test_a_well_placed_vm_stays(plan: CpuPlan) -> None:
    assert place(plan, 2, 512, {6}, Pinning(((9,), (7,)), (4,), 1)) == Pinning(((9,), (7,)), (4,), 1)
    assert place(plan, 2, 512, {9}, Pinning(((9,), (7,)), (4,), 1)) == Pinning(((6,), (7,)), (4,), 1), "it stays on its node"


def test_a_node_can_be_asked_for(plan: CpuPlan) -> None:
    assert place(plan, 1, 512, (), node=1) == Pinning(((6,),), (4,), 1)
    assert place(plan, 3, 512, (), node=0) is None


def test_shared_cpus_are_for_all() -> None:
    assert place(cpu_plan(LAB_COMPUTE1), 2, 128, {0}) == Pinning(((0,), (0,)), (0,), 0)


def test_text_that_is_no_cpu_list_is_refused() -> None:
    with pytest.raises(Failure, match=r"plan\.libvirt\.nodes\[0\]\.dedicated"):
        cpu_plan({"nodes": [{"node": 0, "dedicated": "two"}]})
    with pytest.raises(Failure, match="vcpu_cpus of VM ledger1"):
        explicit({"vcpu_cpus": ["1", "b"]}, "VM ledger1")


@given(st.integers(1, 6), st.integers(0, 6000), st.sets(st.integers(0, 10)), st.lists(st.integers(0, 10), max_size=6))
def test_whatever_is_asked_a_place_is_sound(vcpus: int, memory: int, taken: set[int], before: list[int]) -> None:
    plan = cpu_plan(TWO_NODES)
    chosen = place(plan, vcpus, memory, taken, Pinning(tuple((cpu,) for cpu in before)))
    if chosen is None:
        return
    cpus = [cpu for one in chosen.vcpu_cpus for cpu in one]
    node = next(one for one in plan.nodes if one.node == chosen.numa_node)
    assert len(cpus) == len(set(cpus)) == vcpus
    assert set(cpus) <= set(node.dedicated) - taken
    assert node.hugepages_mib >= memory
    assert place(plan, vcpus, memory, taken, chosen) == chosen, "asked again, it stays"
