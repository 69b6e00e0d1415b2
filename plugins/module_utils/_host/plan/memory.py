# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Memory of the host: reserves first, then OVS's hugepages, then those of VMs."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.further_pages import with_further
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.guest_memory import with_guests
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.mempools import MIB, Mempool, mempools
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.node_memory import NodeMemory
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.ovs_memory import expected_ports, with_ovs
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.placement import home_node
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.reserves import reserve

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.cores import CoreRoles
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.findings import Findings
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.placement import PlacedNic
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology

LARGE_PAGE_KIB = 1048576
LARGE_PAGE_FROM_MIB = 16384
USUAL_PAGE_KIB = 2048


@dataclasses.dataclass(frozen=True)
class Memory:
    page_kib: int | None
    nodes: tuple[NodeMemory, ...]
    mempools: tuple[Mempool, ...]


def plan_memory(topology: Topology, profile: Profile, placed: tuple[PlacedNic, ...], roles: CoreRoles, findings: Findings) -> Memory:
    vm_nodes = _vm_nodes(topology, roles)
    ports = expected_ports(profile, placed, vm_nodes, findings)
    pools = mempools(ports, profile.memory_model, len(roles.polling))
    nodes = reserve(topology, profile, roles, findings)
    if not profile.uses_dpdk and not profile.hugepages.vm_mib and not profile.hugepages.vm_mib_per_node:
        return Memory(None, with_further(nodes, topology, profile, None, findings), ())
    page_kib = _page_size(topology, profile, findings)
    nodes = with_further(nodes, topology, profile, page_kib, findings)
    nodes = with_ovs(nodes, profile, pools, page_kib, findings)
    nodes = with_guests(nodes, profile, vm_nodes, roles, page_kib, findings)
    for pool in pools:
        findings.because(
            f"ovs.mempools[node {pool.node}, {', '.join(pool.ports)}]",
            f"{-(-pool.bytes // MIB)} MiB",
            pool.rule,
            buffer_bytes=pool.buffer_bytes,
            buffers=pool.buffers,
            pools=pool.count,
            ports=list(pool.ports),
        )
    return Memory(page_kib, nodes, pools)


def _vm_nodes(topology: Topology, roles: CoreRoles) -> tuple[int, ...]:
    """Nodes that can run a VM: with cores of the VM pool (or of housekeeping, if VMs share it) and memory."""
    pool = roles.vm or roles.housekeeping
    with_cores = {group.node for group in pool}
    nodes = tuple(node.node for node in topology.nodes if node.node in with_cores and node.may_have_memory)
    home = home_node(topology)
    return nodes or ((home,) if home is not None else ())


def _page_size(topology: Topology, profile: Profile, findings: Findings) -> int:
    sizes, wanted = topology.page_sizes_kib, profile.hugepages.size_kib
    memories = [node.memory_kib // 1024 for node in topology.nodes if node.cpus and node.memory_kib]
    if wanted is not None:
        if wanted in sizes:
            findings.because("hugepages.size_kib", wanted, "as the profile says; the host supports it", supported=list(sizes))
            return wanted
        if not sizes:
            findings.note(f"Whether the host supports pages of {wanted} KiB cannot be seen; the profile is believed.")
            return wanted
    if LARGE_PAGE_KIB in sizes and memories and min(memories) >= LARGE_PAGE_FROM_MIB:
        chosen = LARGE_PAGE_KIB
    elif USUAL_PAGE_KIB in sizes or not sizes:
        chosen = USUAL_PAGE_KIB
    else:
        chosen = min((size for size in sizes if size >= 1024), default=max(sizes))
    if wanted is not None:
        findings.refuse(
            asked=f"hugepages of {wanted} KiB",
            found=f"the host supports {', '.join(f'{size} KiB' for size in sizes)}",
            where="profile.hugepages.size_kib",
            remedy="ask for one of those, or leave the size to the plan",
            mend=lambda profile: dataclasses.replace(profile, hugepages=dataclasses.replace(profile.hugepages, size_kib=chosen)),
        )
    elif not sizes:
        findings.note(f"Which page sizes the host supports cannot be seen; {USUAL_PAGE_KIB} KiB is assumed.")
    findings.because(
        "hugepages.size_kib",
        chosen,
        f"1 GiB where the host supports it and every node with CPUs has {LARGE_PAGE_FROM_MIB} MiB; else 2 MiB; else the smallest from 1 MiB",
        supported=list(sizes),
        least_node_mib=min(memories, default=None),
    )
    return chosen
