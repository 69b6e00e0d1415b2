# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""A host's plan: every decision once, with its reason, and its rendering for everyone who needs it."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan import render

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.cores import CoreRoles
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.findings import Reason
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.memory import Memory
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.node_memory import NodeMemory
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.placement import PlacedNic
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import SiblingGroup, Topology

Json = dict[str, t.Any]
ROLES = ("housekeeping", "pmd", "vm")


@dataclasses.dataclass(frozen=True)
class HostPlan:
    """Immutable. C(as_dict) is what doors and roles get."""

    topology: Topology
    profile: Profile
    nics: tuple[PlacedNic, ...]
    roles: CoreRoles
    memory: Memory
    isolated: tuple[int, ...]
    kernel_args: tuple[str, ...]
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...]

    @property
    def housekeeping(self) -> tuple[int, ...]:
        return cpus_of(self.roles.housekeeping)

    @property
    def pmd(self) -> tuple[int, ...]:
        return cpus_of(self.roles.pmd)

    @property
    def vm(self) -> tuple[int, ...]:
        return cpus_of(self.roles.vm)

    def as_dict(self) -> Json:
        """CPU sets are lists (C(0-3,8)), memory is MiB, nodes are node numbers."""
        return {
            "cpus": {
                "online": cpu_sets.format_list(self.topology.online),
                "housekeeping": cpu_sets.format_list(self.housekeeping),
                "pmd": cpu_sets.format_list(self.pmd),
                "vm": cpu_sets.format_list(self.vm),
                "isolated": cpu_sets.format_list(self.isolated),
                "boot": self.topology.boot_cpu,
            },
            "nodes": [self._node(memory) for memory in self._memories()],
            "hugepages": render.hugepages(self),
            "kernel_args": list(self.kernel_args),
            "irq": render.irq(self),
            "rcu": render.rcu(self),
            "systemd": render.systemd(self),
            "ovs": render.ovs(self),
            "kubelet": render.kubelet(self),
            "libvirt": render.libvirt(self),
            "profile": self.profile.as_dict(),
            "reasons": [dataclasses.asdict(reason) for reason in self.reasons],
            "notes": list(self.notes),
        }

    def _memories(self) -> list[tuple[int, NodeMemory | None]]:
        memory_of = {memory.node: memory for memory in self.memory.nodes}
        return [(node.node, memory_of.get(node.node)) for node in self.topology.nodes]

    def _node(self, numbered: tuple[int, NodeMemory | None]) -> Json:
        number, memory = numbered
        return {
            "node": number,
            **{role: cpu_sets.format_list(cpus_of(groups_on(getattr(self.roles, role), number))) for role in ROLES},
            "cores": [
                {"cpus": cpu_sets.format_list(group.cpus), "role": role, "kind": group.kind}
                for role in ROLES
                for group in groups_on(getattr(self.roles, role), number)
            ],
            "memory": None
            if memory is None
            else {
                "total_mib": memory.total,
                "kernel_mib": memory.kernel,
                "daemons_mib": memory.daemons,
                "kubelet_mib": memory.kubelet,
                "eviction_mib": memory.eviction,
                "reserve_mib": memory.reserve,
                "ovs_mib": memory.ovs,
                "vm_mib": memory.vm,
                "hugepages_mib": memory.hugepages,
                "further_mib": memory.further,
                "guest_overhead_mib": memory.guest_overhead,
                "left_mib": memory.left,
            },
        }


def cpus_of(groups: t.Iterable[SiblingGroup]) -> tuple[int, ...]:
    return tuple(sorted(cpu for group in groups for cpu in group.cpus))


def groups_on(groups: t.Iterable[SiblingGroup], node: int) -> list[SiblingGroup]:
    return [group for group in groups if group.node == node]
