# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The hugepage memory of OVS on each node: its packet buffers and a headroom. In MiB."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.mempools import MIB, Mempool, Port
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.node_memory import NodeMemory, round_up
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import PER_PORT

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.findings import Findings
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.placement import PlacedNic
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile

LEAST_HEADROOM_MIB = 64


def expected_ports(profile: Profile, placed: tuple[PlacedNic, ...], vm_nodes: tuple[int, ...], findings: Findings) -> list[Port]:
    """Every port that takes buffers: a NIC's from its own node, a vhost port's from the node of its VM."""
    ports = [Port(item.nic.name, item.node, item.nic.mtu, item.nic.n_rxq, item.nic.n_rxq_desc, item.nic.n_txq_desc) for item in placed]
    for entry in profile.vhost_ports:
        if entry.node is not None and entry.node not in vm_nodes:
            findings.refuse(
                asked=f"{entry.count} vhost ports on node {entry.node}",
                found=f"no VM can run there: VMs have cores and memory on the nodes {', '.join(map(str, vm_nodes)) or 'none'}",
                where="profile.vhost_ports",
                remedy="name one of those, or leave node out",
                mend=functools.partial(_vhost_anywhere, node=entry.node),
            )
            continue
        nodes = vm_nodes if entry.node is None else (entry.node,)
        if not nodes:
            findings.refuse(
                asked=f"{entry.count} vhost ports",
                found="no node has CPUs and memory",
                where="profile.vhost_ports",
                remedy="leave vhost_ports out",
                mend=lambda profile: dataclasses.replace(profile, vhost_ports=()),
            )
            continue
        each = -(-entry.count // len(nodes))
        ports += [Port("vhost ports", node, entry.mtu, entry.n_rxq, 2048, 2048, each, n_txq=entry.n_rxq) for node in nodes]
    return ports


def with_ovs(
    nodes: tuple[NodeMemory, ...], profile: Profile, pools: tuple[Mempool, ...], page_kib: int, findings: Findings
) -> tuple[NodeMemory, ...]:
    result = []
    for memory in nodes:
        here = [pool for pool in pools if pool.node == memory.node]
        if not here:
            result.append(memory)
            continue
        buffers = -(-sum(pool.bytes for pool in here) // MIB)
        ovs = round_up(buffers + profile.ovs_headroom_mib, page_kib)
        findings.because(
            f"ovs.dpdk-socket-mem[{memory.node}]",
            f"{ovs} MiB",
            "the node's mempools and the headroom for queues, flow tables and the EAL, rounded up to whole pages",
            mempools_mib=buffers,
            headroom_mib=profile.ovs_headroom_mib,
            page_kib=page_kib,
        )
        if memory.total is None or memory.reserve + memory.further + ovs > memory.total:
            _refuse_ovs(memory, ovs, here, profile, findings)
            result.append(memory)
        else:
            result.append(dataclasses.replace(memory, ovs=ovs))
    return tuple(result)


def _refuse_ovs(memory: NodeMemory, ovs: int, here: list[Mempool], profile: Profile, findings: Findings) -> None:
    names = tuple(name for pool in here for name in pool.ports)
    mend: t.Callable[[Profile], Profile] = functools.partial(_without_dpdk, node=memory.node, nics=names)
    if memory.total is None:
        found = f"the topology does not say how much memory node {memory.node} has"
    else:
        found = (
            f"node {memory.node} has {memory.total} MiB and keeps {memory.reserve + memory.further} MiB for the host and further hugepages"
        )
        if profile.memory_model != PER_PORT:
            mend = functools.partial(_with, memory_model=PER_PORT)
        elif profile.ovs_headroom_mib > LEAST_HEADROOM_MIB:
            mend = functools.partial(_with, ovs_headroom_mib=LEAST_HEADROOM_MIB)
    findings.refuse(
        asked=f"{ovs} MiB for OVS on node {memory.node}: buffers of {', '.join(sorted(set(names)))}, and {profile.ovs_headroom_mib} MiB headroom",
        found=found,
        where="profile.dpdk_nics, profile.vhost_ports, profile.memory_model",
        remedy="memory_model: per_port, fewer ports or smaller MTUs, less headroom, or a node with more memory",
        mend=mend,
    )


def _vhost_anywhere(profile: Profile, node: int) -> Profile:
    return dataclasses.replace(
        profile,
        vhost_ports=tuple(dataclasses.replace(entry, node=None) if entry.node == node else entry for entry in profile.vhost_ports),
    )


def _without_dpdk(profile: Profile, node: int, nics: tuple[str, ...]) -> Profile:
    """Without what takes OVS memory on one node: first the vhost ports that may lie there, then its NICs."""
    elsewhere = tuple(entry for entry in profile.vhost_ports if entry.node not in (None, node))
    if elsewhere != profile.vhost_ports:
        return dataclasses.replace(profile, vhost_ports=elsewhere)
    return dataclasses.replace(profile, dpdk_nics=tuple(nic for nic in profile.dpdk_nics if nic.name not in nics))


def _with(profile: Profile, **changes: t.Any) -> Profile:
    return dataclasses.replace(profile, **changes)
