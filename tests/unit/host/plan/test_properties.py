# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every machine and every profile."""

from __future__ import annotations

import dataclasses
import json
import random
import typing as t

from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.planner import PlanRefused, plan_host
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.result import HostPlan
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology
from ansible_collections.baremetal.vmsite.tests.unit.host.plan.machines import machines, profiles

anything = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def planned(topology: Topology, asked: dict[str, t.Any]) -> HostPlan:
    """The plan of the profile or, where it is refused, of the nearest."""
    profile = Profile.from_dict(asked)
    try:
        return plan_host(topology, profile)
    except PlanRefused as refused:
        assert refused.nearest is not None
        return plan_host(topology, refused.nearest)


@anything
@given(machines(), profiles())
def test_sets_are_disjoint_and_complete(topology: Topology, asked: dict[str, t.Any]) -> None:
    plan = planned(topology, asked)
    assert sorted(plan.housekeeping + plan.pmd + plan.vm) == list(topology.online)


@anything
@given(machines(), profiles())
def test_siblings_stay_together(topology: Topology, asked: dict[str, t.Any]) -> None:
    plan = planned(topology, asked)
    sets = [set(plan.housekeeping), set(plan.pmd), set(plan.vm)]
    for group in topology.sibling_groups:
        assert sum(bool(members & set(group.cpus)) for members in sets) == 1


@anything
@given(machines(), profiles())
def test_every_node_with_cpus_and_memory_keeps_a_housekeeping_core_and_the_boot_cpu_is_one(
    topology: Topology, asked: dict[str, t.Any]
) -> None:
    plan = planned(topology, asked)
    assert topology.boot_cpu in plan.housekeeping
    for node in topology.nodes:
        if node.cpus and node.may_have_memory:
            assert set(node.cpus) & set(plan.housekeeping), f"node {node.node}"


@anything
@given(machines(), profiles())
def test_no_node_is_overcommitted(topology: Topology, asked: dict[str, t.Any]) -> None:
    plan = planned(topology, asked)
    memory_of = {memory.node: memory for memory in plan.memory.nodes}
    all_mib = dict.fromkeys(memory_of, 0.0)
    for pages in plan.as_dict()["hugepages"]:
        memory = memory_of[pages["node"]]
        size_mib = pages["count"] * pages["size_kib"] / 1024
        all_mib[pages["node"]] += size_mib
        if pages["size_kib"] == plan.memory.page_kib:
            assert size_mib == memory.hugepages
        if pages["count"]:
            assert memory.total is not None
            assert all_mib[pages["node"]] + memory.reserve + memory.guest_overhead <= memory.total
            assert pages["size_kib"] in topology.page_sizes_kib or not topology.page_sizes_kib


@anything
@given(machines(), profiles())
def test_pmd_threads_run_where_the_nics_are_and_on_nothing_a_vm_has(topology: Topology, asked: dict[str, t.Any]) -> None:
    plan = planned(topology, asked)
    assert not set(plan.roles.polling) & set(plan.vm)
    for placed in plan.nics:
        on_node = set(topology.node(placed.pmd_node).cpus) & set(plan.roles.polling)
        if topology.node(placed.pmd_node).may_have_memory or plan.pmd:
            assert on_node, f"{placed.nic.name} on node {placed.pmd_node}"
    assert not set(plan.roles.lcore) - set(plan.housekeeping)


@anything
@given(machines(), profiles())
def test_sets_that_the_profile_gives_are_the_plans(topology: Topology, asked: dict[str, t.Any]) -> None:
    plan = planned(topology, asked)
    given = plan.profile
    assert given.vm_cpus in (None, plan.vm)
    assert given.pmd_cpus in (None, plan.pmd)
    assert given.dpdk_lcore_cpus in (None, plan.roles.lcore)
    assert set(given.housekeeping_cpus or ()) <= set(plan.housekeeping)


