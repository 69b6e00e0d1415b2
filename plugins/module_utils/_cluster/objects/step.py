# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What is to be done with one object, and the changes that say so."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import Change
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Json
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.resolution import Resolved

# What is done; the same words are returned to the user.
CREATE, UPDATE, RECREATE, DELETE, NOTHING = "create", "update", "recreate", "delete", "nothing"


@dataclasses.dataclass(frozen=True)
class Step:
    """C(live) is the object as it was read, None if it is not there.

    C(waits_for) names what must come first: its kind, its namespace or another object of the list. Then C(changes) are a forecast, and the API
    server has not judged the object yet.
    """

    resolved: Resolved
    action: str
    live: Json | None
    changes: tuple[Change, ...] = ()
    waits_for: str | None = None

    @property
    def title(self) -> str:
        return self.resolved.title

    @property
    def uid(self) -> str:
        return str(((self.live or {}).get("metadata") or {}).get("uid") or "")

    @property
    def is_being_deleted(self) -> bool:
        return bool(((self.live or {}).get("metadata") or {}).get("deletionTimestamp"))

    @property
    def waits_for_namespace(self) -> bool:
        return self.waits_for == namespace_of(self.resolved)

    def as_dict(self) -> dict[str, t.Any]:
        identity = self.resolved.wanted.identity
        return {
            "api_version": identity.api_version,
            "kind": identity.kind,
            "namespace": identity.namespace,
            "name": identity.name,
            "action": self.action,
        }


def namespace_of(resolved: Resolved) -> str:
    """How C(waits_for) names the namespace of an object."""
    return f"namespace {resolved.wanted.identity.namespace}"
