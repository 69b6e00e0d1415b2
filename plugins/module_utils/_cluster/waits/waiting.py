# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Waits until all that is awaited has come, looking at each object again and again within one limit of time."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.explanation import explanation
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.rollout import rollout_is_hopeless
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.verdict import missing
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Connection, Json
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.deadline import Deadline
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.wanted import Wait


@dataclasses.dataclass
class Awaited:
    """One wait for one object. C(last) is the object as it was seen last, at first as the plan read it."""

    wait: Wait
    title: str
    path: str
    last: Json | None

    @property
    def missing(self) -> str | None:
        return missing(self.wait, self.last)

    @property
    def is_hopeless(self) -> bool:
        return self.wait.rollout and self.last is not None and rollout_is_hopeless(self.last)


def wait_for(connection: Connection, awaited: t.Sequence[Awaited], deadline: Deadline) -> None:
    """What was seen already costs no request. Raises Failure(s) for all that has not come when the time is up, or cannot come any more."""
    deadline.restart_pauses()
    while True:
        open_ones = [one for one in awaited if one.missing is not None]
        if not open_ones:
            return
        if any(one.is_hopeless for one in open_ones) or not deadline.pause():
            raise_all([_not_come(connection, one, deadline) for one in open_ones])
        for one in open_ones:
            one.last = connection.read(one.path)


def _not_come(connection: Connection, one: Awaited, deadline: Deadline) -> Failure:
    why = explanation(connection, one.last, one.wait.rollout) if one.last is not None else ""
    return Failure(
        asked=f"{one.wait.asked} within {deadline.seconds} s",
        found=f"{one.missing}" + (f" ({why})" if why else ""),
        where=one.title,
        remedy="mend what conditions and events name, or give it more time (wait_timeout); what was applied stays applied",
    )