@anything
@given(machines(), profiles())
def test_every_rendering_says_the_same(topology: Topology, asked: dict[str, t.Any]) -> None:
    plan = planned(topology, asked)
    said = plan.as_dict()
    kubelet, kernel = said["kubelet"], " ".join(said["kernel_args"])
    assert cpu_sets.parse_list(said["irq"]["affinity"]) == cpu_sets.parse_mask(said["irq"]["mask"]) == plan.housekeeping
    assert cpu_sets.parse_list(said["systemd"]["cpu_affinity"]) == plan.housekeeping
    assert set(plan.isolated).isdisjoint(plan.housekeeping)
    if plan.isolated:
        assert f"nohz_full={said['cpus']['isolated']}" in said["kernel_args"]
        assert f"irqaffinity={said['irq']['affinity']}" in said["kernel_args"]
    else:
        assert "isolcpus" not in kernel
    assert set(cpu_sets.parse_list(kubelet["reserved_system_cpus"])) == set(plan.housekeeping + plan.pmd)
    reservations = kubelet["kube_reserved_memory_mib"] + kubelet["system_reserved_memory_mib"] + kubelet["eviction_hard_memory_mib"]
    if all(memory.total is not None for memory in plan.memory.nodes):
        assert sum(entry["memory_mib"] for entry in kubelet["reserved_memory"]) == kubelet["reserved_memory_mib"] == reservations
    if said["ovs"]["enabled"]:
        assert cpu_sets.parse_mask(said["ovs"]["other_config"]["pmd-cpu-mask"]) == plan.roles.polling
        sockets = [int(part) for part in said["ovs"]["dpdk_socket_mem"].split(",") if part]
        assert {node: mib for node, mib in enumerate(sockets) if mib} == {
            memory.node: memory.ovs for memory in plan.memory.nodes if memory.ovs
        }


@anything
@given(machines(), profiles(), st.randoms(use_true_random=False))
def test_same_input_same_output_in_any_order(topology: Topology, asked: dict[str, t.Any], chance: random.Random) -> None:
    def shuffled(items: t.Iterable[t.Any]) -> tuple[t.Any, ...]:
        items = list(items)
        chance.shuffle(items)
        return tuple(items)

    mixed_topology = topology.as_dict()
    for key in ("nodes", "sibling_groups", "nics", "page_sizes_kib"):
        mixed_topology[key] = list(shuffled(mixed_topology[key]))
    mixed = dict(shuffled(asked.items()))
    for key in ("dpdk_nics", "vhost_ports"):
        if key in mixed:
            mixed[key] = list(shuffled(mixed[key]))
    outcomes = []
    for candidate, wanted in ((topology, asked), (topology, asked), (Topology.from_dict(mixed_topology), mixed)):
        try:
            outcomes.append(json.dumps(plan_host(candidate, Profile.from_dict(wanted)).as_dict()))
        except PlanRefused as refused:
            outcomes.append(str(refused))
    assert len(set(outcomes)) == 1


@anything
@given(machines(), profiles())
def test_the_nearest_profile_plans_asks_for_no_more_and_survives_as_json(topology: Topology, asked: dict[str, t.Any]) -> None:
    profile = Profile.from_dict(asked)
    try:
        plan_host(topology, profile)
    except PlanRefused as refused:
        target(float(len(refused.failures)))
        nearest = refused.nearest
        assert nearest is not None
        assert nearest != profile
        assert Profile.from_dict(json.loads(json.dumps(nearest.as_dict()))) == nearest
        assert nearest.housekeeping_cores_per_node <= profile.housekeeping_cores_per_node
        assert nearest.pmd_cores_per_nic_node <= profile.pmd_cores_per_nic_node
        assert {nic.name for nic in nearest.dpdk_nics} <= {nic.name for nic in profile.dpdk_nics}
        if profile.pin_vms == "shared":
            assert nearest.pin_vms == "shared"


@anything
@given(machines())
def test_a_topology_comes_back_from_json(topology: Topology) -> None:
    again = Topology.from_dict(json.loads(json.dumps(topology.as_dict())))
    assert again == topology
    assert dataclasses.replace(again, boot_cpu=None) != topology or topology.boot_cpu is None
