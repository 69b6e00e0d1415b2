# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Which CPUs there are, which of them share a core, and which kind of core that is.

Source: the kernel's Documentation/ABI/stable/sysfs-devices-system-cpu and Documentation/admin-guide/cputopology.rst.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.evidence import CPU_DIRECTORY
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.processor import CPUINFO
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import EFFICIENCY, PERFORMANCE, SiblingGroup

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.evidence import Evidence
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.processor import Processor

# Cores whose capacity or base frequency is below this share of the highest are efficiency cores. Favoured cores of one kind differ
# by a few percent (1017 to 1024 of 1024); the kinds themselves by a quarter or more.
PERFORMANCE_SHARE = 0.8

# Attributes that rank cores, best first: what the scheduler itself uses on Arm and RISC-V, then the sustained frequency.
RANKINGS = ("cpu_capacity", "cpufreq/base_frequency", "cpufreq/cpuinfo_max_freq")


@dataclasses.dataclass(frozen=True)
class CpuSets:
    possible: tuple[int, ...]
    present: tuple[int, ...]
    online: tuple[int, ...]


def read_cpu_sets(evidence: Evidence, processor: Processor) -> CpuSets:
    """Possible, present and online CPUs; where the kernel is too old for the lists, from the cpuN directories."""
    directories = evidence.numbered(CPU_DIRECTORY, "cpu") or tuple(sorted(number for number, _fields in processor.cpus))
    present = evidence.cpu_list(f"{CPU_DIRECTORY}/present")
    if present is None:
        present = directories
        evidence.note_missing(f"{CPU_DIRECTORY}/present", f"taken from the cpuN directories: {cpu_sets.format_list(present)}")
    online = evidence.cpu_list(f"{CPU_DIRECTORY}/online")
    if online is None:
        online = tuple(cpu for cpu in directories if evidence.text(f"{CPU_DIRECTORY}/cpu{cpu}/online") != "0")
        evidence.note_missing(f"{CPU_DIRECTORY}/online", f"taken from the cpuN/online files: {cpu_sets.format_list(online)}")
    possible = evidence.cpu_list(f"{CPU_DIRECTORY}/possible")
    if possible is None:
        possible = tuple(sorted(set(present) | set(online)))
        evidence.note_missing(f"{CPU_DIRECTORY}/possible", "CPUs that could be added later are unknown")
    stray = sorted(set(online) - set(present))
    if stray:
        evidence.note_conflict(
            f"{CPU_DIRECTORY}/online", f"CPUs {cpu_sets.format_list(stray)} are online but not in present", "taken as present"
        )
    return CpuSets(possible, tuple(sorted(set(present) | set(online))), online)


def read_boot_cpu(sets: CpuSets) -> tuple[int | None, str]:
    """The CPU the kernel booted on, which takes the timekeeping that nohz_full cannot move. Linux numbers it first."""
    if not sets.online:
        return None, "no CPU is online"
    lowest = min(sets.present)
    if lowest in sets.online:
        return lowest, f"CPU {lowest} is the lowest present CPU: Linux gives the boot CPU the first number on every architecture"
    return min(sets.online), f"CPU {lowest}, the boot CPU, is offline: CPU {min(sets.online)}, the lowest online CPU, keeps its duties"


def read_sibling_groups(
    evidence: Evidence, processor: Processor, online: tuple[int, ...], node_of: dict[int, int]
) -> tuple[SiblingGroup, ...]:
    kinds = _read_kinds(evidence, online)
    packages = {cpu: evidence.number(f"{CPU_DIRECTORY}/cpu{cpu}/topology/physical_package_id") for cpu in online}
    groups = []
    for members in _read_members(evidence, processor, online):
        nodes = sorted({node_of[cpu] for cpu in members if cpu in node_of})
        if len(nodes) > 1:
            evidence.note_conflict(
                f"siblings {cpu_sets.format_list(members)}",
                f"they lie on nodes {cpu_sets.format_list(nodes)}",
                f"all taken to be on node {nodes[0]}",
            )
        cores = _split_modules(evidence, members) if processor.has_amd_modules else (members,)
        package = packages[members[0]]
        groups.append(
            SiblingGroup(
                cpus=members,
                node=nodes[0] if nodes else None,
                package=package if package is not None and package >= 0 else None,
                kind=kinds.get(members[0]),
                cores=cores,
            )
        )
    return tuple(groups)


