# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What a host is made of, as plain records that travel as JSON and come back unchanged."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets

PERFORMANCE = "performance"
EFFICIENCY = "efficiency"

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class SiblingGroup:
    """Online CPUs that share the parts of a core and therefore move together.

    C(cores) has more than one entry only where the kernel calls two cores siblings (the modules of AMD families 15h and 16h).
    C(kind) is None where all cores of the host are alike, or nothing says otherwise.
    """

    cpus: tuple[int, ...]
    node: int | None
    package: int | None = None
    kind: str | None = None
    cores: tuple[tuple[int, ...], ...] = ()


@dataclasses.dataclass(frozen=True)
class HugepagePool:
    """The pages of one size on one node, as the kernel counts them now."""

    size_kib: int
    total: int
    free: int
    surplus: int = 0


@dataclasses.dataclass(frozen=True)
class Node:
    """One online NUMA node. C(cpus) are its online CPUs; none on a memory-only node. C(memory_kib) is None where no file says it."""

    node: int
    cpus: tuple[int, ...]
    memory_kib: int | None
    hugepages: tuple[HugepagePool, ...] = ()
    distances: tuple[tuple[int, int], ...] = ()

    @property
    def may_have_memory(self) -> bool:
        return self.memory_kib is None or self.memory_kib > 0

    def distance_to(self, node: int) -> int:
        """The kernel's relative distance; without one, 10 for itself and 20 for others, as ACPI's SLIT defines them."""
        return dict(self.distances).get(node, 10 if node == self.node else 20)


@dataclasses.dataclass(frozen=True)
class Nic:
    """A network device: a netdev, a PCI function, or both. A function bound to vfio-pci has no name; a virtual netdev has no PCI address.

    C(sriov_offset) and C(sriov_stride) say where the VFs of a physical function lie, also before they are there.
    """

    name: str | None
    pci: str | None
    node: int | None
    node_source: str | None = None
    driver: str | None = None
    mac: str | None = None
    sriov_totalvfs: int | None = None
    sriov_numvfs: int | None = None
    sriov_offset: int | None = None
    sriov_stride: int | None = None
    virtual: bool = False


@dataclasses.dataclass(frozen=True)
class Missing:
    """A file that is not there, or says nothing, and what cannot be known without it (or what was read instead)."""

    file: str
    consequence: str


@dataclasses.dataclass(frozen=True)
class Conflict:
    """Two sources that disagree, and what was made of it."""

    where: str
    found: str
    taken: str


