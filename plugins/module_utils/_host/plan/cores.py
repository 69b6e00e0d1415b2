# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Gives every core of the host to housekeeping, PMD threads or VMs. Whole sibling groups only."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan import overrides
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import SHARED
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import EFFICIENCY, PERFORMANCE

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.findings import Findings
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import SiblingGroup, Topology

Groups = tuple["SiblingGroup", ...]


@dataclasses.dataclass(frozen=True)
class CoreRoles:
    """C(housekeeping), C(pmd) and C(vm) are disjoint and together are all cores.

    C(polling) are the CPUs PMD threads run on: those of C(pmd), or housekeeping CPUs where the profile gives the PMD no core of its own.
    C(lcore) are the CPUs DPDK's control threads may use.
    """

    housekeeping: Groups
    pmd: Groups
    vm: Groups
    polling: tuple[int, ...]
    lcore: tuple[int, ...]


def assign_cores(topology: Topology, profile: Profile, pmd_nodes: tuple[int, ...], findings: Findings) -> CoreRoles:
    explicit = overrides.resolve(topology, profile, findings)
    by_node: dict[int | None, list[SiblingGroup]] = {}
    for group in topology.sibling_groups:
        by_node.setdefault(group.node, []).append(group)
    housekeeping = _housekeeping(topology, profile, explicit, by_node, findings)
    pmd, polling = _pmd(profile, explicit, by_node, housekeeping, pmd_nodes, findings)
    left = [group for group in topology.sibling_groups if group not in housekeeping and group not in pmd]
    if explicit.vm_cpus is not None:
        vm = [group for group in left if group in explicit.vm_cpus]
        housekeeping |= set(left) - set(vm)
        if len(vm) < len(left):
            findings.note("Cores that no set of the profile names are left to housekeeping.")
    else:
        vm = left
    lcore = profile.dpdk_lcore_cpus or ()
    _check_lcore(lcore, housekeeping, findings)
    _check_vm_pool(topology, profile, vm, pmd, findings)
    roles = CoreRoles(
        housekeeping=_ordered(housekeeping),
        pmd=_ordered(pmd),
        vm=_ordered(vm),
        polling=polling,
        lcore=lcore or _cpus(housekeeping),
    )
    _explain(topology, profile, roles, pmd_nodes, findings)
    return roles


def _housekeeping(
    topology: Topology,
    profile: Profile,
    explicit: overrides.ExplicitCores,
    by_node: dict[int | None, list[SiblingGroup]],
    findings: Findings,
) -> set[SiblingGroup]:
    taken = set(explicit.pmd_cpus or ()) | set(explicit.vm_cpus or ())
    boot = next((group for group in topology.sibling_groups if topology.boot_cpu in group.cpus), None)
    given = explicit.housekeeping_cpus if explicit.housekeeping_cpus is not None else explicit.dpdk_lcore_cpus
    forced = (set(given or ()) | ({boot} if boot else set())) - taken
    chosen = set(forced)
    homeless = [group for group in by_node.get(None, ()) if group not in taken]
    if homeless:
        chosen |= set(homeless)
        findings.note(f"CPUs {cpu_sets.format_list(_cpus(homeless))} are on no online node: they do housekeeping only.")
    for node in topology.nodes:
        groups = by_node.get(node.node, [])
        if not groups or not node.may_have_memory:
            continue
        here = [group for group in groups if group in forced]
        wanted = 1 if explicit.housekeeping_cpus is not None else profile.housekeeping_cores_per_node
        free = sorted((group for group in groups if group not in forced and group not in taken), key=_housekeeping_order)
        if wanted > len(groups):
            findings.refuse(
                asked=f"{wanted} housekeeping cores on each node",
                found=f"node {node.node} has {len(groups)} cores",
                where="profile.housekeeping_cores_per_node",
                remedy=f"ask for at most {len(groups)}",
                mend=functools.partial(_with, housekeeping_cores_per_node=len(groups)),
            )
        if explicit.housekeeping_cpus is not None and not here and groups:
            _refuse_node_without_housekeeping(profile, node.node, free or groups, findings)
        elif len(here) + len(free) < min(wanted, len(groups)):
            _refuse_overrides_that_leave_none(profile, node.node, wanted, len(here) + len(free), groups, findings)
        chosen |= set(free[: max(0, wanted - len(here))])
    return chosen


