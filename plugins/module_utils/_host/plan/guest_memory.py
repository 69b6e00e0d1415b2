# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Divides hugepages for VMs over the nodes that can run them. In MiB."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.node_memory import (
    GUEST_OVERHEAD_PERCENT,
    NodeMemory,
    page_mib,
    round_down,
    round_up,
    share,
)
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import REST

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.cores import CoreRoles
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.findings import Findings
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Hugepages, Profile


def with_guests(
    nodes: tuple[NodeMemory, ...], profile: Profile, vm_nodes: tuple[int, ...], roles: CoreRoles, page_kib: int, findings: Findings
) -> tuple[NodeMemory, ...]:
    wanted = profile.hugepages
    if not wanted.vm_mib and not wanted.vm_mib_per_node:
        return nodes
    unknown = [memory.node for memory in nodes if memory.node in vm_nodes and memory.total is None]
    if unknown:
        findings.refuse(
            asked="hugepages for VMs",
            found=f"the topology does not say how much memory node {', '.join(map(str, unknown))} has",
            where="profile.hugepages",
            remedy="plan with a topology that has each node's meminfo",
            mend=functools.partial(_with_hugepages, vm_mib=0, vm_mib_per_node=()),
        )
        return nodes
    capacity = {memory.node: _capacity(memory, page_kib) for memory in nodes if memory.node in vm_nodes}
    if wanted.vm_mib_per_node:
        given = _given_per_node(wanted, capacity, page_kib, findings)
        rule = "as the profile says, rounded up to whole pages"
    else:
        given = _divided(wanted, capacity, roles, page_kib, findings)
        rule = (
            "what the node can give"
            if wanted.vm_mib == REST
            else "divided over the nodes by their VM cores, what does not fit going to the others"
        )
    for node, mib in given.items():
        findings.because(
            f"memory.nodes[{node}].vm_mib",
            mib,
            rule,
            asked=wanted.vm_mib or dict(wanted.vm_mib_per_node).get(node, 0),
            capacity_mib=capacity.get(node, 0),
        )
    return tuple(dataclasses.replace(memory, vm=given.get(memory.node, 0)) for memory in nodes)


def _capacity(memory: NodeMemory, page_kib: int) -> int:
    """The most guest memory that leaves the node its reserve, OVS its pages and QEMU its overhead; whole pages."""
    free = max(0, (memory.total or 0) - memory.reserve - memory.ovs - memory.further)
    capacity = round_down(free * 100 // (100 + GUEST_OVERHEAD_PERCENT), page_kib)
    return capacity if capacity + -(-capacity * GUEST_OVERHEAD_PERCENT // 100) <= free else max(0, capacity - page_mib(page_kib))


def _given_per_node(wanted: Hugepages, capacity: dict[int, int], page_kib: int, findings: Findings) -> dict[int, int]:
    given = {}
    for node, mib in wanted.vm_mib_per_node:
        pages = round_up(mib, page_kib)
        most = capacity.get(node)
        if most is None:
            found = f"no VM can run on node {node}: VMs have cores and memory on {', '.join(map(str, capacity)) or 'no node'}"
        elif pages > most:
            found = f"node {node} can give {most} MiB beside the host's and OVS's memory and QEMU's overhead"
        else:
            given[node] = pages
            continue
        others = tuple(entry for entry in wanted.vm_mib_per_node if entry[0] != node)
        findings.refuse(
            asked=f"{pages} MiB of hugepages for VMs on node {node}",
            found=found,
            where="profile.hugepages.vm_mib_per_node",
            remedy=f"ask for at most {most or 0} MiB there",
            mend=functools.partial(_with_hugepages, vm_mib_per_node=tuple(sorted((*others, (node, most)))) if most else others),
        )
    return given


def _divided(wanted: Hugepages, capacity: dict[int, int], roles: CoreRoles, page_kib: int, findings: Findings) -> dict[int, int]:
    total = sum(capacity.values())
    if wanted.vm_mib == REST:
        return capacity
    asked = round_up(int(wanted.vm_mib), page_kib)
    if asked > total:
        findings.refuse(
            asked=f"{asked} MiB of hugepages for VMs",
            found=(
                "the nodes can give "
                + ", ".join(f"node {node}: {most} MiB" for node, most in capacity.items())
                + " beside the host's and OVS's memory and QEMU's overhead"
                if capacity
                else "no node has both cores for VMs and memory"
            ),
            where="profile.hugepages.vm_mib",
            remedy=f"ask for at most {total} MiB",
            mend=functools.partial(_with_hugepages, vm_mib=total),
        )
        return capacity
    page = page_mib(page_kib)
    pool = roles.vm or roles.housekeeping
    weights = {node: max(1, sum(1 for group in pool if group.node == node)) for node in capacity}
    given = {node: min(capacity[node], part * page) for node, part in share(asked // page, weights).items()}
    left = asked - sum(given.values())
    for node, most in capacity.items():
        more = min(left, most - given[node])
        given[node], left = given[node] + more, left - more
    return given


def _with_hugepages(profile: Profile, **changes: t.Any) -> Profile:
    return dataclasses.replace(profile, hugepages=dataclasses.replace(profile.hugepages, **changes))
