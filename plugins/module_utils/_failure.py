# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The one shape of an error: what was asked, what was found, where, and what to do."""

from __future__ import annotations

import typing as t


class Failure(Exception):
    """One thing that cannot be done. All four parts are plain sentences or values, without a final full stop."""

    def __init__(self, *, asked: str, found: str, where: str, remedy: str) -> None:
        self.asked = asked
        self.found = found
        self.where = where
        self.remedy = remedy
        super().__init__(f"asked: {asked}; found: {found}; where: {where}; do: {remedy}")

    def as_dict(self) -> dict[str, str]:
        return {"asked": self.asked, "found": self.found, "where": self.where, "remedy": self.remedy}


def after_restoring(failure: Failure, missing: t.Sequence[str], restored: str) -> Failure:
    """The failure of a change that was undone. C(missing): what could not be put back, one phrase each; C(restored) says that all was."""
    end = f"could not be put back: {'; '.join(missing)}" if missing else restored
    return Failure(asked=failure.asked, found=failure.found, where=failure.where, remedy=f"{failure.remedy}; {end}")


class Failures(Exception):
    """Several failures at once, so that a user mends them in one go. Never empty."""

    def __init__(self, failures: t.Iterable[Failure]) -> None:
        self.failures = list(failures)
        if not self.failures:
            raise ValueError("Failures needs at least one Failure")
        super().__init__(" | ".join(str(failure) for failure in self.failures))


def raise_all(failures: t.Sequence[Failure]) -> None:
    """Raise nothing for an empty sequence, the one failure alone, or all of them together."""
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise Failures(failures)
