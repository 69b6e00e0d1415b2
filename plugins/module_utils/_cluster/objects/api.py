# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The requests that one object takes: read, apply and delete, the last two also as a dry run; and one that finds all unknown fields."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Refused

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Connection, Json
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.resolution import Resolved

APPLY = "application/apply-patch+yaml"
DRY_RUN = {"dryRun": "All"}
STRICT = {"fieldValidation": "Strict"}


@dataclasses.dataclass(frozen=True)
class ObjectApi:
    """C(manager) owns the fields that are applied; C(force) takes those that others own."""

    connection: Connection
    manager: str
    force: bool

    def read(self, resolved: Resolved) -> Json | None:
        return self.connection.read(resolved.path)

    def apply(self, resolved: Resolved, dry_run: bool) -> Json:
        """Server-side apply. The object as it is then, or would be. Raises Refused."""
        query = {"fieldManager": self.manager, "force": str(self.force).lower(), **STRICT, **(DRY_RUN if dry_run else {})}
        return self.connection.send("PATCH", resolved.path, query, resolved.wanted.body, APPLY)

    def refused_in_full(self, resolved: Resolved, refused: Refused) -> Refused:
        """Server-side apply names one unknown field only; the dry run of a plain creation names all, whether the object is there or not."""
        try:
            self.connection.send("POST", resolved.collection, {**STRICT, **DRY_RUN}, resolved.wanted.body)
        except Refused as in_full:
            return in_full if in_full.code == 400 else refused
        return refused

    def delete(self, resolved: Resolved, uid: str, dry_run: bool) -> None:
        """Ask for deletion of just this object, not of one that took its name since. Its dependents follow by themselves. Raises Refused."""
        body: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", "preconditions": {"uid": uid}}
        # The API server does not look at the query where there is a body: a dry run in the query alone would delete.
        self.connection.send("DELETE", resolved.path, {}, {**body, "dryRun": ["All"]} if dry_run else body)
