# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Hugepages per page size and NUMA node, allocated while the host runs.

The kernel takes any number and gives what it can, without an error (Linux: Documentation/admin-guide/mm/hugetlbpage.rst), and it turns pages
that are in use into surplus pages when the pool shrinks under them. So every write is read back, and a shrink below what is in use is refused.

Pages that the running host cannot give may be left to the next boot, which finds all memory free. A note in /run, which no boot survives, says
what was tried: until then it is a reason to reboot, and not a change that each run promises anew.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import boot_note
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

NODES = "/sys/devices/system/node"
TRIED = f"{boot_note.DIRECTORY}/hugepages.json"  # pool -> the pages that could not be had
FAIL, REBOOT = "fail", "reboot"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """C(count) pages of C(size_kib) KiB on NUMA node C(node)."""

    size_kib: int
    node: int
    count: int

    @property
    def what(self) -> str:
        return f"hugepages of {self.size_kib} KiB on node {self.node}"


@dataclasses.dataclass(frozen=True)
class Pool:
    """One pool as the kernel shows it. C(total) counts C(surplus) pages too, which vanish when they are freed."""

    total: int
    free: int
    surplus: int

    @property
    def persistent(self) -> int:
        return self.total - self.surplus

    @property
    def in_use(self) -> int:
        return self.total - self.free


