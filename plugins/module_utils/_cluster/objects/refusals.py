# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What the API server said no to, as the house's failure. Pure: a Status object in, a Failure out.

The texts looked for are those of Kubernetes 1.34; tests/apiserver provokes each of them on a real API server.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.secret_data import concealed_message
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Refused
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import WantedObject

# Each kind has its own words for it.
IMMUTABLE = re.compile(r"immutable|may not (be )?changed?\b|cannot (be )?changed?\b|updates to .* forbidden|fields other than", re.DOTALL)
UNKNOWN_FIELD = re.compile(r"unknown field|field not declared in schema|duplicate field")
# Said with status 500, though it is the object that is wrong: a value of another type, an item twice.
WRONG_SHAPE = re.compile(r"failed to create typed patch object|failed to convert new object")
WEBHOOK_DENIED = re.compile(r"admission webhook \S+ denied the request|ValidatingAdmissionPolicy .* denied request", re.DOTALL)
WEBHOOK_FAILED = re.compile(r"failed calling webhook|failed to call webhook")
NOT_FOUND = re.compile(r'([\w.-]+) "([^"]+)" not found')
SERVER_IN_TROUBLE = (429, 500, 502, 503, 504)
CONFLICT_WITH = re.compile(r'conflict with "([^"]+)"')


def concerns_all(refused: Refused) -> bool:
    """The next object would fare no better, after as long a wait: the server is in trouble, or does not know who asks."""
    about_the_object = WEBHOOK_DENIED, WEBHOOK_FAILED, UNKNOWN_FIELD, WRONG_SHAPE
    if refused.code in SERVER_IN_TROUBLE:
        return not any(pattern.search(refused.message) for pattern in about_the_object)
    return refused.code == 401


def has_unknown_field(refused: Refused) -> bool:
    return bool(UNKNOWN_FIELD.search(refused.message))


def not_found(refused: Refused) -> tuple[str, str] | None:
    """What else the API server, or a webhook, looked for in vain: a kind by its plural or its small name, without the group, and a name."""
    found = NOT_FOUND.search(refused.message)
    return (found.group(1).partition(".")[0], found.group(2)) if found else None


def is_immutable(refused: Refused) -> bool:
    return refused.code == 422 and bool(IMMUTABLE.search(refused.message))


def immutable_fields(refused: Refused) -> str:
    fields = [str(cause.get("field")) for cause in refused.causes if IMMUTABLE.search(str(cause.get("message")))]
    return ", ".join(dict.fromkeys(fields)) or refused.message


def refusal(wanted: WantedObject, refused: Refused, asked: str = "it applied") -> Failure:
    """The failure of one object. C(asked) completes C(asked of the object)."""
    found, remedy = _meaning(refused)
    return Failure(asked=asked, found=concealed_message(found, wanted.body), where=wanted.title, remedy=remedy)


def _meaning(refused: Refused) -> tuple[str, str]:
    """What was found and what to do."""
    message = refused.message
    if refused.code == 409 and any(cause.get("reason") == "FieldManagerConflict" for cause in refused.causes):
        return _conflicts(refused), "leave the field out of the list, or say force_conflicts: true to take it from the other manager"
    if any(cause.get("reason") == "NamespaceTerminating" for cause in refused.causes):
        return message, "wait until the namespace is gone (its own conditions say what holds it), then run again"
    if WEBHOOK_DENIED.search(message):
        return message, "mend what the policy or webhook complains about, or have it changed by who owns it"
    if WEBHOOK_FAILED.search(message):
        return message, "bring up what serves the webhook, or remove its configuration if nothing is to serve it any more"
    if has_unknown_field(refused):
        return message, "mend the name or place of the field (kubectl explain names those there are)"
    if WRONG_SHAPE.search(message):
        return message, "mend the value that the message names"
    if is_immutable(refused):
        return (
            f"immutable: {immutable_fields(refused)} ({message})",
            "keep the value, or say recreate: true to have it deleted and made again",
        )
    return message, _by_status(refused)


def _by_status(refused: Refused) -> str:
    if refused.code == 401:
        return "give credentials that this API server accepts: a token or certificate may have expired"
    if refused.code == 403 and " cannot " in refused.message:
        return "give this user the right with a Role or ClusterRole, or connect as someone who has it"
    if refused.code == 403:
        return "look at the quota or admission rule that the message names"
    if refused.code in (400, 415, 422):
        return "mend the value that the message names"
    if refused.code in SERVER_IN_TROUBLE:
        return "look at the API server's log and load, then run again"
    return "look at the message, mend it, and run again"


def _conflicts(refused: Refused) -> str:
    """Each field with its other manager."""
    parts = []
    for cause in refused.causes:
        manager = CONFLICT_WITH.search(str(cause.get("message")))
        parts.append(f"{str(cause.get('field')).lstrip('.')} is managed by {manager.group(1) if manager else cause.get('message')}")
    return "; ".join(parts)
