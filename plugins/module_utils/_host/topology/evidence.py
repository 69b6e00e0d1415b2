# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Reads attributes and keeps a record of what is missing and what disagrees, so that nothing is guessed silently."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Conflict, Missing

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

CPU_DIRECTORY = "/sys/devices/system/cpu"
NODE_DIRECTORY = "/sys/devices/system/node"


class Evidence:
    """One host's attributes, read once, with notes."""

    def __init__(self, root: HostRoot) -> None:
        self.root = root
        self.missing: list[Missing] = []
        self.conflicts: list[Conflict] = []

    def note_missing(self, file: str, consequence: str) -> None:
        self.missing.append(Missing(file, consequence))

    def note_conflict(self, where: str, found: str, taken: str) -> None:
        self.conflicts.append(Conflict(where, found, taken))

    def text(self, path: str) -> str | None:
        """Without surrounding blanks and NULs (old kernels end some lists with one); None if there is nothing to read."""
        text = self.root.read_optional(path)
        return None if text is None else text.strip(" \t\n\0")

    def number(self, path: str) -> int | None:
        text = self.text(path)
        try:
            return None if text is None else int(text, 0)
        except ValueError:
            self.note_conflict(path, f"{text!r} is not a number", "taken as if the file were missing")
            return None

    def cpu_list(self, path: str) -> tuple[int, ...] | None:
        return self._parsed(path, cpu_sets.parse_list)

    def cpu_mask(self, path: str) -> tuple[int, ...] | None:
        return self._parsed(path, cpu_sets.parse_mask)

    def cpus_of(self, list_path: str, mask_path: str) -> tuple[int, ...] | None:
        """A CPU set from its list, or from its mask where the kernel is too old for the list."""
        members = self.cpu_list(list_path)
        return members if members is not None else self.cpu_mask(mask_path)

    def numbered(self, directory: str, prefix: str) -> tuple[int, ...]:
        """The numbers N of the entries prefixN in a directory."""
        names = (name[len(prefix) :] for name in self.root.names(directory) if name.startswith(prefix))
        return tuple(sorted(int(rest) for rest in names if rest.isdigit()))

    def _parsed(self, path: str, parse: t.Callable[[str, str], tuple[int, ...]]) -> tuple[int, ...] | None:
        text = self.text(path)
        if text is None:
            return None
        try:
            return parse(text, path)
        except Failure as failure:
            self.note_conflict(path, failure.found, "taken as if the file were missing")
            return None
