# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The records a plan is made of: the reason behind every number, and what stands in the way of a plan."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Reason:
    """C(what) is the value's path in the plan; C(inputs) are the numbers the rule was applied to."""

    what: str
    value: t.Any
    rule: str
    inputs: Json


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something the profile asks that the host cannot give. C(mend) changes the profile as little as removes this problem."""

    failure: Failure
    mend: t.Callable[[Profile], Profile]


class Findings:
    """What the steps of planning report as they go."""

    def __init__(self) -> None:
        self.reasons: list[Reason] = []
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    def because(self, what: str, value: t.Any, rule: str, **inputs: t.Any) -> None:
        self.reasons.append(Reason(what, value, rule, inputs))

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def refuse(self, asked: str, found: str, where: str, remedy: str, mend: t.Callable[[Profile], Profile]) -> None:
        self.problems.append(Problem(Failure(asked=asked, found=found, where=where, remedy=remedy), mend))
