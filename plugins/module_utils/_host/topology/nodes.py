# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""NUMA nodes: their CPUs, memory, hugepages and distances.

Node numbers may have gaps; a node may have no CPUs (memory only) or no memory. Source: Documentation/ABI/stable/sysfs-devices-node.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.evidence import NODE_DIRECTORY
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import HugepagePool, Node

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.evidence import Evidence
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.processor import Processor

MEMORY_TOTAL = re.compile(r"MemTotal:\s+(\d+) kB")
HUGEPAGES = "/sys/kernel/mm/hugepages"
# x86 says by a flag which page sizes it can map (Intel SDM vol. 3, 4.1.4); other architectures do not.
X86_PAGE_FLAGS = {"pse": 2048, "pdpe1gb": 1048576}


def read_nodes(evidence: Evidence, online: tuple[int, ...]) -> tuple[Node, ...]:
    numbers = _online_nodes(evidence)
    if not numbers:
        evidence.note_missing(f"{NODE_DIRECTORY}/node0", "the kernel shows no NUMA nodes: all CPUs and memory are taken as node 0")
        return (Node(0, online, _host_memory(evidence), _pools(evidence, HUGEPAGES)),)
    nodes: list[Node] = []
    for number in numbers:
        members = _cpus_of(evidence, number, online)
        claimed = next((node for node in nodes if set(node.cpus) & set(members)), None)
        if claimed:
            evidence.note_conflict(
                f"{NODE_DIRECTORY}/node{number}",
                f"it claims CPUs {cpu_sets.format_list(set(claimed.cpus) & set(members))}, which node {claimed.node} has",
                f"node {number} and its memory are left out",
            )
            continue
        directory = f"{NODE_DIRECTORY}/node{number}"
        nodes.append(
            Node(
                node=number,
                cpus=members,
                memory_kib=_memory_of(evidence, number, only=len(numbers) == 1),
                hugepages=_pools(evidence, f"{directory}/hugepages"),
                distances=_distances(evidence, number, numbers),
            )
        )
    homeless = sorted(set(online) - {cpu for node in nodes for cpu in node.cpus})
    if homeless:
        evidence.note_missing(NODE_DIRECTORY, f"the CPUs {cpu_sets.format_list(homeless)} are online but on no online node")
    return tuple(nodes)


def read_page_sizes(evidence: Evidence, processor: Processor, nodes: tuple[Node, ...]) -> tuple[int, ...]:
    """The hugepage sizes this host can have, in KiB."""
    sizes = {pool.size_kib for node in nodes for pool in node.hugepages} | {pool.size_kib for pool in _pools(evidence, HUGEPAGES)}
    if sizes:
        return tuple(sorted(sizes))
    from_flags = tuple(sorted(size for flag, size in X86_PAGE_FLAGS.items() if flag in processor.flags))
    evidence.note_missing(
        HUGEPAGES,
        f"supported sizes taken from the CPU's flags: {', '.join(f'{size} KiB' for size in from_flags)}"
        if from_flags
        else "which hugepage sizes the host supports is unknown",
    )
    return from_flags


def _online_nodes(evidence: Evidence) -> tuple[int, ...]:
    directories = evidence.numbered(NODE_DIRECTORY, "node")
    listed = evidence.cpu_list(f"{NODE_DIRECTORY}/online")  # node lists have the format of CPU lists
    if listed is None:
        if directories:
            evidence.note_missing(f"{NODE_DIRECTORY}/online", "online nodes taken from the nodeN directories")
        return directories
    for number in sorted(set(listed) ^ set(directories)):
        has_directory = number in directories
        evidence.note_conflict(
            f"{NODE_DIRECTORY}/online",
            f"node {number} " + ("has a directory but is not online" if has_directory else "is online but has no directory"),
            "left out",
        )
    return tuple(number for number in directories if number in listed)


def _cpus_of(evidence: Evidence, number: int, online: tuple[int, ...]) -> tuple[int, ...]:
    directory = f"{NODE_DIRECTORY}/node{number}"
    from_mask = evidence.cpu_mask(f"{directory}/cpumap")
    from_list = evidence.cpu_list(f"{directory}/cpulist")
    if from_mask is None and from_list is None:
        members = evidence.numbered(directory, "cpu")
        evidence.note_missing(f"{directory}/cpulist", f"its CPUs taken from its cpuN links: {cpu_sets.format_list(members) or 'none'}")
    else:
        members = from_mask if from_mask is not None else from_list or ()
    members = tuple(cpu for cpu in members if cpu in set(online))
    if from_mask is not None and from_list is not None and set(from_list) & set(online) != set(members):
        evidence.note_conflict(
            f"{directory}/cpulist",
            f"it says {cpu_sets.format_list(from_list)}, cpumap says {cpu_sets.format_list(from_mask)}",
            "cpumap is taken",
        )
    return members


def _memory_of(evidence: Evidence, number: int, only: bool) -> int | None:
    path = f"{NODE_DIRECTORY}/node{number}/meminfo"
    found = MEMORY_TOTAL.search(evidence.text(path) or "")
    if found:
        return int(found[1])
    if only:
        evidence.note_missing(path, "it is the only node: the memory of the host is taken")
        return _host_memory(evidence)
    evidence.note_missing(path, f"the memory of node {number} is unknown: nothing that needs memory can be planned there")
    return None


def _host_memory(evidence: Evidence) -> int | None:
    found = MEMORY_TOTAL.search(evidence.text("/proc/meminfo") or "")
    if not found:
        evidence.note_missing("/proc/meminfo", "the memory of the host is unknown: nothing that needs memory can be planned")
    return int(found[1]) if found else None


def _distances(evidence: Evidence, number: int, numbers: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """To each online node. The kernel lists them in the order of the online nodes, not by number."""
    path = f"{NODE_DIRECTORY}/node{number}/distance"
    text = evidence.text(path)
    if text is None:
        if len(numbers) > 1:
            evidence.note_missing(path, f"distances from node {number} are unknown: other nodes are taken as equally far")
        return ()
    values = text.split()
    if len(values) != len(numbers) or not all(value.isdigit() for value in values):
        evidence.note_conflict(path, f"{len(values)} distances for {len(numbers)} online nodes", "distances left out")
        return ()
    return tuple(zip(numbers, (int(value) for value in values)))


def _pools(evidence: Evidence, directory: str) -> tuple[HugepagePool, ...]:
    pools = []
    for name in evidence.root.names(directory):
        size = re.fullmatch(r"hugepages-(\d+)kB", name)
        if size:
            total, free, surplus = (evidence.number(f"{directory}/{name}/{count}_hugepages") or 0 for count in ("nr", "free", "surplus"))
            pools.append(HugepagePool(int(size[1]), total, free, surplus))
    return tuple(sorted(pools, key=lambda pool: pool.size_kib))
