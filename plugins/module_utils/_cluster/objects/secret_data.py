# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The data of Secrets never leaves this module: not in changes, not in a diff, not in a message of the API server that quotes it."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.comparison import ABSENT

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Json
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.comparison import Difference

CONCEALED = "(concealed)"
ANOTHER = "(concealed, differs)"
DATA = ("data", "stringData")
# kubectl keeps the whole object in this annotation, data included.
COPY_BY_KUBECTL = "kubectl.kubernetes.io/last-applied-configuration"


def is_secret(body: t.Any) -> bool:
    return isinstance(body, dict) and body.get("apiVersion") == "v1" and body.get("kind") == "Secret"


def concealed(body: t.Any) -> t.Any:
    """The object as it may be shown; a C(v1 List) with Secrets in it too."""
    if isinstance(body, dict) and body.get("kind") == "List" and isinstance(body.get("items"), list):
        return {**body, "items": [concealed(item) for item in body["items"]]}
    if not is_secret(body):
        return body
    shown = {key: _without_values(value) if key in DATA else value for key, value in body.items()}
    annotations = (body.get("metadata") or {}).get("annotations") if isinstance(body.get("metadata"), dict) else None
    if isinstance(annotations, dict) and COPY_BY_KUBECTL in annotations:
        shown["metadata"] = {**body["metadata"], "annotations": {**annotations, COPY_BY_KUBECTL: CONCEALED}}
    return shown


def concealed_difference(difference: Difference) -> Difference:
    """Of a Secret: that a value differs may be seen, the value may not. A digest would let short values be guessed."""
    if not (difference.field.startswith(DATA) or COPY_BY_KUBECTL in difference.field):
        return difference
    current = ABSENT if difference.current == ABSENT else CONCEALED
    wanted = ABSENT if difference.wanted == ABSENT else ANOTHER if current == CONCEALED else CONCEALED
    return dataclasses.replace(difference, current=current, wanted=wanted)


def concealed_message(text: str, body: Json) -> str:
    """A message about this object without the values that it quotes."""
    if not is_secret(body):
        return text
    values = {str(value) for key in DATA for value in _values(body.get(key))}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, CONCEALED)
    return text


def _values(data: t.Any) -> list[t.Any]:
    entries = data.values() if isinstance(data, dict) else [data]
    return [value for value in entries if value not in (None, "")]


def _without_values(data: t.Any) -> t.Any:
    return dict.fromkeys(data, CONCEALED) if isinstance(data, dict) else CONCEALED
