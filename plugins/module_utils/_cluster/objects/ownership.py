# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Which fields of an object a manager has applied, from metadata.managedFields (FieldsV1 of meta/v1)."""

from __future__ import annotations

import json
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Json


def applied_fields(body: Json, manager: str) -> list[str]:
    """The paths of the fields, sorted; empty if the manager has applied nothing."""
    found: set[str] = set()
    for entry in (body.get("metadata") or {}).get("managedFields") or []:
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            found.update(_paths(entry.get("fieldsV1") or {}, ""))
    return sorted(found)


def _paths(fields: Json, place: str) -> t.Iterator[str]:
    """C(f:) leads to a key, C(k:) to an item by its keys, C(v:) to an item by its value; C(.) is the thing itself."""
    for step, below in fields.items():
        if step == ".":
            continue
        path = place + _step(step)
        if below:
            yield from _paths(below, path)
        else:
            yield path.lstrip(".")


def _step(step: str) -> str:
    sort, _colon, rest = step.partition(":")
    if sort == "f":
        return f".{rest}"
    if sort == "k":
        return "[" + ",".join(f"{key}={value}" for key, value in sorted(json.loads(rest).items())) + "]"
    return f"[{rest}]"
