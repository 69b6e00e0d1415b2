# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Plans objects that are not to be there, and deletes them one after the other: each is gone before the next is touched.

So an operator that must clean up behind its objects still runs while they go, if the list has it before them.
"""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import Change
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Refused
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects import step
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.comparison import ABSENT
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.refusals import concerns_all, refusal
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.step import Step
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Json
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.deadline import Deadline
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.api import ObjectApi
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.resolution import Resolved

ASKED = "it deleted"


def plan_absence(api: ObjectApi, resolved: t.Sequence[Resolved]) -> list[Step]:
    """One step per object, in the same order. Raises Failure(s): whatever the deletion of any of them is refused for."""
    steps, failures = [], []
    for one in resolved:
        try:
            steps.append(_plan(api, one))
        except Refused as refused:
            failures.append(refusal(one.wanted, refused, ASKED))
            if concerns_all(refused):
                break
    raise_all(failures)
    return steps


def _plan(api: ObjectApi, resolved: Resolved) -> Step:
    live = api.read(resolved) if resolved.is_served else None
    found = Step(resolved, step.NOTHING, live)
    if live is None or found.is_being_deleted:
        return found
    api.delete(resolved, found.uid, dry_run=True)
    change = Change(resolved.title, "present", ABSENT, "it is listed as absent")
    return Step(resolved, step.DELETE, live, (change,))


def delete(api: ObjectApi, planned: Step) -> None:
    """Raises Failure. What is gone already is fine."""
    try:
        api.delete(planned.resolved, planned.uid, dry_run=False)
    except Refused as refused:
        if refused.code == 404:
            return
        raise refusal(planned.resolved.wanted, refused, ASKED) from None


def wait_until_gone(api: ObjectApi, planned: Step, deadline: Deadline) -> None:
    """Gone, or another object of the same name in its place. Raises Failure with what holds it."""
    while True:
        live = api.read(planned.resolved)
        if live is None or live["metadata"].get("uid") != planned.uid:
            return
        if not deadline.pause():
            raise _still_there(planned, live, deadline)


def _still_there(planned: Step, live: Json, deadline: Deadline) -> Failure:
    finalizers = ", ".join(live["metadata"].get("finalizers") or [])
    conditions = "; ".join(
        f"{one.get('type')}: {one.get('message')}"
        for one in (live.get("status") or {}).get("conditions") or []
        if one.get("status") == "True"
    )
    held = f"finalizers {finalizers}" if finalizers else "its grace period, or a namespace's content"
    return Failure(
        asked=f"it gone within {deadline.seconds} s",
        found=f"it is still there, held by {held}" + (f" ({conditions})" if conditions else ""),
        where=planned.title,
        remedy="bring up what serves the finalizer, or give it more time (wait_timeout); the next run goes on from here",
    )
