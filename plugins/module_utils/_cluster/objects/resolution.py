# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Each listed object gets the kind that says where it lives. What neither the API server nor the list knows is a mistake."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.coming_kinds import coming_kinds
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.discovery import Kind, Kinds
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import WantedObject


@dataclasses.dataclass(frozen=True)
class Resolved:
    """C(is_served): the API server knows the kind already; if not, its definition is in the list."""

    wanted: WantedObject
    kind: Kind
    is_served: bool

    @property
    def title(self) -> str:
        return self.wanted.title

    @property
    def path(self) -> str:
        return self.kind.path(self.wanted.identity.namespace, self.wanted.identity.name)

    @property
    def collection(self) -> str:
        return self.kind.path(self.wanted.identity.namespace)


def resolve(objects: t.Sequence[WantedObject], served: Kinds) -> list[Resolved]:
    """Raises Failure(s), one for each object without a kind or with a namespace that does not fit."""
    coming = coming_kinds(objects)
    resolved, failures = [], []
    for wanted in objects:
        identity = wanted.identity
        known = served.find(identity.api_version, identity.kind)
        kind = known or coming.find(identity.api_version, identity.kind)
        if kind is None:
            failures.append(_unknown(wanted, served))
        elif kind.namespaced != (identity.namespace is not None):
            failures.append(_misplaced(wanted, kind))
        else:
            resolved.append(Resolved(wanted, kind, known is not None))
    raise_all(failures)
    return resolved


def _unknown(wanted: WantedObject, served: Kinds) -> Failure:
    identity = wanted.identity
    others = served.other_versions(identity.kind)
    if identity.api_version in served.unavailable:
        found = f"the extension API server behind {identity.api_version} does not answer, so its kinds are not known"
        remedy = "look at the APIService object of this group and at what serves it; run again when it is Available"
    elif others:
        found = f"the API server has {identity.kind} as {', '.join(others)}"
        remedy = "write the apiVersion that is served"
    else:
        found = "neither the API server nor a CustomResourceDefinition of the list knows this kind"
        remedy = "mend apiVersion and kind, list the definition in the same call, or install first what brings it"
    return Failure(asked=f"a {identity.kind} of {identity.api_version}", found=found, where=wanted.title, remedy=remedy)


def _misplaced(wanted: WantedObject, kind: Kind) -> Failure:
    if kind.namespaced:
        return Failure(
            asked=f"{kind.name}, which lives in a namespace",
            found="metadata.namespace is missing",
            where=wanted.title,
            remedy="give metadata.namespace: none is taken from a kubeconfig, so a list means the same everywhere",
        )
    return Failure(
        asked=f"{kind.name}, which is cluster-wide",
        found=f"metadata.namespace is {wanted.identity.namespace!r}",
        where=wanted.title,
        remedy="leave metadata.namespace out",
    )
