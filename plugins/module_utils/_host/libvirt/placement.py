# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Which host CPUs a VM gets, and on which NUMA node. No I/O.

C(plan) is C(host_plan_result.plan.libvirt): C(pinning) says whether each vCPU has a CPU of its own (C(dedicated)) or all VMs float over the
same CPUs (C(shared)).
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.cpus import format_list, parse_list

Sets = tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True)
class Pinning:
    """Host CPUs of each vCPU, host CPUs of QEMU's other threads, NUMA node of the memory. Empty or None: left to the host."""

    vcpu_cpus: Sets = ()
    emulator_cpus: tuple[int, ...] = ()
    numa_node: int | None = None


@dataclasses.dataclass(frozen=True)
class NodePlan:
    """What one NUMA node has for VMs."""

    node: int
    dedicated: tuple[int, ...]
    shared: tuple[int, ...]
    emulator: tuple[int, ...]
    hugepages_mib: int


@dataclasses.dataclass(frozen=True)
class CpuPlan:
    """What a host has for VMs. C(hugepage_size_kib) None: no hugepages for VMs."""

    is_dedicated: bool
    hugepage_size_kib: int | None
    nodes: tuple[NodePlan, ...]

    @property
    def cpus(self) -> set[int]:
        """Every CPU that a vCPU may have."""
        return {cpu for node in self.nodes for cpu in (*node.dedicated, *node.shared)}

    def __str__(self) -> str:
        kind = "one per vCPU" if self.is_dedicated else "shared"
        return f"{format_list(self.cpus) or 'no CPUs'} ({kind})"


def cpu_plan(plan: dict[str, t.Any]) -> CpuPlan:
    """From the plan's C(libvirt) part. Raises Failure for text that is no CPU list."""

    def cpus(node: dict[str, t.Any], key: str) -> tuple[int, ...]:
        return parse_list(node.get(key) or "", f"plan.libvirt.nodes[{node['node']}].{key}")

    nodes = tuple(
        NodePlan(node["node"], cpus(node, "dedicated"), cpus(node, "shared"), cpus(node, "emulator"), node.get("hugepages_mib") or 0)
        for node in plan.get("nodes") or []
    )
    return CpuPlan(plan.get("pinning") == "dedicated", plan.get("hugepage_size_kib"), nodes)


def place(
    plan: CpuPlan, vcpus: int, hugepages_mib: int, taken: t.Collection[int], current: Pinning | None = None, node: int | None = None
) -> Pinning | None:
    """A place on the host, or None if there is none. C(hugepages_mib) is 0 for a VM on ordinary memory; C(node) asks for that node.

    A VM that is well placed stays where it is; else the first node with room is taken, and its lowest CPUs that no other VM is pinned to.
    """
    options = []
    for one in plan.nodes:
        if (node is not None and one.node != node) or one.hugepages_mib < hugepages_mib:
            continue
        if plan.is_dedicated:
            free = [cpu for cpu in one.dedicated if cpu not in taken]
            if current and _keeps_its_own(current, vcpus, free):
                return dataclasses.replace(current, emulator_cpus=one.emulator, numa_node=one.node)
            if len(free) >= vcpus:
                options.append(Pinning(tuple((cpu,) for cpu in free[:vcpus]), one.emulator, one.node))
        elif one.shared:
            options.append(Pinning((one.shared,) * vcpus, one.emulator, one.node))
    stays = [option for option in options if current and option.numa_node == current.numa_node]
    return next(iter(stays + options), None)


def completed(plan: CpuPlan, pinning: Pinning) -> Pinning:
    """Chosen CPUs with the rest of their NUMA node's plan. Left as it is where the CPUs lie on several nodes."""
    cpus = {cpu for one in pinning.vcpu_cpus for cpu in one}
    node = next((node for node in plan.nodes if cpus <= {*node.dedicated, *node.shared}), None)
    if node is None:
        return pinning
    return Pinning(pinning.vcpu_cpus, pinning.emulator_cpus or node.emulator, node.node if pinning.numa_node is None else pinning.numa_node)


def _keeps_its_own(current: Pinning, vcpus: int, free: t.Collection[int]) -> bool:
    cpus = [cpus[0] for cpus in current.vcpu_cpus if len(cpus) == 1]
    return len(cpus) == vcpus == len(set(cpus)) and set(cpus) <= set(free)


def explicit(options: dict[str, t.Any], what: str) -> Pinning:
    """A pinning as a user writes it. Raises Failure for text that is no CPU list."""
    return Pinning(
        tuple(parse_list(text, f"vcpu_cpus of {what}") for text in options.get("vcpu_cpus") or []),
        parse_list(options.get("emulator_cpus") or "", f"emulator_cpus of {what}"),
        options.get("numa_node"),
    )
