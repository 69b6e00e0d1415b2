# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captured hosts and the reading that another project, hwloc or util-linux, expects of each.

Every archive in tests/topologies is taken, and every archive in the directories of VMSITE_CAPTURES (joined by colons) if that is set.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
import re
import tarfile
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parents[3] / "topologies"
READINGS = (".xml", ".console", ".expected")
UNREAD = re.compile(r"/(memory\d+|cache|cpuidle|cpufreq/stats|power|usb\d+|host\d+|LNXSYSTM:\d+|infiniband\w*|vulnerabilities)(/|$)")
UNITS_KIB = {"KiB": 1, "MiB": 1 << 10, "GiB": 1 << 20, "TiB": 1 << 30}

CpuSet = frozenset[int]


@dataclasses.dataclass
class Expected:
    """What the other project reads. None: its output does not say. C(memory_kib) holds (size, its precision)."""

    online: CpuSet
    offline: CpuSet | None = None
    cores: set[CpuSet] | None = None
    node_cpus: dict[int, CpuSet] | None = None
    memory_kib: dict[int, tuple[int, int]] = dataclasses.field(default_factory=dict)
    pci_nodes: dict[str, frozenset[int]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Capture:
    name: str
    archive: pathlib.Path
    reading: pathlib.Path

    def unpack(self, directory: pathlib.Path) -> pathlib.Path:
        """The root of the captured host, without the thousands of files per memory block and cache that nobody reads."""
        with tarfile.open(self.archive) as archive:
            archive.extractall(directory, filter=_what_is_read)
        (root,) = directory.iterdir()
        return root

    def expected(self) -> Expected:
        text = self.reading.read_text(encoding="utf-8")
        return {".xml": _from_xml, ".console": _from_console, ".expected": _from_lscpu}[self.reading.suffix](text)


def _what_is_read(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    return None if UNREAD.search(member.name) else tarfile.tar_filter(member, path)


def all_captures() -> list[Capture]:
    found = []
    for directory in [HERE, *map(pathlib.Path, filter(None, os.environ.get("VMSITE_CAPTURES", "").split(":")))]:
        for archive in sorted(directory.glob("*.tar.*")):
            name = archive.name[: archive.name.index(".tar.")]
            readings = [directory / f"{name}{suffix}" for suffix in READINGS if (directory / f"{name}{suffix}").exists()]
            assert readings, f"{archive} has no expected reading beside it"
            found.append(Capture(name, archive, readings[0]))
    return found


@dataclasses.dataclass
class _Thing:
    """An object of hwloc's tree."""

    kind: str
    number: int
    text: str
    parent: _Thing | None
    cpus: set[int] = dataclasses.field(default_factory=set)
    nodes: set[int] = dataclasses.field(default_factory=set)


def _from_things(things: list[_Thing]) -> Expected:
    """PUs and nodes count for all that is above them. Memory hangs below what it is local to."""
    for thing in things:
        above: _Thing | None = thing
        while above is not None:
            if thing.kind == "PU":
                above.cpus.add(thing.number)
            if thing.kind == "NUMANode":
                above.nodes.add(thing.number)
            above = above.parent
    nodes, pci = {}, {}
    for thing in things:
        above = thing.parent
        while above is not None and not above.cpus:
            above = above.parent
        if thing.kind == "NUMANode":
            nodes[thing.number] = frozenset(above.cpus if above else ())
        elif thing.kind == "PCI":
            while above is not None and not above.nodes:
                above = above.parent
            address = re.search(r"busid=([0-9a-f:.]+)", thing.text)
            pci[address[1] if address else thing.text] = frozenset(above.nodes if above else ())
    return Expected(
        online=frozenset(things[0].cpus),
        cores={frozenset(thing.cpus) for thing in things if thing.kind == "Core"} or None,
        node_cpus=nodes,
        pci_nodes=pci,
    )


def _from_console(text: str) -> Expected:
    """The output of C(lstopo -v): one object per line, children indented."""
    things: list[_Thing] = []
    stack: list[tuple[int, _Thing]] = []
    memory = {}
    for line in text.splitlines():
        match = re.match(r"( *)(\w+)(?:\(\w+\))? (?:L#\d+ )?(?:\((?:P#(\d+)))?", line)
        if not match or re.match(r"\s*(depth|Special)", line):
            continue
        if line.startswith("depth"):
            break
        depth = len(match[1])
        while stack and stack[-1][0] >= depth:
            stack.pop()
        if things and not stack:
            break  # past the tree
        thing = _Thing(match[2], int(match[3] or -1), line, stack[-1][1] if stack else None)
        things.append(thing)
        stack.append((depth, thing))
        size = re.search(r"local=(\d+)(\w+)", line)
        if thing.kind == "NUMANode" and size:
            memory[thing.number] = (int(size[1]) * UNITS_KIB[size[2]], UNITS_KIB[size[2]])
    expected = _from_things(things)
    expected.memory_kib = memory
    hidden = re.search(r"processors not represented in topology: (\S+)", text)
    expected.offline = _mask(hidden[1]) if hidden else frozenset()
    return expected


def _from_xml(text: str) -> Expected:
    things: list[_Thing] = []
    memory = {}
    machine = xml.etree.ElementTree.fromstring(text).find("object")
    assert machine is not None

    def walk(element: xml.etree.ElementTree.Element, parent: _Thing | None) -> None:
        kind = {"PCIDev": "PCI"}.get(element.get("type", ""), element.get("type", ""))
        thing = _Thing(kind, int(element.get("os_index") or -1), f"busid={element.get('pci_busid')}", parent)
        things.append(thing)
        if kind == "NUMANode" and element.get("local_memory"):
            memory[thing.number] = (int(element.get("local_memory", "0")) // 1024, 1)
        for child in element.findall("object"):
            walk(child, thing)

    walk(machine, None)
    expected = _from_things(things)
    expected.memory_kib = memory
    expected.offline = _mask(machine.get("complete_cpuset", "")) - _mask(machine.get("cpuset", ""))
    return expected


def _from_lscpu(text: str) -> Expected:
    """The output of C(lscpu) and, after it, of C(lscpu -p): CPU,Core,Socket,Node with numbers that are unique on the host."""
    fields = {key.strip(): value.strip() for key, colon, value in (line.partition(":") for line in text.splitlines()) if colon}
    cores: dict[str, set[int]] = collections.defaultdict(set)
    table = text.partition("# CPU,Core,Socket,Node")[2].partition("#")[0]
    for row in table.splitlines()[1:]:
        columns = row.split(",")
        if len(columns) > 1 and columns[0].isdigit() and columns[1]:
            cores[columns[1]].add(int(columns[0]))
    listed = fields.get("On-line CPU(s) list")
    online = _list(listed) if listed else frozenset(cpu for core in cores.values() for cpu in core)
    nodes = {  # lscpu also lists CPUs of a node that are not there
        int(match[1]): _list(fields[key]) & online for key in fields if (match := re.fullmatch(r"NUMA node(\d+) CPU\(s\)", key))
    }
    return Expected(
        online=online,
        offline=_list(fields["Off-line CPU(s) list"]) if "Off-line CPU(s) list" in fields else None,
        cores={frozenset(core) for core in cores.values()} or None,
        node_cpus=nodes or None,
    )


def _list(text: str) -> CpuSet:
    """A CPU list, with strides as lscpu writes them (0-62:2)."""
    found: set[int] = set()
    for item in filter(None, text.split(",")):
        numbers, _colon, step = item.partition(":")
        first, _dash, last = numbers.partition("-")
        found.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return frozenset(found)


def _mask(text: str) -> CpuSet:
    groups = [int(group, 16) for group in text.split(",") if group not in ("", "0xf...f")]
    value = sum(group << 32 * position for position, group in enumerate(reversed(groups)))
    return frozenset(bit for bit in range(value.bit_length()) if value >> bit & 1)