@dataclasses.dataclass(frozen=True)
class Topology:
    """One host. CPU tuples are sorted; nodes, groups and NICs are in the order of their numbers and names."""

    architecture: str | None
    vendor: str | None
    kernel: str | None
    command_line: str | None
    possible: tuple[int, ...]
    present: tuple[int, ...]
    online: tuple[int, ...]
    boot_cpu: int | None
    boot_cpu_reason: str
    nodes: tuple[Node, ...]
    sibling_groups: tuple[SiblingGroup, ...]
    nics: tuple[Nic, ...] = ()
    page_sizes_kib: tuple[int, ...] = ()
    missing: tuple[Missing, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def offline(self) -> tuple[int, ...]:
        """Present, but not online."""
        return tuple(sorted(set(self.present) - set(self.online)))

    @property
    def node_ids(self) -> tuple[int, ...]:
        return tuple(node.node for node in self.nodes)

    def node(self, number: int) -> Node:
        return next(node for node in self.nodes if node.node == number)

    def as_dict(self) -> Json:
        """Compact JSON: CPU sets as lists (C(0-3,8)), empty and unknown values left out, except where their absence could be misread."""
        return {
            "architecture": self.architecture,
            "vendor": self.vendor,
            "kernel": self.kernel,
            "command_line": self.command_line,
            "cpus": {
                "possible": cpu_sets.format_list(self.possible),
                "present": cpu_sets.format_list(self.present),
                "online": cpu_sets.format_list(self.online),
                "offline": cpu_sets.format_list(self.offline),
                "boot": self.boot_cpu,
                "boot_reason": self.boot_cpu_reason,
            },
            "nodes": [
                {
                    "node": node.node,
                    "cpus": cpu_sets.format_list(node.cpus),
                    "memory_kib": node.memory_kib,
                    "hugepages": [dataclasses.asdict(pool) for pool in node.hugepages],
                    "distances": {str(other): distance for other, distance in node.distances},
                }
                for node in self.nodes
            ],
            "sibling_groups": [_group_as_dict(group) for group in self.sibling_groups],
            "nics": [_without_none(dataclasses.asdict(nic), keep=("name", "pci", "node")) for nic in self.nics],
            "page_sizes_kib": list(self.page_sizes_kib),
            "missing": [dataclasses.asdict(entry) for entry in self.missing],
            "conflicts": [dataclasses.asdict(entry) for entry in self.conflicts],
        }

    @staticmethod
    def from_dict(data: Json) -> Topology:
        """The reverse of as_dict. Raises Failure where the data is not of that shape."""
        try:
            topology = Topology(
                architecture=data.get("architecture"),
                vendor=data.get("vendor"),
                kernel=data.get("kernel"),
                command_line=data.get("command_line"),
                possible=cpu_sets.parse_list(data["cpus"]["possible"], "topology.cpus.possible"),
                present=cpu_sets.parse_list(data["cpus"]["present"], "topology.cpus.present"),
                online=cpu_sets.parse_list(data["cpus"]["online"], "topology.cpus.online"),
                boot_cpu=data["cpus"]["boot"],
                boot_cpu_reason=data["cpus"].get("boot_reason", ""),
                nodes=tuple(sorted((_node_from_dict(entry) for entry in data["nodes"]), key=lambda node: node.node)),
                sibling_groups=tuple(sorted((_group_from_dict(entry) for entry in data["sibling_groups"]), key=lambda group: group.cpus)),
                nics=tuple(sorted((Nic(**entry) for entry in data.get("nics", ())), key=nic_order)),
                page_sizes_kib=tuple(sorted(data.get("page_sizes_kib", ()))),
                missing=tuple(Missing(**entry) for entry in data.get("missing", ())),
                conflicts=tuple(Conflict(**entry) for entry in data.get("conflicts", ())),
            )
            _check(topology)
            return topology
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Failure(
                asked="a topology as host_topology_info returns it",
                found=f"{error.__class__.__name__}: {error}",
                where="topology",
                remedy="pass the value topology of host_topology_info's result unchanged",
            ) from error


def _check(topology: Topology) -> None:
    """What every reader relies on; a capture that somebody edited may lack it. Raises ValueError."""
    members = [cpu for group in topology.sibling_groups for cpu in group.cpus]
    numbers = set(topology.node_ids)
    if sorted(members) != list(topology.online):
        raise ValueError("the sibling groups are not the online CPUs, each once")
    if not topology.nodes or len(numbers) < len(topology.nodes):
        raise ValueError("there are no nodes, or two with the same number")
    if topology.online and topology.boot_cpu not in topology.online:
        raise ValueError(f"the boot CPU {topology.boot_cpu} is not online")
    places = {group.node for group in topology.sibling_groups} | {nic.node for nic in topology.nics}
    strangers = places - numbers - {None}
    if strangers:
        raise ValueError(f"something is on a node that is not there: {cpu_sets.format_list(n for n in strangers if n is not None)}")


def nic_order(nic: Nic) -> tuple[str, str]:
    return (nic.name or "~", nic.pci or "")


def _group_as_dict(group: SiblingGroup) -> Json:
    entry: Json = {"cpus": cpu_sets.format_list(group.cpus), "node": group.node, "package": group.package}
    if group.kind:
        entry["kind"] = group.kind
    if len(group.cores) > 1:
        entry["cores"] = [cpu_sets.format_list(core) for core in group.cores]
    return entry


def _group_from_dict(entry: Json) -> SiblingGroup:
    members = cpu_sets.parse_list(entry["cpus"], "topology.sibling_groups")
    cores = tuple(cpu_sets.parse_list(core, "topology.sibling_groups") for core in entry.get("cores", ()))
    return SiblingGroup(members, entry["node"], entry.get("package"), entry.get("kind"), cores or (members,))


def _node_from_dict(entry: Json) -> Node:
    return Node(
        node=int(entry["node"]),
        cpus=cpu_sets.parse_list(entry["cpus"], "topology.nodes"),
        memory_kib=None if entry["memory_kib"] is None else int(entry["memory_kib"]),
        hugepages=tuple(HugepagePool(**pool) for pool in entry.get("hugepages", ())),
        distances=tuple(sorted((int(other), int(distance)) for other, distance in entry.get("distances", {}).items())),
    )


def _without_none(entry: Json, keep: tuple[str, ...]) -> Json:
    return {key: value for key, value in entry.items() if key in keep or (value is not None and value is not False)}
