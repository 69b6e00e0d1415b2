# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What differs between two versions of an object, field by field. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

Json = dict[str, t.Any]

ABSENT = "absent"
# What the API server keeps for itself, and what controllers report. A dry run may show it as changed when nothing is.
SERVERS_OWN = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")


@dataclasses.dataclass(frozen=True)
class Difference:
    """C(field) is its path, as C(spec.containers[name=web].image); a missing side is ABSENT."""

    field: str
    current: t.Any
    wanted: t.Any


def without_noise(body: Json) -> Json:
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key not in SERVERS_OWN}
    return {**{key: value for key, value in body.items() if key != "status"}, "metadata": metadata}


def differences(current: t.Any, wanted: t.Any, field: str = "") -> list[Difference]:
    """Empty if and only if both are the same JSON."""
    if isinstance(current, dict) and isinstance(wanted, dict):
        return [found for key in sorted({*current, *wanted}) for found in _of_key(current, wanted, key, field)]
    if isinstance(current, list) and isinstance(wanted, list):
        return _of_lists(current, wanted, field)
    return [] if _same(current, wanted) else [Difference(field, current, wanted)]


def _of_key(current: Json, wanted: Json, key: str, field: str) -> list[Difference]:
    below = _below(field, key)
    if key in current and key in wanted:
        return differences(current[key], wanted[key], below)
    return [Difference(below, current.get(key, ABSENT), wanted.get(key, ABSENT))]


def _of_lists(current: list[t.Any], wanted: list[t.Any], field: str) -> list[Difference]:
    """Items with names are compared by name, so that one more container is one difference; a mere change of order is one for the whole list."""
    before, after = _by_name(current), _by_name(wanted)
    if before is not None and after is not None:
        return _of_named_items(before, after, field)
    if len(current) != len(wanted):
        return [Difference(field, current, wanted)]
    return [found for number, pair in enumerate(zip(current, wanted)) for found in differences(*pair, f"{field}[{number}]")]


def _of_named_items(before: Json, after: Json, field: str) -> list[Difference]:
    found = []
    for name in [*before, *(name for name in after if name not in before)]:
        place = f"{field}[name={name}]"
        if name in before and name in after:
            found += differences(before[name], after[name], place)
        else:
            found.append(Difference(place, before.get(name, ABSENT), after.get(name, ABSENT)))
    kept_before, kept_after = [name for name in before if name in after], [name for name in after if name in before]
    return found if kept_before == kept_after else [*found, Difference(f"order of {field}", kept_before, kept_after)]


def _by_name(items: list[t.Any]) -> Json | None:
    """The items by name, in their order, if each has one of its own."""
    named = {item["name"]: item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)}
    return named if items and len(named) == len(items) else None


def _same(current: t.Any, wanted: t.Any) -> bool:
    """In JSON true is not 1."""
    return isinstance(current, bool) == isinstance(wanted, bool) and current == wanted


def _below(field: str, key: str) -> str:
    if not PLAIN_KEY.match(key):
        return f'{field}["{key}"]'
    return f"{field}.{key}" if field else key
