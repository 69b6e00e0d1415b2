# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Checks the CPU sets that a user gives, and turns what is usable of them into whole sibling groups."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.findings import Findings
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import SiblingGroup, Topology

# In the order in which they win: of two sets that collide, the nearest possible profile keeps the first.
OVERRIDES = ("housekeeping_cpus", "dpdk_lcore_cpus", "pmd_cpus", "vm_cpus")

# DPDK's own threads do control work: they belong with the host's, so these two may share CPUs.
MAY_OVERLAP = {("housekeeping_cpus", "dpdk_lcore_cpus")}

MEANING = {
    "housekeeping_cpus": "the host's own work",
    "dpdk_lcore_cpus": "DPDK's control threads (dpdk-lcore-mask)",
    "pmd_cpus": "OVS packet polling (pmd-cpu-mask)",
    "vm_cpus": "VMs",
}


@dataclasses.dataclass(frozen=True)
class ExplicitCores:
    """Per override the sibling groups it names, None where it is not given. Free of collisions: who loses one is left out."""

    housekeeping_cpus: tuple[SiblingGroup, ...] | None = None
    dpdk_lcore_cpus: tuple[SiblingGroup, ...] | None = None
    pmd_cpus: tuple[SiblingGroup, ...] | None = None
    vm_cpus: tuple[SiblingGroup, ...] | None = None


def resolve(topology: Topology, profile: Profile, findings: Findings) -> ExplicitCores:
    group_of = {cpu: group for group in topology.sibling_groups for cpu in group.cpus}
    wanted: dict[str, tuple[int, ...]] = {}
    for name in OVERRIDES:
        cpus = getattr(profile, name)
        if cpus is None:
            continue
        usable = tuple(cpu for cpu in cpus if cpu in group_of)
        if usable != cpus:
            _refuse_absent(topology, findings, name, cpus, usable)
        if name != "dpdk_lcore_cpus":
            _refuse_partial(findings, name, usable, group_of)
        if usable:
            wanted[name] = usable
    losers = _refuse_collisions(findings, wanted)
    _refuse_boot_cpu(topology, findings, wanted, group_of)
    for name in losers:
        wanted.pop(name, None)
    groups = {name: tuple(sorted({group_of[cpu] for cpu in cpus}, key=lambda group: group.cpus)) for name, cpus in wanted.items()}
    return ExplicitCores(**groups)


def _refuse_absent(topology: Topology, findings: Findings, name: str, cpus: tuple[int, ...], usable: tuple[int, ...]) -> None:
    absent = sorted(set(cpus) - set(usable))
    offline = sorted(set(absent) & set(topology.offline))
    unknown = sorted(set(absent) - set(offline))
    found = [f"CPUs {cpu_sets.format_list(offline)} are offline"] if offline else []
    found += [f"the host has no CPUs {cpu_sets.format_list(unknown)}"] if unknown else []
    findings.refuse(
        asked=f"CPUs {cpu_sets.format_list(cpus)} for {MEANING[name]}",
        found=" and ".join(found),
        where=f"profile.{name}",
        remedy=f"use CPUs out of {cpu_sets.format_list(topology.online)}",
        mend=functools.partial(_with_cpus, name=name, cpus=usable or None),
    )


def _refuse_partial(findings: Findings, name: str, cpus: tuple[int, ...], group_of: dict[int, SiblingGroup]) -> None:
    whole = tuple(sorted({sibling for cpu in cpus for sibling in group_of[cpu].cpus}))
    if whole != cpus:
        findings.refuse(
            asked=f"CPUs {cpu_sets.format_list(cpus)} for {MEANING[name]}",
            found=f"their siblings {cpu_sets.format_list(set(whole) - set(cpus))} share their cores and would work for something else",
            where=f"profile.{name}",
            remedy=f"take whole cores: {cpu_sets.format_list(whole)}",
            mend=functools.partial(_with_cpus, name=name, cpus=whole),
        )


def _refuse_collisions(findings: Findings, wanted: dict[str, tuple[int, ...]]) -> list[str]:
    """One problem per pair that overlaps. Returns the weaker set of each, to be left out, so that the rest can still be checked."""
    losers = []
    for number, name in enumerate(OVERRIDES):
        for other in OVERRIDES[number + 1 :]:
            if name not in wanted or other not in wanted or (name, other) in MAY_OVERLAP:
                continue
            both = set(wanted[name]) & set(wanted[other])
            if both:
                findings.refuse(
                    asked=f"CPUs {_set_and_mask(wanted[name])} for {MEANING[name]} and CPUs {_set_and_mask(wanted[other])} for {MEANING[other]}",
                    found=f"both get CPUs {cpu_sets.format_list(both)}: they would take time from each other",
                    where=f"profile.{name}, profile.{other}",
                    remedy=f"take them out of one of the two, or leave {other} to the plan",
                    mend=functools.partial(_with_cpus, name=other, cpus=None),
                )
                losers.append(other)
    return losers


def _refuse_boot_cpu(topology: Topology, findings: Findings, wanted: dict[str, tuple[int, ...]], group_of: dict[int, SiblingGroup]) -> None:
    boot = group_of[topology.boot_cpu].cpus if topology.boot_cpu in group_of else ()
    for name in ("pmd_cpus", "vm_cpus"):
        if set(wanted.get(name, ())) & set(boot):
            left = tuple(cpu for cpu in wanted[name] if cpu not in boot)
            findings.refuse(
                asked=f"CPUs {cpu_sets.format_list(wanted[name])} for {MEANING[name]}",
                found=f"CPU {topology.boot_cpu} keeps the kernel's time and cannot be taken from housekeeping, nor can its siblings",
                where=f"profile.{name}",
                remedy=f"leave out CPUs {cpu_sets.format_list(boot)}",
                mend=functools.partial(_with_cpus, name=name, cpus=left or None),
            )
            wanted[name] = left
            if not left:
                del wanted[name]
    if "housekeeping_cpus" in wanted and not set(wanted["housekeeping_cpus"]) & set(boot):
        whole = tuple(sorted(set(wanted["housekeeping_cpus"]) | set(boot)))
        findings.refuse(
            asked=f"CPUs {cpu_sets.format_list(wanted['housekeeping_cpus'])} for {MEANING['housekeeping_cpus']}",
            found=f"the boot CPU {topology.boot_cpu} is not among them; it keeps the kernel's time and must be",
            where="profile.housekeeping_cpus",
            remedy=f"take {cpu_sets.format_list(whole)}",
            mend=functools.partial(_with_cpus, name="housekeeping_cpus", cpus=whole),
        )


def _set_and_mask(cpus: tuple[int, ...]) -> str:
    return f"{cpu_sets.format_list(cpus)} ({cpu_sets.format_mask(cpus)})"


def _with_cpus(profile: Profile, name: str, cpus: tuple[int, ...] | None) -> Profile:
    changes: dict[str, t.Any] = {name: cpus}
    return dataclasses.replace(profile, **changes)
