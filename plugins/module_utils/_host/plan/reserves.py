# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What every node keeps for kernel, daemons and kubelet before anything becomes a hugepage. In MiB."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.node_memory import NodeMemory, share
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.placement import home_node
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Reserved

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.cores import CoreRoles
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.findings import Findings
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology

# struct page takes 64 bytes per 4 KiB page: 1.6 % of the memory. On top, per node, slabs, page tables and per-CPU data.
KERNEL_PER_MILLE = 16
KERNEL_BASE_MIB = 128
# 2 % of the host for its daemons, within bounds; the kubelet's own figure is OpenShift's (Node Tuning Operator: 500 Mi).
DAEMONS_PERCENT, DAEMONS_LEAST_MIB, DAEMONS_MOST_MIB = 2, 512, 4096
KUBELET_MIB = 500
EVICTION_MIB = 100  # kubelet's default evictionHard memory.available


def reserve(topology: Topology, profile: Profile, roles: CoreRoles, findings: Findings) -> tuple[NodeMemory, ...]:
    """Per node the kernel's part, and of the host's daemons, kubelet and eviction threshold a part by its housekeeping CPUs."""
    totals = {node.node: None if node.memory_kib is None else node.memory_kib // 1024 for node in topology.nodes if node.may_have_memory}
    host = sum(total for total in totals.values() if total)
    wanted = profile.reserved
    daemons = wanted.daemons_mib
    if daemons is None:
        daemons = min(DAEMONS_MOST_MIB, max(DAEMONS_LEAST_MIB, host * DAEMONS_PERCENT // 100))
    kubelet = KUBELET_MIB if wanted.kubelet_mib is None else wanted.kubelet_mib
    eviction = EVICTION_MIB if wanted.eviction_mib is None else wanted.eviction_mib
    weights = _weights(topology, roles, totals)
    shares = [share(amount, weights) for amount in (daemons, kubelet, eviction)]
    nodes = []
    for number, total in totals.items():
        kernel = wanted.kernel_mib_per_node
        if kernel is None:
            kernel = 0 if total is None else -(-total * KERNEL_PER_MILLE // 1000) + KERNEL_BASE_MIB
        memory = NodeMemory(number, total, kernel, *(share.get(number, 0) for share in shares))
        nodes.append(_capped(memory, wanted, findings))
    findings.because(
        "memory.reserved",
        f"{sum(node.reserve for node in nodes)} MiB",
        f"kernel: {KERNEL_PER_MILLE / 10} % of each node for page structures and {KERNEL_BASE_MIB} MiB; daemons: {DAEMONS_PERCENT} % of the host, "
        f"{DAEMONS_LEAST_MIB} to {DAEMONS_MOST_MIB} MiB; kubelet {KUBELET_MIB}; eviction {EVICTION_MIB}; the host's parts are divided over "
        "the nodes by their housekeeping CPUs; a profile's own figures win",
        host_mib=host,
        daemons_mib=daemons,
        kubelet_mib=kubelet,
        eviction_mib=eviction,
    )
    return tuple(nodes)


def _capped(memory: NodeMemory, wanted: Reserved, findings: Findings) -> NodeMemory:
    """A tiny node keeps all it has. A profile that reserves more than a node has is refused."""
    if memory.total is None or memory.reserve <= memory.total:
        return memory
    if wanted != Reserved():
        findings.refuse(
            asked=f"{memory.reserve} MiB reserved on node {memory.node}",
            found=f"node {memory.node} has {memory.total} MiB",
            where="profile.reserved",
            remedy="reserve less, or leave it to the plan",
            mend=lambda profile: dataclasses.replace(profile, reserved=Reserved()),
        )
    left, parts = memory.total, []
    for part in (memory.kernel, memory.daemons, memory.kubelet, memory.eviction):
        parts.append(min(part, left))
        left -= parts[-1]
    findings.note(f"Node {memory.node} has only {memory.total} MiB: all of it is left to the host.")
    return dataclasses.replace(memory, kernel=parts[0], daemons=parts[1], kubelet=parts[2], eviction=parts[3])


def _weights(topology: Topology, roles: CoreRoles, totals: dict[int, int | None]) -> dict[int, int]:
    weights: dict[int, int] = {}
    for group in roles.housekeeping:
        if group.node in totals:
            weights[group.node] = weights.get(group.node, 0) + len(group.cpus)
    home = home_node(topology)
    return weights or ({home: 1} if home is not None else dict.fromkeys(totals, 1))