class Hugepages(Concern):
    """The pools of one host.

    With C(owned=False) the pools belong to someone else (in a container: to the machine below). Then nothing is ever written, and too few
    pages are a failure. C(when_short) says what pages are that the running host cannot give: a failure, or a reason to reboot, which is for
    hosts whose kernel arguments reserve the same pages at boot.
    """

    def __init__(self, root: HostRoot, wanted: t.Sequence[Wanted], owned: bool = True, when_short: str = FAIL) -> None:
        self._root = root
        self._wanted = sorted(wanted, key=lambda entry: (entry.node, entry.size_kib))
        self._owned = owned
        self._when_short = when_short

    def plan(self) -> ChangeSet:
        raise_all(self._mistakes())
        changes = ChangeSet()
        shortages = []
        tried = boot_note.read_note(self._root, TRIED) if self._when_short == REBOOT else {}
        for entry in self._wanted:
            pool = self._pool(entry)
            if self._owned and pool.persistent < entry.count and tried.get(entry.what) == entry.count:
                changes.reboot_pending(_short(entry, pool.persistent))
            elif self._owned:
                changes.compare(entry.what, pool.persistent, entry.count, "the host plan gives this node that many pages")
            elif pool.persistent < entry.count:
                shortages.append(
                    self._too_few(entry, pool.persistent, "give the pool more pages where it is owned (the lab, or the machine below)")
                )
        raise_all(shortages)
        raise_all([failure for entry in self._changed(changes) for failure in self._pages_in_use(entry)])
        return changes

    def apply(self, changes: ChangeSet) -> None:
        """Shrink first, so that what is freed can grow elsewhere. A pool that cannot have its pages is put back as it was, and with it, if that
        is a failure, every other."""
        entries = self._changed(changes)
        before = {entry: self._pool(entry).persistent for entry in entries}
        short = []
        try:
            for entry in sorted(entries, key=lambda entry: entry.count - before[entry]):
                got = self._set(entry)
                if got < entry.count and self._when_short == FAIL:
                    remedy = "free memory on this node, or reserve the pages at boot; the pools were put back as they were"
                    raise self._too_few(entry, got, remedy)
                if got < entry.count:
                    self._write(entry, before[entry])
                    short.append(entry)
        except Failure:
            for entry, count in before.items():
                self._write(entry, count)
            raise
        if short:
            boot_note.add_to_note(self._root, TRIED, {entry.what: entry.count for entry in short})
        for entry in short:
            changes.postpone(entry.what, _short(entry, before[entry]))

    def facts(self) -> dict[str, t.Any]:
        return {"pools": [{**dataclasses.asdict(entry), **dataclasses.asdict(self._pool(entry))} for entry in self._wanted]}

    def _changed(self, changes: ChangeSet) -> list[Wanted]:
        named = {change.what for change in changes}
        return [entry for entry in self._wanted if entry.what in named]

    def _set(self, entry: Wanted) -> int:
        """The pages that the pool then has."""
        got = self._write(entry, entry.count)
        if got < entry.count and self._root.exists(f"{NODES}/node{entry.node}/compact"):
            self._root.write_value(f"{NODES}/node{entry.node}/compact", "1")  # free memory may only be scattered
            got = self._write(entry, entry.count)
        return got

    def _write(self, entry: Wanted, count: int) -> int:
        self._root.write_value(f"{self._directory(entry)}/nr_hugepages", str(count))
        return self._pool(entry).persistent

    def _directory(self, entry: Wanted) -> str:
        return f"{NODES}/node{entry.node}/hugepages/hugepages-{entry.size_kib}kB"

    def _pool(self, entry: Wanted) -> Pool:
        total, free, surplus = (int(self._root.read(f"{self._directory(entry)}/{name}_hugepages")) for name in ("nr", "free", "surplus"))
        return Pool(total, free, surplus)

    def _too_few(self, entry: Wanted, got: int, remedy: str) -> Failure:
        return Failure(
            asked=f"{entry.count} {entry.what}", found=f"{got} of {entry.count} pages", where=self._directory(entry), remedy=remedy
        )

    # What is refused before anything is written

    def _mistakes(self) -> list[Failure]:
        mistakes = []
        seen = set()
        for entry in self._wanted:
            if (entry.size_kib, entry.node) in seen:
                mistakes.append(self._mistake(entry, "the same pool is listed twice", "list each page size and node once"))
            seen.add((entry.size_kib, entry.node))
            if entry.count < 0:
                mistakes.append(self._mistake(entry, "a negative number", "ask for 0 or more pages"))
            if not self._root.is_dir(f"{NODES}/node{entry.node}"):
                nodes = [name[4:] for name in self._root.names(NODES) if re.fullmatch(r"node\d+", name)]
                mistakes.append(self._mistake(entry, f"NUMA nodes {', '.join(nodes) or 'none'}", "ask for a node that the host has"))
            elif not self._root.is_dir(self._directory(entry)):
                sizes = [name[len("hugepages-") : -len("kB")] for name in self._root.names(f"{NODES}/node{entry.node}/hugepages")]
                mistakes.append(
                    self._mistake(entry, f"page sizes {', '.join(sizes) or 'none'} KiB", "ask for a size that the CPU and kernel have")
                )
        return mistakes or self._overcommitted_nodes()

    def _mistake(self, entry: Wanted, found: str, remedy: str) -> Failure:
        return Failure(asked=f"{entry.count} {entry.what}", found=found, where=NODES, remedy=remedy)

    def _overcommitted_nodes(self) -> list[Failure]:
        """More pages than the node has memory can never be had, whatever is freed."""
        mistakes = []
        for node in sorted({entry.node for entry in self._wanted}):
            asked_kib = sum(entry.size_kib * entry.count for entry in self._wanted if entry.node == node)
            memory_kib = self._memory_kib(node)
            if memory_kib is not None and asked_kib > memory_kib:
                mistakes.append(
                    Failure(
                        asked=f"{asked_kib // 1024} MiB of hugepages on node {node}",
                        found=f"{memory_kib // 1024} MiB of memory",
                        where=f"{NODES}/node{node}/meminfo",
                        remedy="ask for fewer pages on this node",
                    )
                )
        return mistakes

    def _memory_kib(self, node: int) -> int | None:
        found = re.search(r"MemTotal:\s+(\d+) kB", self._root.read_optional(f"{NODES}/node{node}/meminfo") or "")
        return int(found.group(1)) if found else None

    def _pages_in_use(self, entry: Wanted) -> list[Failure]:
        pool = self._pool(entry)
        if entry.count >= pool.in_use:
            return []
        holders = self._holders()
        return [
            Failure(
                asked=f"shrink to {entry.count} {entry.what}",
                found=f"{pool.in_use} pages are in use" + (f", held by {', '.join(holders)}" if holders else ""),
                where=self._directory(entry),
                remedy="stop or move what uses them first: the kernel would only pretend to shrink",
            )
        ]

    def _holders(self) -> list[str]:
        """The processes that map hugepages (of any size and node: the kernel does not say more cheaply)."""
        holders = []
        for path in self._root.glob("/proc/[0-9]*/smaps_rollup"):
            try:
                rollup = self._root.read(path)
            except OSError:  # the process has ended meanwhile, or is a kernel thread
                continue
            if any(int(size) for size in re.findall(r"^(?:Shared|Private)_Hugetlb:\s+(\d+) kB", rollup, re.MULTILINE)):
                process = path.split("/")[2]
                holders.append(f"{self._root.read_optional(f'/proc/{process}/comm') or '?'} ({process})")
        return holders


def _short(entry: Wanted, has: int) -> str:
    return f"{entry.what}: {has} now, {entry.count} wanted; the running host could not give them, memory is free again after a boot"
