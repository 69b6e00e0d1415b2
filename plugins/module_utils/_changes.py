# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What differs between a host and what is wanted of it.

C(changed), the diff, the check-mode prediction and the reasons for a restart or reboot are all read from one ChangeSet, so they cannot disagree.
"""

from __future__ import annotations

import dataclasses
import typing as t

# Ordered from harmless to disruptive.
NEEDS = ("nothing", "service_restart", "reboot", "drain")


@dataclasses.dataclass(frozen=True)
class Change:
    """One difference. C(current) and C(wanted) are JSON-able; C(needs) says what must happen before the new value is in force."""

    what: str
    current: t.Any
    wanted: t.Any
    reason: str
    needs: str = "nothing"

    def __post_init__(self) -> None:
        if self.needs not in NEEDS:
            raise ValueError(f"needs must be one of {', '.join(NEEDS)}, not {self.needs!r}")


class ChangeSet:
    """The changes of one concern, in the order in which they are to be applied."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._reboot_pending: list[str] = []
        self._restart_pending: list[str] = []

    def compare(self, what: str, current: t.Any, wanted: t.Any, reason: str, needs: str = "nothing") -> bool:
        """Record a change if C(current) differs from C(wanted); tell whether it did."""
        if current == wanted:
            return False
        self.add(Change(what, current, wanted, reason, needs))
        return True

    def add(self, change: Change) -> None:
        self._changes.append(change)

    def extend(self, other: ChangeSet) -> None:
        self._changes.extend(other._changes)
        self._reboot_pending.extend(other._reboot_pending)
        self._restart_pending.extend(other._restart_pending)

    def reboot_pending(self, reason: str) -> None:
        """In force only after a reboot, and nothing is left to write: no change, but reported until the reboot has happened."""
        self._reboot_pending.append(reason)

    def postpone(self, what: str, reason: str) -> None:
        """Take back a change that the running host could not make and that the next boot will: it did not happen."""
        self._changes = [change for change in self._changes if change.what != what]
        self.reboot_pending(reason)

    def restart_pending(self, reason: str) -> None:
        """Already written, in force only after a restart of the service that reads it."""
        self._restart_pending.append(reason)

    @property
    def pending(self) -> list[str]:
        """What needs no further write and waits for a reboot or a restart."""
        return [*self._reboot_pending, *self._restart_pending]

    def __iter__(self) -> t.Iterator[Change]:
        return iter(self._changes)

    def __len__(self) -> int:
        return len(self._changes)

    def __bool__(self) -> bool:
        return bool(self._changes)

    @property
    def changed(self) -> bool:
        return bool(self._changes)

    def diff(self) -> dict[str, dict[str, t.Any]]:
        return {
            "before": {change.what: change.current for change in self._changes},
            "after": {change.what: change.wanted for change in self._changes},
        }

    def _reasons(self, needs: str, pending: list[str]) -> list[str]:
        return [f"{change.what}: {change.reason}" for change in self._changes if change.needs == needs] + pending

    def result(self) -> dict[str, t.Any]:
        """The return values that every state-changing door has in common."""
        reboot_reasons = self._reasons("reboot", self._reboot_pending)
        restart_reasons = self._reasons("service_restart", self._restart_pending)
        return {
            "changed": self.changed,
            "diff": self.diff(),
            "changes": [dataclasses.asdict(change) for change in self._changes],
            "reboot_required": bool(reboot_reasons),
            "reboot_reasons": reboot_reasons,
            "restart_required": bool(restart_reasons),
            "restart_reasons": restart_reasons,
        }
