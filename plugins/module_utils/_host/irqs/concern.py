# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Interrupts of one host, kept on the CPUs that the plan gives them: the default for new ones, those that are there, irqbalance, and for good.

An interrupt that already goes to some of these CPUs keeps them: drivers spread their queues, and all on all would undo that.
"""

from __future__ import annotations

import errno
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, after_restoring, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot_unit import systemd_runs
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.irqs.at_boot import TIMER, boot_unit
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.irqs.interrupts import (
    DEFAULT,
    Interrupt,
    read_default,
    read_interrupts,
    write_record,
)
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.irqs.irqbalance import Irqbalance
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.unit import Systemd, read_units

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

CPUS = "/sys/devices/system/cpu"
ASKED = "the host plan gives interrupts these CPUs"
TIMER_STATE = f"unit {TIMER} state"
GONE = (errno.ENOENT, errno.ENODEV)
KEPT_BY_THE_KERNEL = (errno.EIO, errno.EPERM)
CAUSES = {
    errno.ENOSPC: ("these CPUs have no interrupt vector left", "give the plan more housekeeping CPUs, or the devices fewer queues"),
    errno.EINVAL: ("none of these CPUs can take it", "name CPUs that are online"),
    errno.EBUSY: ("it is being moved already", "run again"),
}


class IrqAffinity(Concern):
    """C(affinity) is a CPU list, as plan.irq.affinity has it. C(persistent) False leaves timer and irqbalance alone."""

    def __init__(self, root: HostRoot, affinity: str, persistent: bool = True) -> None:
        self._root = root
        self._housekeeping = cpu_sets.parse_list(affinity, "affinity")
        self._persistent = persistent

    def plan(self) -> ChangeSet:
        raise_all(self._mistakes())
        changes = ChangeSet()
        wanted = cpu_sets.format_list(self._housekeeping)
        changes.compare(DEFAULT, cpu_sets.format_list(read_default(self._root)), wanted, ASKED)
        online = self._cpus("online")
        for interrupt in read_interrupts(self._root):
            if interrupt.movable:
                current = cpu_sets.format_list(interrupt.affinity)
                changes.compare(interrupt.what, current, cpu_sets.format_list(self._place(interrupt, online)), ASKED)
        if self._persistent:
            self._irqbalance().compare(changes)
            boot_unit(self._root, self._housekeeping).compare(changes)
            if systemd_runs(self._root):
                active = read_units(self._root, [TIMER])[TIMER].is_active
                reason = "reboot, hotplug and drivers give interrupts to other CPUs again"
                changes.compare(TIMER_STATE, "active" if active else "inactive", "active", reason)
        return changes

    def apply(self, changes: ChangeSet) -> None:
        """irqbalance first, so that it moves nothing back. On a failure the masks are put back as they were."""
        named = {change.what for change in changes}
        if self._persistent:
            self._irqbalance().apply(changes)
        self._move(named)
        if self._persistent:
            boot_unit(self._root, self._housekeeping).apply(changes)
            if TIMER_STATE in named:
                Systemd(self._root).start(TIMER)

    def facts(self) -> dict[str, t.Any]:
        interrupts = read_interrupts(self._root)
        strayed = [interrupt for interrupt in interrupts if not interrupt.movable and not self._keeps(interrupt)]
        return {
            "interrupts": len(interrupts),
            "unmovable": [
                {
                    "irq": interrupt.number,
                    "names": interrupt.names,
                    "affinity": cpu_sets.format_list(interrupt.affinity),
                    "effective": None if interrupt.effective is None else cpu_sets.format_list(interrupt.effective),
                }
                for interrupt in strayed
            ],
        }

    def _keeps(self, interrupt: Interrupt) -> bool:
        return set(interrupt.affinity) <= set(self._housekeeping)

    def _place(self, interrupt: Interrupt, online: t.Sequence[int]) -> tuple[int, ...]:
        """The CPUs it has among ours, or all of ours where none of those is online."""
        kept = [cpu for cpu in interrupt.affinity if cpu in self._housekeeping]
        return tuple(kept) if set(kept) & set(online) else self._housekeeping

    def _move(self, named: set[str]) -> None:
        undo: list[tuple[str, str]] = []
        refused: list[Interrupt] = []
        online = self._cpus("online")
        try:
            if DEFAULT in named:
                undo.append((DEFAULT, self._root.read(DEFAULT)))
                self._root.write_value(DEFAULT, cpu_sets.format_kernel_mask(self._housekeeping))
            for interrupt in read_interrupts(self._root):
                if interrupt.what in named and not self._set(interrupt, online):
                    refused.append(interrupt)
                elif interrupt.what in named:
                    undo.append((interrupt.attribute, cpu_sets.format_list(interrupt.affinity)))
        except Failure as failure:
            missing = [phrase for path, text in reversed(undo) for phrase in self._put_back(path, text)]
            raise after_restoring(failure, missing, "the masks were put back as they were") from failure
        if refused:
            write_record(self._root, refused)

    def _set(self, interrupt: Interrupt, online: t.Sequence[int]) -> bool:
        """False if the kernel keeps this one to itself."""
        wanted = cpu_sets.format_list(self._place(interrupt, online))
        try:
            self._root.write_value(interrupt.attribute, wanted)
        except Failure as failure:
            code = getattr(failure.__cause__, "errno", None)
            if code in KEPT_BY_THE_KERNEL:
                return False
            if code in GONE:
                return True
            cause, remedy = CAUSES.get(code or 0, ("", failure.remedy))
            raise Failure(
                asked=f"{interrupt.what} on CPUs {wanted}",
                found=f"{failure.found}{f': {cause}' if cause else ''}",
                where=interrupt.attribute,
                remedy=remedy,
            ) from failure
        return True

    def _put_back(self, path: str, text: str) -> list[str]:
        try:
            self._root.write_value(path, text)
        except Failure as failure:
            return [f"{path} ({failure.found})"]
        return []

    def _irqbalance(self) -> Irqbalance:
        return Irqbalance(self._root, cpu_sets.format_list(set(self._cpus("possible")) - set(self._housekeeping)))

    def _cpus(self, kind: str) -> tuple[int, ...]:
        return cpu_sets.parse_list(self._root.read(f"{CPUS}/{kind}"), f"{CPUS}/{kind}")

    def _mistakes(self) -> list[Failure]:
        asked = f"interrupts on CPUs {cpu_sets.format_list(self._housekeeping) or 'none'}"
        possible, online = self._cpus("possible"), self._cpus("online")
        beyond = cpu_sets.format_list(set(self._housekeeping) - set(possible))
        mistakes = []
        if beyond:
            found = f"CPUs {cpu_sets.format_list(possible)}; there is no {beyond}"
            mistakes.append(Failure(asked=asked, found=found, where=f"{CPUS}/possible", remedy="name CPUs that the host has"))
        if not set(self._housekeeping) & set(online):
            found = f"none of them is online, of {cpu_sets.format_list(online)}"
            mistakes.append(Failure(asked=asked, found=found, where=f"{CPUS}/online", remedy="leave interrupts at least one online CPU"))
        if not self._root.exists(DEFAULT):
            found = "the kernel shows no interrupt masks"
            mistakes.append(Failure(asked=asked, found=found, where=DEFAULT, remedy="this needs a kernel for several CPUs"))
        return mistakes
