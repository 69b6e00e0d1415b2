# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Kernel arguments of one host: wanted, for the next boot, and running. Only our own tokens are ever changed."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot import record as ownership
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot import tokens
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.detection import AUTO, find_boot_loader
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.running import read_running
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.kernel_arguments import LONGEST_COMMAND_LINE

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.loader import BootLoader, CommandLine
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ARCHITECTURE = "/proc/sys/kernel/arch"  # since Linux 6.1
USUAL_LIMIT = 2048


@dataclasses.dataclass(frozen=True)
class Found:
    """What was read. C(ours): what may be taken out; C(own): what of the wanted list is ours to set."""

    loader: BootLoader
    lines: list[CommandLine]
    ours: list[str]
    own: list[str]
    running: list[str]

    @property
    def next_boot(self) -> CommandLine:
        return next(line for line in self.lines if line.next_boot)


class KernelArguments(Concern):
    """C(wanted): tokens in order, as plan.kernel_args has them. What was ours and is not among them is taken out."""

    def __init__(self, root: HostRoot, wanted: t.Sequence[str], boot_loader: str = AUTO) -> None:
        self._root = root
        self._wanted = list(wanted)
        self._boot_loader = boot_loader

    def plan(self) -> ChangeSet:
        raise_all(tokens.refusals(self._wanted))
        found, record = self._read()
        changes = ChangeSet()
        ownership.compare(self._root, changes, found.own)
        found.loader.compare(changes, found.own)
        for line in found.lines:
            current = tokens.pick(line.tokens, found.ours)
            lacking, ending = self._at_reboot(found, current) if line.next_boot else ([], [])
            changes.compare(line.what, current, found.own, _reason(lacking, ending), "reboot" if lacking or ending else "nothing")
        raise_all([*self._too_long(found), *(found.loader.obstacles(found.ours) if _touches(changes, found.lines) else [])])
        if found.next_boot.what not in {change.what for change in changes}:
            for phrase in _pending(self._wanted, found.running, record.dropped):
                changes.reboot_pending(phrase)
        return changes

    def apply(self, changes: ChangeSet) -> None:
        """The record first: whatever is killed afterwards, the next run knows which tokens are ours."""
        found, record = self._read()
        started = record.begin(found.own, found.loader.marked())
        ownership.write(self._root, started)
        if {change.what for change in changes} - {ownership.PATH, ownership.DIRECTORY_CHANGE}:
            self._write(found, record)
        ownership.write(self._root, started.end(found.running))

    def _write(self, found: Found, record: ownership.Record) -> None:
        try:
            found.loader.write(found.ours, found.own)
        except (Failure, Failures):
            if found.loader.command_lines() == found.lines:  # nothing was begun, or it was put back
                ownership.put_back(self._root, record)
            raise

    def facts(self) -> dict[str, t.Any]:
        found, _record = self._read()
        return {
            "boot_loader": found.loader.name,
            "wanted": self._wanted,
            "own": found.own,
            "next_boot": list(found.next_boot.tokens),
            "running": found.running,
        }

    def _read(self) -> tuple[Found, ownership.Record]:
        loader = find_boot_loader(self._root, self._boot_loader)
        record = ownership.read(self._root)
        lines = loader.command_lines()
        ours = tokens.joined(record.ours, loader.marked())
        own, failures = tokens.share(self._wanted, {line.what: tokens.without(line.tokens, ours) for line in lines}, loader.remedy)
        raise_all(failures)
        return Found(loader, lines, ours, own, read_running(self._root)), record

    def _at_reboot(self, found: Found, current: list[str]) -> tuple[list[str], list[str]]:
        """What the running kernel lacks of what is wanted, and what it has that the next boot shall not have."""
        running = tokens.units(found.running)
        lacking = [token for key, asked in tokens.units(found.own).items() if running.get(key) != asked for token in asked]
        ending = [token for token in tokens.subtract(current, found.own) if token in found.running]
        return lacking, ending

    def _too_long(self, found: Found) -> list[Failure]:
        line = " ".join(tokens.replaced(found.next_boot.tokens, found.ours, found.own))
        limit = LONGEST_COMMAND_LINE.get(self._root.read_optional(ARCHITECTURE) or "", USUAL_LIMIT)
        if not found.own or len(line) < limit:
            return []
        return [
            Failure(
                asked=f"kernel arguments {' '.join(found.own)}",
                found=f"with what is there already {len(line)} characters; a kernel takes {limit - 1} and cuts off the rest",
                where=found.next_boot.what,
                remedy="write CPU lists as ranges, or take arguments out",
            )
        ]


def _touches(changes: ChangeSet, lines: list[CommandLine]) -> bool:
    return bool({change.what for change in changes} & {line.what for line in lines})


def _reason(lacking: list[str], ending: list[str]) -> str:
    phrases = [f"the running kernel lacks {' '.join(lacking)}"] if lacking else []
    phrases += [f"the running kernel still has {' '.join(ending)}"] if ending else []
    return "; ".join(phrases) or "the list of wanted kernel arguments says so"


def _pending(wanted: list[str], running: list[str], dropped: t.Sequence[str]) -> list[str]:
    """What a reboot would bring, one sentence each."""
    have, asked = tokens.units(running), tokens.units(wanted)
    coming = [
        f"kernel arguments {' '.join(line)}: set for the next boot; the running kernel has {' '.join(have.get(key, [])) or 'none of them'}"
        for key, line in asked.items()
        if have.get(key) != line
    ]
    going = [token for token in dropped if token in running and tokens.unit(token) not in asked]
    return coming + [f"kernel argument {token}: taken out for the next boot; the running kernel still has it" for token in going]
