# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Puts every DPDK NIC on its NUMA node, and says on which node its PMD threads must run."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.virtual_addresses import index_of

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.findings import Findings
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import DpdkNic, Profile
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Nic, Topology

    Mend = t.Callable[[Profile], Profile]

# RTE_MAX_NUMA_NODES of every DPDK build that distributions ship: EAL refuses to start when a CPU lies on a node beyond it
# (lib/eal/common/eal_common_lcore.c), and dpdk-socket-mem has one position per node number.
DPDK_NODES = 32


@dataclasses.dataclass(frozen=True)
class PlacedNic:
    """C(node) holds the NIC's memory; C(pmd_node), usually the same, has the CPUs that poll it."""

    nic: DpdkNic
    node: int
    pmd_node: int


def place_nics(topology: Topology, profile: Profile, findings: Findings) -> tuple[PlacedNic, ...]:
    """The NICs that have a place; each other one is a problem in C(findings)."""
    if not profile.uses_dpdk:
        return ()
    _refuse_nodes_beyond_dpdk(topology, findings)
    placed = []
    for nic in profile.dpdk_nics:
        node = _node_of(topology, nic, findings)
        if node is None:
            continue
        if not topology.node(node).may_have_memory:
            findings.refuse(
                asked=f"the DPDK NIC {nic.name} on node {node}",
                found=f"node {node} has no memory, and DPDK takes a NIC's buffers from the NIC's own node",
                where=_where(nic),
                remedy="leave the NIC to the kernel, or put it on a node with memory",
                mend=_dropping(nic),
            )
            continue
        pmd_node = nearest_with_cpus(topology, node)
        if pmd_node is not None:
            placed.append(PlacedNic(nic, node, pmd_node))
            if pmd_node != node:
                findings.note(f"{nic.name}: node {node} has no CPUs; its PMD runs on node {pmd_node}, the nearest that has")
    return tuple(placed)


def nearest_with_cpus(topology: Topology, node: int) -> int | None:
    """The node itself if it has CPUs, else the one at the smallest distance, the lowest number first."""
    here = topology.node(node)
    with_cpus = [other for other in topology.nodes if other.cpus]
    return min(with_cpus, key=lambda other: (other.node != node, here.distance_to(other.node), other.node)).node if with_cpus else None


def home_node(topology: Topology) -> int | None:
    """Where things go that nothing else places: the boot CPU's node if it has memory, else the first node with CPUs and memory."""
    candidates = [node for node in topology.nodes if node.cpus and node.may_have_memory]
    return min(candidates, key=lambda node: (topology.boot_cpu not in node.cpus, node.node)).node if candidates else None


def _node_of(topology: Topology, nic: DpdkNic, findings: Findings) -> int | None:
    """What the host says, else what the profile says, else the only node there is."""
    device = _device_of(topology, nic)
    objection = _objection(topology, nic, device)
    if objection:
        found, remedy, mend = objection
        findings.refuse(f"the DPDK NIC {nic.name}", found, _where(nic), remedy, mend)
        return None
    if device and device.node is not None:
        return device.node
    return topology.nodes[0].node if nic.node is None else nic.node


def _device_of(topology: Topology, nic: DpdkNic) -> Nic | None:
    """The function itself, or the physical function whose VF it will be: a VF lies where its physical function does."""
    functions = [device for device in topology.nics if device.pci and nic.pci]
    itself = next((device for device in functions if device.pci == nic.pci), None)
    return itself or next((device for device in functions if _makes(device, nic)), None)


def _makes(device: Nic, nic: DpdkNic) -> bool:
    index = index_of(nic.pci or "", device.pci or "", device.sriov_offset, device.sriov_stride, device.sriov_totalvfs)
    return index is not None


def _objection(topology: Topology, nic: DpdkNic, device: Nic | None) -> tuple[str, str, Mend] | None:
    """Why a NIC has no certain place: what was found, what to do, and how the nearest profile does it."""
    nodes = cpu_sets.format_list(topology.node_ids)
    knows_pci = any(device.pci for device in topology.nics)
    if nic.node is not None and nic.node not in topology.node_ids:
        return f"node {nic.node} is not there: the nodes are {nodes}", "name a node of the host", _putting(nic, None)
    if nic.pci and device is None and (nic.node is None or knows_pci):
        addresses = sorted({device.pci for device in topology.nics if device.pci})
        found = f"the host has no network device at {nic.pci}" if knows_pci else "the topology shows no PCI devices"
        return found, f"name one of {', '.join(addresses)}" if addresses else "give the NIC's node", _dropping(nic)
    if device and device.node is not None and nic.node not in (None, device.node):
        found = f"the profile says node {nic.node}, the host says node {device.node} ({device.node_source})"
        return found, "leave node out, or give the host's", _putting(nic, device.node)
    if (device is None or device.node is None) and nic.node is None and len(topology.nodes) > 1:
        home = home_node(topology)
        mend = _dropping(nic) if home is None else _putting(nic, home)
        return f"nothing says on which of the nodes {nodes} it is", "give the NIC's node", mend
    return None


def _refuse_nodes_beyond_dpdk(topology: Topology, findings: Findings) -> None:
    beyond = [node.node for node in topology.nodes if node.cpus and node.node >= DPDK_NODES]
    if beyond:
        findings.refuse(
            asked="OVS with DPDK",
            found=f"CPUs lie on nodes {cpu_sets.format_list(beyond)}; DPDK is built for node numbers below {DPDK_NODES} and does not start",
            where="profile.dpdk_nics, profile.vhost_ports",
            remedy="use kernel OVS on this host",
            mend=lambda profile: dataclasses.replace(profile, dpdk_nics=(), vhost_ports=()),
        )


def _where(nic: DpdkNic) -> str:
    return f"profile.dpdk_nics, {nic.name} ({nic.pci or nic.devargs})"


def _dropping(nic: DpdkNic) -> Mend:
    return lambda profile: dataclasses.replace(profile, dpdk_nics=tuple(other for other in profile.dpdk_nics if other.name != nic.name))


def _putting(nic: DpdkNic, node: int | None) -> Mend:
    def mend(profile: Profile) -> Profile:
        nics = tuple(dataclasses.replace(other, node=node) if other.name == nic.name else other for other in profile.dpdk_nics)
        return dataclasses.replace(profile, dpdk_nics=nics)

    return mend