def _read_members(evidence: Evidence, processor: Processor, online: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The groups, sorted. CPUs that any of them calls a sibling end up in one group: moving too much together is safe, too little is not."""
    wanted = set(online)
    leader = {cpu: cpu for cpu in online}

    def lead(cpu: int) -> int:
        while leader[cpu] != cpu:
            leader[cpu] = leader[leader[cpu]]
            cpu = leader[cpu]
        return cpu

    said: dict[int, tuple[int, ...]] = {}
    silent = []
    for cpu in online:
        siblings = _siblings_of(evidence, cpu)
        if siblings is None:
            silent.append(cpu)
            continue
        said[cpu] = tuple(sorted((set(siblings) & wanted) | {cpu}))
        for other in said[cpu]:
            leader[max(lead(cpu), lead(other))] = min(lead(cpu), lead(other))
    for first, other in _pairs_by_core_id(evidence, processor, silent):
        leader[max(lead(first), lead(other))] = min(lead(first), lead(other))
    groups: dict[int, list[int]] = {}
    for cpu in online:
        groups.setdefault(lead(cpu), []).append(cpu)
    members = [tuple(group) for group in groups.values()]
    for group in members:
        if any(cpu in said and said[cpu] != group for cpu in group):
            evidence.note_conflict(
                f"siblings {cpu_sets.format_list(group)}",
                "; ".join(f"CPU {cpu} says {cpu_sets.format_list(said[cpu])}" for cpu in group if cpu in said),
                "taken as one group",
            )
    return sorted(members)


def _siblings_of(evidence: Evidence, cpu: int) -> tuple[int, ...] | None:
    directory = f"{CPU_DIRECTORY}/cpu{cpu}/topology"
    siblings = evidence.cpus_of(f"{directory}/core_cpus_list", f"{directory}/core_cpus")
    return siblings if siblings is not None else evidence.cpus_of(f"{directory}/thread_siblings_list", f"{directory}/thread_siblings")


def _pairs_by_core_id(evidence: Evidence, processor: Processor, silent: list[int]) -> list[tuple[int, int]]:
    """For CPUs without a siblings file: those with the same package and core number, from sysfs or /proc/cpuinfo."""
    if not silent:
        return []
    cpuinfo = dict(processor.cpus)
    first_of: dict[tuple[str, str], int] = {}
    pairs, unknown = [], []
    for cpu in silent:
        directory = f"{CPU_DIRECTORY}/cpu{cpu}/topology"
        package = evidence.text(f"{directory}/physical_package_id") or cpuinfo.get(cpu, {}).get("physical id")
        core = evidence.text(f"{directory}/core_id") or cpuinfo.get(cpu, {}).get("core id")
        if package is None or core is None:
            unknown.append(cpu)
        else:
            pairs.append((first_of.setdefault((package, core), cpu), cpu))
    if unknown:
        evidence.note_missing(
            f"{CPU_DIRECTORY}/cpuN/topology/thread_siblings_list",
            f"which of the CPUs {cpu_sets.format_list(unknown)} share a core is unknown: each is taken as a core of its own",
        )
    if len(unknown) < len(silent):
        evidence.note_missing(
            f"{CPU_DIRECTORY}/cpuN/topology/thread_siblings_list",
            f"siblings of the CPUs {cpu_sets.format_list(set(silent) - set(unknown))} taken from package and core numbers (sysfs or {CPUINFO})",
        )
    return pairs


def _split_modules(evidence: Evidence, members: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The cores inside an AMD module: each has a core_id of its own. They still move together, as they share the front end."""
    core_ids = [evidence.number(f"{CPU_DIRECTORY}/cpu{cpu}/topology/core_id") for cpu in members]
    return tuple((cpu,) for cpu in members) if len(set(core_ids)) == len(members) > 1 else (members,)


def _read_kinds(evidence: Evidence, online: tuple[int, ...]) -> dict[int, str]:
    """The kind per CPU; empty where all cores are alike or nothing tells them apart.

    Intel's hybrid processors have one PMU per kind (/sys/devices/cpu_core, cpu_atom, cpu_lowpower); others rank their CPUs.
    """
    fast = evidence.cpu_list("/sys/devices/cpu_core/cpus")
    slow = [evidence.cpu_list(f"/sys/devices/{name}/cpus") or () for name in ("cpu_atom", "cpu_lowpower")]
    if fast is not None and any(slow):
        return {**dict.fromkeys(fast, PERFORMANCE), **{cpu: EFFICIENCY for group in slow for cpu in group}}
    for attribute in RANKINGS:
        ranks = {cpu: evidence.number(f"{CPU_DIRECTORY}/cpu{cpu}/{attribute}") for cpu in _sample(evidence, online, attribute)}
        known = {cpu: rank for cpu, rank in ranks.items() if rank}
        if len(known) == len(online) and known:
            threshold = PERFORMANCE_SHARE * max(known.values())
            if min(known.values()) >= threshold:
                return {}
            return {cpu: PERFORMANCE if rank >= threshold else EFFICIENCY for cpu, rank in known.items()}
    return {}


def _sample(evidence: Evidence, online: tuple[int, ...], attribute: str) -> tuple[int, ...]:
    """All CPUs if the first one has the attribute, else none: saves a failed read per CPU."""
    return online if online and evidence.root.exists(f"{CPU_DIRECTORY}/cpu{online[0]}/{attribute}") else ()
