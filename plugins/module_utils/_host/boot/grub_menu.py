# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The menu in a generated grub.cfg, and the command line of the entry that GRUB boots by itself. No I/O.

What is read is what grub-mkconfig's own scripts write (util/grub.d/00_header.in, 10_linux.in): one command per line. The choice of the entry
is that of grub-core/normal/menu.c: a number, an id or a title, C(>) between the levels, C(>>) for one C(>), the first entry if nothing matches.
"""

from __future__ import annotations

import dataclasses
import re
import shlex

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.grub_environment import chosen

LINUX = ("linux", "linux16", "linuxefi")


@dataclasses.dataclass
class MenuEntry:
    """An entry (C(arguments) is None where it boots no Linux) or a submenu (which has C(entries))."""

    title: str
    id: str | None = None
    arguments: list[str] | None = None
    entries: list[MenuEntry] = dataclasses.field(default_factory=list)


def default_entry(text: str, environment: dict[str, str]) -> MenuEntry | None:
    """The entry that is booted if nobody touches the keyboard; None if the menu is empty."""
    level, default = _menu(text)
    found = None
    for step in re.split(r"(?<!>)>(?!>)", chosen(environment, default)):
        if not level:
            break
        found = _find(level, step.replace(">>", ">"))
        level = found.entries
    while found is not None and found.entries:  # GRUB opens a submenu that is the default, and takes its first entry
        found = found.entries[0]
    return found


def _menu(text: str) -> tuple[list[MenuEntry], str]:
    top = MenuEntry("")
    open_blocks = [top]
    default = "0"
    for line in text.split("\n"):
        words = _words(line)
        if not words:
            continue
        if words == ["}"] and len(open_blocks) > 1:
            open_blocks.pop()
        elif words[-1] == "{":
            entry = MenuEntry(words[1] if len(words) > 2 else "", _id(words))
            if words[0] in ("menuentry", "submenu"):
                open_blocks[-1].entries.append(entry)
            open_blocks.append(entry)
        elif words[0] in LINUX and open_blocks[-1].arguments is None:
            open_blocks[-1].arguments = words[2:]
        elif words[0] == "set" and len(words) == 2 and words[1].startswith("default="):
            default = words[1].split("=", 1)[1]  # the last one: 00_header sets what was chosen for once before it
    return top.entries, default


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # a quote that ends on another line: a message, never an entry
        return []


def _id(words: list[str]) -> str | None:
    for option, value in zip(words, words[1:]):
        if option in ("--id", "$menuentry_id_option", "${menuentry_id_option}"):
            return value
    return None


def _find(level: list[MenuEntry], wanted: str) -> MenuEntry:
    if wanted.isdigit():
        return level[int(wanted)] if int(wanted) < len(level) else level[0]
    return next((entry for entry in level if wanted in (entry.id, entry.title)), level[0])
