# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the kernel's hugepage pools, on plain files below a directory. It imports nothing of the collection.

It copies what Linux does (Documentation/admin-guide/mm/hugetlbpage.rst, mm/hugetlb.c set_max_huge_pages): a write of nr_hugepages never
fails; it gives as many pages as there is unfragmented memory; shrinking below the pages in use leaves the rest as surplus pages; compaction
makes fragmented memory usable.
"""

from __future__ import annotations

import pathlib
import re

POOL = re.compile(r".*/node(\d+)/hugepages/hugepages-(\d+)kB/nr_hugepages$")
COMPACT = re.compile(r".*/node(\d+)/compact$")


class HugepageKernel:
    def __init__(self, root: pathlib.Path) -> None:
        self.nodes = root / "sys/devices/system/node"
        self.free_kib: dict[int, int] = {}
        self.fragmented_kib: dict[int, int] = {}

    def add_node(
        self, node: int, memory_mib: int, sizes_kib: tuple[int, ...] = (2048,), free_mib: int | None = None, fragmented_mib: int = 0
    ) -> None:
        """A node with C(memory_mib), of which C(free_mib) can become pages at once and C(fragmented_mib) only after compaction."""
        self.free_kib[node] = (memory_mib if free_mib is None else free_mib) * 1024
        self.fragmented_kib[node] = fragmented_mib * 1024
        directory = self.nodes / f"node{node}"
        for size in sizes_kib:
            pool = directory / f"hugepages/hugepages-{size}kB"
            pool.mkdir(parents=True)
            for name in ("nr", "free", "surplus"):
                (pool / f"{name}_hugepages").write_text("0\n")
        (directory / "meminfo").write_text(f"Node {node} MemTotal:       {memory_mib * 1024} kB\n")
        (directory / "compact").write_text("")

    def use(self, node: int, size_kib: int, pages: int) -> None:
        """Some process maps C(pages) pages of the pool."""
        pool = self._pool(node, size_kib)
        pool["free"] -= pages
        self._store(node, size_kib, pool)

    def write(self, path: str, text: str) -> None:
        """What a write to this attribute does. Any other path is an ordinary file."""
        found = POOL.match(path)
        if found:
            self._resize(int(found[1]), int(found[2]), int(text))
            return
        found = COMPACT.match(path)
        if found:
            node = int(found[1])
            self.free_kib[node] += self.fragmented_kib[node]
            self.fragmented_kib[node] = 0
            return
        pathlib.Path(path).write_text(text)

    def _resize(self, node: int, size_kib: int, count: int) -> None:
        pool = self._pool(node, size_kib)
        in_use = pool["nr"] - pool["free"]
        persistent = pool["nr"] - pool["surplus"]
        if count >= persistent:
            adopted = min(pool["surplus"], count - persistent)  # surplus pages become persistent ones first
            pool["surplus"] -= adopted
            new = min(count - persistent - adopted, self.free_kib[node] // size_kib)
            pool["nr"] += new
            self.free_kib[node] -= new * size_kib
        else:
            total = max(count, in_use)
            self.free_kib[node] += (pool["nr"] - total) * size_kib
            pool["nr"] = total
            pool["surplus"] = total - count
        pool["free"] = pool["nr"] - in_use
        self._store(node, size_kib, pool)

    def _directory(self, node: int, size_kib: int) -> pathlib.Path:
        return self.nodes / f"node{node}/hugepages/hugepages-{size_kib}kB"

    def _pool(self, node: int, size_kib: int) -> dict[str, int]:
        return {name: int((self._directory(node, size_kib) / f"{name}_hugepages").read_text()) for name in ("nr", "free", "surplus")}

    def _store(self, node: int, size_kib: int, pool: dict[str, int]) -> None:
        for name, value in pool.items():
            (self._directory(node, size_kib) / f"{name}_hugepages").write_text(f"{value}\n")