def _pmd(
    profile: Profile,
    explicit: overrides.ExplicitCores,
    by_node: dict[int | None, list[SiblingGroup]],
    housekeeping: set[SiblingGroup],
    pmd_nodes: tuple[int, ...],
    findings: Findings,
) -> tuple[set[SiblingGroup], tuple[int, ...]]:
    """The PMD's own cores, and the CPUs its threads run on."""
    if not pmd_nodes:
        if explicit.pmd_cpus:
            findings.refuse(
                asked=f"CPUs {cpu_sets.format_list(_cpus(explicit.pmd_cpus))} for PMD threads",
                found="the profile has no DPDK NIC and no vhost port: nothing would be polled",
                where="profile.pmd_cpus",
                remedy="leave pmd_cpus out, or add dpdk_nics",
                mend=functools.partial(_with, pmd_cpus=None),
            )
        return set(), ()
    if explicit.pmd_cpus is not None:
        bare = [node for node in pmd_nodes if not any(group.node == node for group in explicit.pmd_cpus)]
        if bare:
            findings.refuse(
                asked=f"CPUs {cpu_sets.format_list(_cpus(explicit.pmd_cpus))} for PMD threads",
                found=f"none of them is on node {cpu_sets.format_list(bare)}, where a DPDK NIC is: OVS would poll it from another node",
                where="profile.pmd_cpus",
                remedy="add a core of that node, or leave pmd_cpus to the plan",
                mend=functools.partial(_with, pmd_cpus=None),
            )
        return set(explicit.pmd_cpus), _cpus(explicit.pmd_cpus)
    wanted = profile.pmd_cores_per_nic_node
    reserved = housekeeping | set(explicit.vm_cpus or ())
    chosen: set[SiblingGroup] = set()
    shared: list[int] = []
    for node in pmd_nodes:
        free = sorted((group for group in by_node.get(node, ()) if group not in reserved), key=_performance_order)
        if wanted > len(free):
            findings.refuse(
                asked=f"{wanted} PMD cores on node {node}",
                found=f"{len(free)} of its {len(by_node.get(node, ()))} cores are left beside housekeeping and the sets the profile gives",
                where="profile.pmd_cores_per_nic_node",
                remedy=f"ask for at most {len(free)}" + ("" if free else ": with 0 the PMD shares the housekeeping cores"),
                mend=functools.partial(_with, pmd_cores_per_nic_node=len(free)),
            )
        chosen |= set(free[:wanted])
        if wanted == 0:
            shared += _polling_on_housekeeping(node, housekeeping)
    return chosen, tuple(sorted(shared)) if wanted == 0 else _cpus(chosen)


def _polling_on_housekeeping(node: int, housekeeping: set[SiblingGroup]) -> tuple[int, ...]:
    """One housekeeping core, the node's last: a PMD thread takes a whole CPU, and the others should stay free of it."""
    here = [group for group in housekeeping if group.node == node] or list(housekeeping)
    return max(here, key=lambda group: group.cpus).cpus if here else ()


def _check_lcore(lcore: tuple[int, ...], housekeeping: set[SiblingGroup], findings: Findings) -> None:
    stray = sorted(set(lcore) - set(_cpus(housekeeping)))
    if stray and not any("profile.dpdk_lcore_cpus" in problem.failure.where for problem in findings.problems):
        findings.refuse(
            asked=f"CPUs {cpu_sets.format_list(lcore)} for DPDK's control threads",
            found=f"CPUs {cpu_sets.format_list(stray)} are not housekeeping CPUs",
            where="profile.dpdk_lcore_cpus",
            remedy=f"use CPUs out of {cpu_sets.format_list(_cpus(housekeeping))}, or leave the set to the plan",
            mend=functools.partial(_with, dpdk_lcore_cpus=None),
        )


def _check_vm_pool(
    topology: Topology, profile: Profile, vm: t.Collection[SiblingGroup], pmd: t.Collection[SiblingGroup], findings: Findings
) -> None:
    kinds = {group.kind for group in vm}
    if kinds == {PERFORMANCE, EFFICIENCY}:
        findings.note(
            "The VM pool has performance cores "
            + cpu_sets.format_list(_cpus(group for group in vm if group.kind == PERFORMANCE))
            + " and efficiency cores "
            + cpu_sets.format_list(_cpus(group for group in vm if group.kind == EFFICIENCY))
            + ": a pinned VM should use one kind."
        )
    if vm:
        return
    if profile.pin_vms == SHARED:
        findings.note("No core is left for VMs alone: they share the housekeeping cores.")
        return
    total = len(topology.sibling_groups)
    fewer_pmd = profile.pmd_cores_per_nic_node > 1 and bool(pmd)
    if profile.housekeeping_cores_per_node > 1:
        mend = functools.partial(_with, housekeeping_cores_per_node=profile.housekeeping_cores_per_node - 1)
    elif fewer_pmd:
        mend = functools.partial(_with, pmd_cores_per_nic_node=profile.pmd_cores_per_nic_node - 1)
    else:
        mend = functools.partial(_with, pin_vms=SHARED)
    findings.refuse(
        asked="dedicated cores for VMs",
        found=f"housekeeping and PMD threads take all {total} cores",
        where="profile.pin_vms",
        remedy="ask for fewer housekeeping or PMD cores, or pin_vms: shared",
        mend=mend,
    )


