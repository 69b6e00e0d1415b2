# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""A host's topology and plan, brought together for a picture: every node with its cores, what each core is for, and its memory. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.record import Host

# The plan's name of a role, its letter in the picture, and what it means.
ROLES = (
    ("housekeeping", "H", "housekeeping: kernel, daemons, interrupts"),
    ("pmd", "P", "PMD: polls network ports for OVS-DPDK"),
    ("vm", "V", "VMs: pinned virtual CPUs"),
)
NOTHING = "\N{EN DASH}"  # what a table shows where there is no value
NO_ROLE = ("unplanned", "?", "in no set of the plan")


@dataclasses.dataclass(frozen=True)
class Core:
    """CPUs that share a core, and what they are for: a role of C(ROLES). C(polls_too): a housekeeping core on which PMD threads run as well."""

    cpus: tuple[int, ...]
    role: str
    letter: str
    isolated: bool
    polls_too: bool


@dataclasses.dataclass(frozen=True)
class Pages:
    """Hugepages of one size."""

    size_kib: int
    count: int

    @property
    def kib(self) -> int:
        return self.size_kib * self.count


@dataclasses.dataclass(frozen=True)
class Node:
    """C(number) is None for cores that are on no online node; C(memory_kib) is None where it is not known."""

    number: int | None
    cores: list[Core]
    memory_kib: int | None
    pages: list[Pages]
    nics: list[str]

    @property
    def pages_kib(self) -> int:
        return sum(pages.kib for pages in self.pages)


@dataclasses.dataclass(frozen=True)
class HostView:
    """All nodes of a host in order, the CPUs of each role as lists, and what the plan says about its numbers."""

    name: str
    nodes: list[Node]
    sets: list[tuple[str, str, str]]
    offline: str
    reasons: list[tuple[str, str, str]]
    notes: list[str]


def host_view(host: Host) -> HostView | None:
    """None for a host without a plan. Raises Failure if the plan has not the shape that host_plan returns."""
    if host.topology is None or host.plan is None:
        return None
    topology = Topology.from_dict(host.topology)
    sets = {name: _planned(host, name) for name, _letter, _meaning in ROLES}
    isolated = _planned(host, "isolated")
    polling = _polling_on_housekeeping(host)
    by_node: dict[int | None, list[Core]] = {node.node: [] for node in topology.nodes}
    for group in topology.sibling_groups:
        by_node.setdefault(group.node, []).append(_core(group.cpus, sets, isolated, polling))
    nodes = [_node(number, cores, topology, host) for number, cores in sorted(by_node.items(), key=_known_nodes_first)]
    return HostView(
        name=host.name,
        nodes=nodes,
        sets=[(letter, meaning, cpu_sets.format_list(sets[name]) or "none") for name, letter, meaning in ROLES],
        offline=cpu_sets.format_list(topology.offline),
        reasons=[
            (str(reason.get("what", "")), shown(reason.get("value")), str(reason.get("rule", "")))
            for reason in host.plan.get("reasons", [])
        ],
        notes=[str(note) for note in host.plan.get("notes", [])],
    )


def shown(value: t.Any) -> str:
    """A value of a plan or a change as a reader wants to see it."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(shown(entry) for entry in value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {shown(entry)}" for key, entry in value.items())
    return str(value)


def _planned(host: Host, name: str) -> frozenset[int]:
    cpus = (host.plan or {}).get("cpus")
    text = cpus.get(name) if isinstance(cpus, dict) else None
    if not isinstance(text, str):
        raise Failure(
            asked=f"a picture of the plan of {host.name}",
            found=f"no CPU list {name}",
            where="plan.cpus",
            remedy="pass the value plan of host_plan's result unchanged",
        )
    return frozenset(cpu_sets.parse_list(text, f"plan.cpus.{name}"))


def _polling_on_housekeeping(host: Host) -> frozenset[int]:
    ovs = (host.plan or {}).get("ovs", {})
    return (
        frozenset(cpu_sets.parse_list(ovs.get("pmd_cpus", ""), "plan.ovs.pmd_cpus")) if ovs.get("pmd_shares_housekeeping") else frozenset()
    )


def _core(cpus: tuple[int, ...], sets: dict[str, frozenset[int]], isolated: frozenset[int], polling: frozenset[int]) -> Core:
    role, letter, _meaning = next((entry for entry in ROLES if sets[entry[0]].intersection(cpus)), NO_ROLE)
    polls_too = bool(polling.intersection(cpus))
    return Core(cpus, role, letter + ("+P" if polls_too else ""), isolated.issuperset(cpus), polls_too)


def _node(number: int | None, cores: list[Core], topology: Topology, host: Host) -> Node:
    pages = [
        Pages(int(entry["size_kib"]), int(entry["count"]))
        for entry in (host.plan or {}).get("hugepages", [])
        if entry.get("node") == number and entry.get("count")
    ]
    nics = sorted(nic.name for nic in topology.nics if nic.node == number and nic.name and not nic.virtual)
    memory_kib = topology.node(number).memory_kib if number is not None else None
    return Node(number, cores, memory_kib, sorted(pages, key=lambda entry: entry.size_kib), nics)


def _known_nodes_first(entry: tuple[int | None, list[Core]]) -> tuple[bool, int]:
    return entry[0] is None, entry[0] or 0
