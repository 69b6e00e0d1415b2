# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""irqbalance: the CPUs it is told to leave alone, in its environment file and in the process that runs.

irqbalance(1): IRQBALANCE_BANNED_CPULIST, of 1.8 and later; it wins over IRQBALANCE_BANNED_CPUS, and either switches off what irqbalance finds
out by itself. The file is the EnvironmentFile of its unit: /etc/default/irqbalance on Debian, /etc/sysconfig/irqbalance on RHEL. Only our
line in it is ours.
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

FILES = ("/etc/default/irqbalance", "/etc/sysconfig/irqbalance")
VARIABLE = "IRQBALANCE_BANNED_CPULIST"
ASSIGNMENT = re.compile(rf"""^\s*{VARIABLE}=["']?([^"'\n]*)["']?\s*$""", re.MULTILINE)
UNIT = "irqbalance.service"
REASON = "irqbalance would move interrupts back to these CPUs"


class Irqbalance:
    """C(banned) is a CPU list in canonical form. Where irqbalance is not installed nothing is asked of it."""

    def __init__(self, root: HostRoot, banned: str) -> None:
        self._root = root
        self._banned = banned
        self._path = self._environment_file()

    def compare(self, changes: ChangeSet) -> None:
        if self._path is None:
            return
        changes.compare(self._line, self._written(), self._banned, REASON)
        for process in self._processes():
            changes.compare(f"irqbalance ({process}) banned CPUs", self._in_force(process), self._banned, REASON)

    def apply(self, changes: ChangeSet) -> None:
        named = {change.what for change in changes}
        if self._path is not None and self._line in named:
            self._root.write_file(self._path, with_assignment(self._root.read_optional(self._path), self._banned))
        if any(what.startswith("irqbalance (") for what in named):
            self._root.run(["systemctl", "--quiet", "restart", "--", UNIT], changes=True)

    @property
    def _line(self) -> str:
        return f"{self._path} {VARIABLE}"

    def _environment_file(self) -> str | None:
        there = [path for path in FILES if self._root.exists(path)]
        if there:
            return there[0]
        if not self._root.has_program("irqbalance"):
            return None
        return FILES[1] if self._root.is_dir("/etc/sysconfig") else FILES[0]

    def _written(self) -> str | None:
        """The last assignment counts, as for systemd (systemd.exec(5), EnvironmentFile)."""
        found = ASSIGNMENT.findall((self._root.read_optional(self._path) or "") if self._path else "")
        return found[-1].strip() if found else None

    def _processes(self) -> list[str]:
        paths = self._root.glob("/proc/[0-9]*/comm")
        return [path.split("/")[2] for path in paths if self._root.read_optional(path) == "irqbalance"]

    def _in_force(self, process: str) -> str | None:
        """What a running irqbalance was started with; it reads its environment once."""
        prefix = f"{VARIABLE}="
        entries = (self._root.read_optional(f"/proc/{process}/environ") or "").split("\0")
        return next((entry[len(prefix) :] for entry in entries if entry.startswith(prefix)), None)


def with_assignment(text: str | None, banned: str) -> str:
    """The file's text with one assignment, in the place of the first; everything else stays."""
    line = f"{VARIABLE}={banned}"
    lines = text.split("\n") if text else []
    places = [number for number, old in enumerate(lines) if ASSIGNMENT.match(old)]
    if places:
        lines[places[0]] = line
        lines = [old for number, old in enumerate(lines) if number not in places[1:]]
    else:
        lines.append(line)
    return "\n".join(lines) + "\n"
