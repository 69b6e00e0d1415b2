# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What a call waits for, as typed records: a condition, a rollout, or the value of a field, of those listed objects that it is about."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import Identity

# The kinds whose rollout rollout.py can judge.
ROLLED_OUT = ("DaemonSet", "Deployment", "StatefulSet")
FIELD = re.compile(r"\.?[A-Za-z0-9_-]+(\[\d+\])*(\.[A-Za-z0-9_-]+(\[\d+\])*)*\Z")


@dataclasses.dataclass(frozen=True)
class Wait:
    """Exactly one of C(condition), C(rollout) and C(field) is given. C(value) None: any value that is not empty."""

    kind: str
    name: str | None = None
    namespace: str | None = None
    condition: str | None = None
    status: str = "True"
    rollout: bool = False
    field: str | None = None
    value: str | None = None

    def is_about(self, identity: Identity) -> bool:
        return identity.kind == self.kind and self.name in (None, identity.name) and self.namespace in (None, identity.namespace)

    @property
    def asked(self) -> str:
        if self.condition:
            return f"condition {self.condition} = {self.status}"
        if self.rollout:
            return "rolled out"
        return f"{self.field} = {self.value}" if self.value is not None else f"{self.field} set"


def wanted_waits(entries: t.Sequence[dict[str, t.Any]], objects: t.Sequence[Identity]) -> list[Wait]:
    """Raises Failure(s) for what cannot be waited for, all of it at once."""
    waits = [Wait(**{key: value for key, value in entry.items() if value is not None}) for entry in entries]
    raise_all([failure for number, wait in enumerate(waits) for failure in _mistakes(f"wait[{number}]", wait, objects)])
    return waits


def _mistakes(place: str, wait: Wait, objects: t.Sequence[Identity]) -> t.Iterator[Failure]:
    given = [name for name, value in (("condition", wait.condition), ("rollout", wait.rollout), ("field", wait.field)) if value]
    if len(given) != 1:
        yield Failure(
            asked="one thing to wait for",
            found=" and ".join(given) or "neither condition nor rollout nor field",
            where=place,
            remedy="give exactly one of condition, rollout and field",
        )
    if not any(wait.is_about(identity) for identity in objects):
        yield Failure(
            asked=f"a wait for {wait.kind} {wait.name or ''}".rstrip(),
            found="no object of the list is meant by it",
            where=place,
            remedy="name kind, name and namespace of a listed object",
        )
    if wait.rollout and wait.kind not in ROLLED_OUT:
        yield Failure(
            asked=f"the rollout of a {wait.kind}",
            found=f"only {', '.join(ROLLED_OUT)} are rolled out",
            where=place,
            remedy="wait for a condition or a field of it",
        )
    if wait.field and not FIELD.match(wait.field):
        yield Failure(
            asked=f"the field {wait.field}",
            found="it is no path of keys and list positions",
            where=place,
            remedy="write it like status.phase or status.addresses[0].value",
        )