def _refuse_node_without_housekeeping(profile: Profile, node: int, candidates: t.Sequence[SiblingGroup], findings: Findings) -> None:
    extra = min(candidates, key=_housekeeping_order).cpus
    whole = tuple(sorted(set(profile.housekeeping_cpus or ()) | set(extra)))
    findings.refuse(
        asked=f"CPUs {cpu_sets.format_list(profile.housekeeping_cpus or ())} for housekeeping",
        found=f"none of them is on node {node}, which has CPUs and memory: its interrupts and kernel threads would go to another node",
        where="profile.housekeeping_cpus",
        remedy=f"add a core of it, for example {cpu_sets.format_list(extra)}",
        mend=functools.partial(_with, housekeeping_cpus=whole),
    )


def _refuse_overrides_that_leave_none(
    profile: Profile, node: int, wanted: int, left: int, groups: list[SiblingGroup], findings: Findings
) -> None:
    name = "vm_cpus" if profile.vm_cpus is not None else "pmd_cpus"
    members = set(getattr(profile, name) or ())
    first = next((group for group in groups if members & set(group.cpus)), None)
    freed = tuple(sorted(members - set(first.cpus if first else ())))
    findings.refuse(
        asked=f"CPUs {cpu_sets.format_list(members)} in {name}",
        found=f"node {node} would have {left} of {wanted} housekeeping cores",
        where=f"profile.{name}",
        remedy=f"leave {wanted - left} of its cores to housekeeping",
        mend=functools.partial(_with, **{name: freed or None}),  # type: ignore[arg-type]
    )


def _explain(topology: Topology, profile: Profile, roles: CoreRoles, pmd_nodes: tuple[int, ...], findings: Findings) -> None:
    hybrid = any(group.kind for group in topology.sibling_groups)
    findings.because(
        "cpus.housekeeping",
        cpu_sets.format_list(_cpus(roles.housekeeping)),
        "as the profile gives them"
        if profile.housekeeping_cpus is not None
        else "the given number of cores on every node with CPUs and memory, the boot CPU's always; whole sibling groups"
        + ("; efficiency cores first" if hybrid else ", lowest CPUs first"),
        housekeeping_cores_per_node=profile.housekeeping_cores_per_node,
        boot_cpu=topology.boot_cpu,
        boot_cpu_reason=topology.boot_cpu_reason,
    )
    findings.because(
        "cpus.pmd",
        cpu_sets.format_list(_cpus(roles.pmd)),
        "as the profile gives them"
        if profile.pmd_cpus is not None
        else "the given number of cores on every node with a DPDK NIC"
        + ("; performance cores first" if hybrid else ", lowest free CPUs first"),
        pmd_cores_per_nic_node=profile.pmd_cores_per_nic_node,
        nodes=list(pmd_nodes),
    )
    findings.because(
        "cpus.vm",
        cpu_sets.format_list(_cpus(roles.vm)),
        "as the profile gives them" if profile.vm_cpus is not None else "every core that neither housekeeping nor the PMD has",
        cores=len(roles.vm),
        of=len(topology.sibling_groups),
    )


def _housekeeping_order(group: SiblingGroup) -> tuple[bool, tuple[int, ...]]:
    return (group.kind == PERFORMANCE, group.cpus)


def _performance_order(group: SiblingGroup) -> tuple[bool, tuple[int, ...]]:
    return (group.kind == EFFICIENCY, group.cpus)


def _ordered(groups: t.Iterable[SiblingGroup]) -> Groups:
    return tuple(sorted(groups, key=lambda group: group.cpus))


def _cpus(groups: t.Iterable[SiblingGroup]) -> tuple[int, ...]:
    return tuple(sorted(cpu for group in groups for cpu in group.cpus))


def _with(profile: Profile, **changes: t.Any) -> Profile:
    return dataclasses.replace(profile, **changes)
