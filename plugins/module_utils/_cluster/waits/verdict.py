# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Whether what is awaited has come, from the object alone. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.rollout import rollout_missing

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Json
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.wanted import Wait

STEP = re.compile(r"[^.\[\]]+")


def missing(wait: Wait, body: Json | None) -> str | None:
    """What is missing, None if nothing is."""
    if body is None:
        return "it is not there"
    if wait.rollout:
        return rollout_missing(body)
    if wait.condition is not None:
        return _condition_missing(wait, body)
    return _field_missing(wait, body)


def _condition_missing(wait: Wait, body: Json) -> str | None:
    """A condition that was observed before the last change says nothing about it."""
    found = next((one for one in (body.get("status") or {}).get("conditions") or [] if one.get("type") == wait.condition), None)
    if found is None:
        return f"it has no condition {wait.condition} yet"
    observed = found.get("observedGeneration", (body.get("status") or {}).get("observedGeneration"))
    if observed is not None and observed < body["metadata"].get("generation", observed):
        return f"condition {wait.condition} is older than the last change"
    return None if found.get("status") == wait.status else f"condition {wait.condition} is {found.get('status')}"


def _field_missing(wait: Wait, body: Json) -> str | None:
    found: t.Any = body
    for step in STEP.findall(wait.field or ""):
        if isinstance(found, list) and step.isdigit():
            found = found[int(step)] if int(step) < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    if wait.value is None:
        return f"{wait.field} is not set" if found in (None, "", [], {}) else None
    return None if _as_text(found) == wait.value else f"{wait.field} is {_as_text(found)}"


def _as_text(value: t.Any) -> str:
    """As kubectl prints it, because Ansible hands over text."""
    if isinstance(value, bool):
        return str(value).lower()
    return "not set" if value is None else str(value)
