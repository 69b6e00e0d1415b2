# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The objects of one call as one concern: read, planned by dry runs, applied in order, awaited."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Refused
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.deadline import Deadline
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.discovery import read_kinds
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects import step
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.absence import delete, plan_absence, wait_until_gone
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.api import ObjectApi
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.order import (
    comes_first,
    in_order_of_deletion,
    in_order_of_writing,
)
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.presence import plan_presence
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.refusals import refusal
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.resolution import resolve
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.readiness import refuse_unready
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.waiting import Awaited, wait_for
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.wanted import Wait
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Connection
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.discovery import Kinds
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.step import Step
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import WantedObject

ESTABLISHED = Wait(kind="CustomResourceDefinition", condition="Established")


@dataclasses.dataclass(frozen=True)
class Intent:
    """What a call wants. C(wait_timeout) in seconds, for all waits together."""

    objects: t.Sequence[WantedObject]
    is_present: bool
    field_manager: str
    force_conflicts: bool
    recreate: bool
    waits: t.Sequence[Wait]
    wait_for_deletion: bool
    wait_timeout: int


class ClusterObjects:
    """A concern in the sense of C(_door)."""

    def __init__(self, connection: Connection, intent: Intent) -> None:
        self.connection = connection
        self.intent = intent
        self.api = ObjectApi(connection, intent.field_manager, intent.force_conflicts)
        self._steps: list[Step] = []
        self._first_steps: list[Step] | None = None

    def plan(self) -> ChangeSet:
        self._steps = self._planned(self._order(self.intent.objects))
        if self._first_steps is None:
            self._first_steps = self._steps
        changes = ChangeSet()
        for one in self._steps:
            for change in one.changes:
                changes.add(change)
        return changes

    def apply(self, changes: ChangeSet) -> None:
        if self.intent.is_present:
            self._write_all()
        else:
            self._delete_all()

    def verify(self) -> None:
        if not self.intent.is_present:
            if self.intent.wait_for_deletion:
                self._wait_for_the_dying()
            return
        live = {one.resolved.wanted.identity: one for one in self._steps}
        awaited = [
            Awaited(wait, one.title, one.resolved.path, one.live)
            for wait in self.intent.waits
            for identity, one in live.items()
            if wait.is_about(identity)
        ]
        wait_for(self.connection, awaited, self._deadline)

    def facts(self) -> dict[str, t.Any]:
        """The actions are those of the first plan: after applying, all would read as nothing."""
        steps = self._first_steps or []
        return {
            "objects": [one.as_dict() for one in steps],
            "api_warnings": list(dict.fromkeys(self.connection.warnings)),
            "api_requests": self.connection.requests,
        }

    @functools.cached_property
    def _deadline(self) -> Deadline:
        """It begins with the first wait."""
        return Deadline(self.intent.wait_timeout)

    @functools.cached_property
    def _kinds(self) -> Kinds:
        refuse_unready(self.connection)
        return self._discovered()

    def _discovered(self) -> Kinds:
        try:
            return read_kinds(self.connection)
        except Refused as refused:
            raise Failure(
                asked="the kinds that the API server knows",
                found=refused.message,
                where=self.connection.host,
                remedy="give credentials that this API server accepts" if refused.code in (401, 403) else "look at the API server's log",
            ) from refused

    def _order(self, objects: t.Sequence[WantedObject]) -> list[WantedObject]:
        return in_order_of_writing(objects) if self.intent.is_present else in_order_of_deletion(objects)

    def _planned(self, objects: t.Sequence[WantedObject]) -> list[Step]:
        resolved = resolve(objects, self._kinds)
        if not self.intent.is_present:
            return plan_absence(self.api, resolved)
        everything = resolve(self._order(self.intent.objects), self._kinds)
        return plan_presence(self.api, resolved, everything, self.intent.recreate)

    def _write_all(self) -> None:
        """Namespaces and definitions first. What waited for them is then shown to the API server, before anything else is written."""
        self._refuse_missing_namespaces()
        first = [one for one in self._steps if comes_first(one.resolved.wanted)]
        for one in first:
            self._write(one)
        rest = [one for one in self._steps if not comes_first(one.resolved.wanted)]
        if any(one.waits_for for one in rest):
            self._await_definitions([one for one in first if one.resolved.wanted.is_kind_definition])
            rest = self._planned_again(rest)
        for one in rest:
            # What one still waits for stands before it in the list, so it has just been written.
            self._write(self._planned_again([one])[0] if one.waits_for else one)

    def _planned_again(self, steps: t.Sequence[Step]) -> list[Step]:
        """Those that waited are planned anew."""
        late = {one.title: one for one in self._planned([one.resolved.wanted for one in steps if one.waits_for])}
        return [late.get(one.title, one) for one in steps]

    def _await_definitions(self, definitions: t.Sequence[Step]) -> None:
        """Established is when the API server serves the kind; its list of kinds follows a moment later."""
        awaited = [Awaited(ESTABLISHED, one.title, one.resolved.path, None) for one in definitions]
        wait_for(self.connection, awaited, self._deadline)
        awaited_kinds = {(one.resolved.kind.api_version, one.resolved.kind.name) for one in self._steps if not one.resolved.is_served}
        self._deadline.restart_pauses()
        while awaited_kinds:
            self._kinds = self._discovered()
            if all(key in self._kinds for key in awaited_kinds):
                return
            if not self._deadline.pause():
                raise Failure(
                    asked="the kinds of the new definitions within the time",
                    found=", ".join(
                        f"{name} of {version}" for version, name in sorted(awaited_kinds) if (version, name) not in self._kinds
                    ),
                    where=self.connection.host,
                    remedy="give it more time (wait_timeout); what was applied stays applied",
                )

    def _refuse_missing_namespaces(self) -> None:
        """Check mode leaves this open: earlier work of the same run may make the namespace, which in check mode it did not."""
        listed = {one.resolved.wanted.identity.name for one in self._steps if one.resolved.wanted.is_namespace}
        raise_all(
            [
                Failure(
                    asked="it applied",
                    found=f"{one.waits_for} is neither there nor in the list",
                    where=one.title,
                    remedy="list the namespace in the same call, or make it before",
                )
                for one in self._steps
                if one.waits_for_namespace and one.resolved.wanted.identity.namespace not in listed
            ]
        )

    def _write(self, one: Step) -> None:
        if one.action == step.NOTHING:
            return
        if one.action == step.RECREATE:
            delete(self.api, one)
            wait_until_gone(self.api, one, self._deadline)
        try:
            self.api.apply(one.resolved, dry_run=False)
        except Refused as refused:
            raise refusal(one.resolved.wanted, refused) from None  # its message may quote a Secret

    def _delete_all(self) -> None:
        for one in self._steps:
            if one.action == step.DELETE:
                delete(self.api, one)
                if self.intent.wait_for_deletion:
                    self._deadline.restart_pauses()
                    wait_until_gone(self.api, one, self._deadline)

    def _wait_for_the_dying(self) -> None:
        """Those that someone else, or an earlier run that was killed, has deleted."""
        for one in self._steps:
            if one.is_being_deleted:
                wait_until_gone(self.api, one, self._deadline)
