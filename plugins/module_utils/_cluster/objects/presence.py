# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Plans objects that are to be there: what is, what a dry run of the API server makes of it, and the difference.

That is two requests per object. One would do: a dry run that changes nothing leaves the time in our entry of managedFields as it was, so
only objects with a new time need to be read too. It is not done, because that time has whole seconds, and a change within one would be missed.
"""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import Change
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import NoAnswer, Refused
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects import step
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.comparison import ABSENT, differences, without_noise
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.ownership import applied_fields
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.refusals import (
    concerns_all,
    has_unknown_field,
    immutable_fields,
    is_immutable,
    not_found,
    refusal,
)
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.secret_data import (
    concealed,
    concealed_difference,
    is_secret,
)
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.step import Step
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Json
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.api import ObjectApi
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.resolution import Resolved

NOT_THERE = "it is not there"
LISTED = "the list of objects says so"


def plan_presence(api: ObjectApi, resolved: t.Sequence[Resolved], everything: t.Sequence[Resolved], recreate: bool) -> list[Step]:
    """One step per object, in the same order. Raises Failure(s): whatever any of the objects is refused for.

    C(everything): all that the call writes, in order, these among it. An object that needs an earlier one is judged when that is there.
    """
    place = {one.title: number for number, one in enumerate(everything)}
    steps, failures = [], []
    for one in resolved:
        try:
            steps.append(_plan(api, one, everything[: place[one.title]], recreate))
        except NoAnswer:
            raise
        except Failure as failure:
            failures.append(failure)
        except Refused as refused:
            told = api.refused_in_full(one, refused) if has_unknown_field(refused) else refused
            failures.append(refusal(one.wanted, told))
            if concerns_all(refused):
                break
    raise_all(failures)
    return steps


def _plan(api: ObjectApi, resolved: Resolved, earlier: t.Sequence[Resolved], recreate: bool) -> Step:
    if not resolved.is_served:
        return _creation(resolved, f"the definition of {resolved.kind.name}")
    live = api.read(resolved)
    if live is not None and live["metadata"].get("deletionTimestamp"):
        raise _being_deleted(resolved, live)
    try:
        applied = api.apply(resolved, dry_run=True)
    except Refused as refused:
        awaited = _awaited(resolved, refused, earlier) if live is None else None
        if awaited is not None:
            return _creation(resolved, awaited)
        if live is not None and recreate and is_immutable(refused):
            return _recreation(resolved, live, immutable_fields(refused))
        raise
    if live is None:
        return _creation(resolved)
    return _update(api, resolved, live, applied)


def _awaited(resolved: Resolved, refused: Refused, earlier: t.Sequence[Resolved]) -> str | None:
    """What is not there yet and explains the refusal: the object's namespace, or something that the list has before it."""
    missing = not_found(refused)
    if missing is None:
        return None
    if missing == ("namespaces", resolved.wanted.identity.namespace):
        return step.namespace_of(resolved)
    kind, name = missing
    return next(
        (one.title for one in earlier if kind in (one.kind.plural, one.kind.name.lower()) and one.wanted.identity.name == name), None
    )


def _creation(resolved: Resolved, waits_for: str | None = None) -> Step:
    reason = f"{NOT_THERE}, and neither is {waits_for}" if waits_for else NOT_THERE
    change = Change(resolved.title, ABSENT, concealed(resolved.wanted.body), reason)
    return Step(resolved, step.CREATE, None, (change,), waits_for)


def _recreation(resolved: Resolved, live: Json, fields: str) -> Step:
    reason = f"immutable: {fields}; it is deleted and made again, as recreate allows"
    change = Change(resolved.title, concealed(without_noise(live)), concealed(resolved.wanted.body), reason)
    return Step(resolved, step.RECREATE, live, (change,))


def _update(api: ObjectApi, resolved: Resolved, live: Json, applied: Json) -> Step:
    found = differences(without_noise(live), without_noise(applied))
    if is_secret(live):
        found = [concealed_difference(one) for one in found]
    changes = [Change(f"{resolved.title} {one.field}", one.current, one.wanted, _reason(api, one.wanted)) for one in found]
    if not changes:
        owned = differences(applied_fields(live, api.manager), applied_fields(applied, api.manager))
        changes = [
            Change(f"{resolved.title} fields of {api.manager}", one.current, one.wanted, "values are right, owners are not")
            for one in owned
        ]
    return Step(resolved, step.UPDATE if changes else step.NOTHING, live, tuple(changes))


def _reason(api: ObjectApi, wanted: t.Any) -> str:
    return f"{api.manager} applied it earlier, and the list no longer has it" if wanted == ABSENT else LISTED


def _being_deleted(resolved: Resolved, live: Json) -> Failure:
    held = ", ".join(live["metadata"].get("finalizers") or []) or "nothing but its grace period"
    return Failure(
        asked="it applied",
        found=f"it is being deleted since {live['metadata']['deletionTimestamp']}, held by {held}",
        where=resolved.title,
        remedy="wait until it is gone; if what serves a finalizer is gone for good, remove the finalizer by hand",
    )
