# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Boot Loader Specification, type 1 entries: one file per kernel in loader/entries. UAPI group, "The Boot Loader Specification"."""

from __future__ import annotations

import dataclasses
import posixpath
import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

SortKey = tuple[tuple[t.Any, ...], ...]


@dataclasses.dataclass(frozen=True)
class Entry:
    """C(id) is the file's name without .conf. C(fields) by name; of a repeated field the values are joined, as for options."""

    path: str
    id: str
    fields: t.Mapping[str, str]

    @property
    def what(self) -> str:
        return f"kernel arguments in {self.path}"

    @property
    def title(self) -> str:
        return self.fields.get("title", self.id)

    @property
    def options(self) -> str:
        return self.fields.get("options", "")


def read_entries(root: HostRoot, directory: str) -> list[Entry]:
    """The entries in a directory, by name. Files that nothing can be read from are none."""
    found = []
    for name in root.names(directory):
        path = posixpath.join(directory, name)
        text = root.read_optional(path) if name.endswith(".conf") and not name.startswith(".") else None
        if text is not None:
            found.append(Entry(path, name[: -len(".conf")], _fields(text)))
    return found


def version_key(text: str) -> SortKey:
    """Sorts as rpmvercmp does, and for kernel versions as systemd does: numbers by value and above letters, C(~) below everything."""
    parts: list[tuple[t.Any, ...]] = []
    for part in re.findall(r"[0-9]+|[A-Za-z]+|~|\^", text):
        if part.isdigit():
            parts.append((4, int(part)))
        else:
            parts.append({"~": (0,), "^": (2,)}.get(part, (3, part)))
    return (*parts, (1,))


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        words = line.split(None, 1)
        if len(words) == 2 and not words[0].startswith("#"):
            fields[words[0]] = f"{fields[words[0]]} {words[1].strip()}" if words[0] in fields else words[1].strip()
    return fields
