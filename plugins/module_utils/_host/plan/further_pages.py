# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Hugepages of a second size, as the profile says them: checked against the host and taken from each node's memory before OVS and VMs get theirs."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.findings import Findings
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.node_memory import NodeMemory
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import FurtherPages, Profile
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology


def with_further(
    nodes: tuple[NodeMemory, ...], topology: Topology, profile: Profile, page_kib: int | None, findings: Findings
) -> tuple[NodeMemory, ...]:
    """C(page_kib) is the plan's own size, None where it has no pages."""
    given = {memory.node: memory for memory in nodes}
    for pages in profile.hugepages.further:
        memory = given.get(pages.node)
        mib = -(-pages.size_kib * pages.count // 1024)
        found = _objection(pages, mib, memory, topology, page_kib)
        if found or memory is None:
            findings.refuse(
                asked=f"{pages.count} further hugepages of {pages.size_kib} KiB on node {pages.node}",
                found=found,
                where="profile.hugepages.further",
                remedy="ask for a size, a node and a number that the host has, or leave them out",
                mend=functools.partial(_without, dropped=pages),
            )
            continue
        given[pages.node] = dataclasses.replace(memory, further=memory.further + mib)
        findings.because(
            f"memory.nodes[{pages.node}].further_mib", given[pages.node].further, "as the profile says", size_kib=pages.size_kib
        )
    return tuple(given.values())


def _objection(pages: FurtherPages, mib: int, memory: NodeMemory | None, topology: Topology, page_kib: int | None) -> str:
    sizes = topology.page_sizes_kib
    if memory is None:
        return f"the nodes with memory are {', '.join(str(node.node) for node in topology.nodes if node.may_have_memory)}"
    if sizes and pages.size_kib not in sizes:
        return f"the host supports {', '.join(f'{size} KiB' for size in sizes)}"
    if pages.size_kib == page_kib:
        return "that is the plan's own size, whose pages follow from vm_mib and the DPDK ports"
    if memory.total is None:
        return f"the topology does not say how much memory node {pages.node} has"
    if memory.reserve + memory.further + mib > memory.total:
        return f"node {pages.node} has {memory.total} MiB and keeps {memory.reserve} MiB for the host"
    return ""


def _without(profile: Profile, dropped: FurtherPages) -> Profile:
    kept = tuple(pages for pages in profile.hugepages.further if pages != dropped)
    return dataclasses.replace(profile, hugepages=dataclasses.replace(profile.hugepages, further=kept))
