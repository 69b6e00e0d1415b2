# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The requests that one object takes: read, apply and delete, the last two also as a dry run."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Connection, Json
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.resolution import Resolved

APPLY = "application/apply-patch+yaml"
DRY_RUN = {"dryRun": "All"}


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
        query = {"fieldManager": self.manager, "fieldValidation": "Strict", "force": str(self.force).lower()}
        return self.connection.send("PATCH", resolved.path, {**query, **(DRY_RUN if dry_run else {})}, resolved.wanted.body, APPLY)

    def delete(self, resolved: Resolved, uid: str, dry_run: bool) -> None:
        """Ask for deletion of just this object, not of one that took its name since. Its dependents follow by themselves. Raises Refused."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", "preconditions": {"uid": uid}}
        self.connection.send("DELETE", resolved.path, DRY_RUN if dry_run else {}, body)
