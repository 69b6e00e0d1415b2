# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""plan_host: topology and profile in, plan out. Pure: no I/O, the same input gives the same output."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan import kernel_arguments
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.cores import CoreRoles, assign_cores
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.findings import Findings, Problem
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.memory import Memory, plan_memory
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.placement import PlacedNic, home_node, place_nics
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import DEDICATED, SHARED, Profile
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.result import HostPlan, cpus_of

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology

MOST_MENDS = 500

# Asks for nothing that a host with one online CPU could not give.
LEAST = Profile(pmd_cores_per_nic_node=0, isolation=False, pin_vms=SHARED)


class PlanRefused(Failures):
    """The profile cannot be planned on this host: all reasons, then the nearest profile that can (None if the host has no CPU)."""

    def __init__(self, failures: t.Iterable[Failure], nearest: Profile | None) -> None:
        super().__init__(failures)
        self.nearest = nearest


def plan_host(topology: Topology, profile: Profile) -> HostPlan:
    """Raises PlanRefused."""
    plan, problems = _attempt(topology, profile)
    if plan is not None:
        return plan
    nearest = _nearest(topology, profile, problems)
    failures = [problem.failure for problem in problems]
    if nearest is not None:
        failures.append(
            Failure(
                asked="this profile on this host",
                found=f"{len(problems)} reason{'s' if len(problems) > 1 else ''} against it",
                where="profile",
                remedy=f"the nearest profile that can be planned changes {describe_changes(profile, nearest)}",
            )
        )
    raise PlanRefused(failures, nearest)


def describe_changes(profile: Profile, other: Profile) -> str:
    """The options of C(other) that differ, as JSON a user can paste."""
    before, after = profile.as_dict(), other.as_dict()
    changed = {key: after.get(key) for key in sorted({*before, *after}) if before.get(key) != after.get(key)}
    return json.dumps(changed, sort_keys=True)


def _attempt(topology: Topology, profile: Profile) -> tuple[HostPlan | None, list[Problem]]:
    findings = Findings()
    if not topology.online:
        findings.refuse(
            "a plan", "the topology has no online CPU", "topology.cpus.online", "read the topology of a host", lambda same: same
        )
        return None, findings.problems
    placed = place_nics(topology, profile, findings)
    pmd_nodes = _pmd_nodes(topology, profile, placed)
    roles = assign_cores(topology, profile, pmd_nodes, findings)
    memory = plan_memory(topology, profile, placed, roles, findings)
    isolated = _isolated(profile, roles, findings)
    kernel_args = _kernel_args(topology, profile, memory, isolated, roles, findings)
    if findings.problems:
        return None, findings.problems
    _note_conflicts(topology, findings)
    return (
        HostPlan(
            topology=topology,
            profile=profile,
            nics=placed,
            roles=roles,
            memory=memory,
            isolated=isolated,
            kernel_args=kernel_args,
            reasons=tuple(findings.reasons),
            notes=tuple(findings.notes),
        ),
        [],
    )


def _nearest(topology: Topology, profile: Profile, problems: list[Problem]) -> Profile | None:
    """Mend one problem at a time, since mending one often removes others; each mend only ever asks for less."""
    candidate = profile
    for _mend in range(MOST_MENDS):
        mended = problems[0].mend(candidate)
        if mended == candidate:
            break
        candidate = mended
        plan, problems = _attempt(topology, candidate)
        if plan is not None:
            return candidate
    return LEAST if _attempt(topology, LEAST)[0] is not None else None


def _pmd_nodes(topology: Topology, profile: Profile, placed: tuple[PlacedNic, ...]) -> tuple[int, ...]:
    """Where PMD threads are needed: at the NICs; without NICs, at the vhost ports that name a node; else on the boot CPU's node."""
    nodes = {item.pmd_node for item in placed}
    if not nodes and profile.uses_dpdk:
        with_cpus = {node.node for node in topology.nodes if node.cpus}
        nodes = {entry.node for entry in profile.vhost_ports if entry.node is not None} & with_cpus
        home = home_node(topology)
        if not nodes and home is not None:
            nodes = {home}
    return tuple(sorted(nodes))


def _isolated(profile: Profile, roles: CoreRoles, findings: Findings) -> tuple[int, ...]:
    """The PMD's own cores, and dedicated VM cores. Shared VM cores are not: isolcpus would end the balancing that VMs that float need."""
    pools = [*roles.pmd, *(roles.vm if profile.pin_vms == DEDICATED else ())] if profile.isolation else []
    isolated = cpus_of(pools)
    findings.because(
        "cpus.isolated",
        cpu_sets.format_list(isolated),
        "PMD cores, and VM cores if each belongs to one VM; shared VM cores need the scheduler's balancing",
        isolation=profile.isolation,
        pin_vms=profile.pin_vms,
    )
    return isolated


def _kernel_args(
    topology: Topology, profile: Profile, memory: Memory, isolated: tuple[int, ...], roles: CoreRoles, findings: Findings
) -> tuple[str, ...]:
    size = memory.page_kib
    pages: dict[int, dict[int, int]] = {}
    if size:
        pages[size] = {entry.node: entry.hugepages * 1024 // size for entry in memory.nodes if entry.hugepages}
    for further in profile.hugepages.further:
        pages.setdefault(further.size_kib, {})[further.node] = further.count
    arguments = (
        *kernel_arguments.hugepage_arguments(topology, size, pages, findings),
        *kernel_arguments.isolation_arguments(isolated, cpus_of(roles.housekeeping)),
        *kernel_arguments.iommu_arguments(topology, any(nic.pci for nic in profile.dpdk_nics)),
    )
    length, most = len(" ".join(arguments)), kernel_arguments.longest(topology)
    if length > most // 2:
        findings.refuse(
            asked="isolation by kernel arguments",
            found=f"the arguments take {length} bytes of the {most} the kernel reads, and half is left to others; it cuts off the rest silently",
            where="profile.isolation",
            remedy="isolation: false, or CPU sets that make longer ranges",
            mend=lambda asked: dataclasses.replace(asked, isolation=False),
        )
    return arguments


def _note_conflicts(topology: Topology, findings: Findings) -> None:
    for conflict in topology.conflicts:
        findings.note(f"{conflict.where}: {conflict.found}; {conflict.taken}.")
