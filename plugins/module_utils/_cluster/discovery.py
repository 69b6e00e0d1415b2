# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Which kinds an API server knows, and under which path. Two requests for all of them.

Source: aggregated discovery (KEP-3352; C(apidiscovery.k8s.io/v2) since Kubernetes 1.30, v2beta1 since 1.27).
"""

from __future__ import annotations

import dataclasses
import typing as t
import urllib.parse

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Connection, Json

ACCEPT = ",".join(f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1"))
AGGREGATED = "APIGroupDiscoveryList"


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind in one version. C(plural) is its place in a path; C(group) is empty for the core kinds."""

    group: str
    version: str
    name: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The path of one object, or without C(name) of the collection."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        parts += ["namespaces", _quoted(namespace)] if self.namespaced and namespace else []
        parts += [self.plural, *([_quoted(name)] if name else [])]
        return "/".join(parts)


class Kinds:
    """The kinds by apiVersion and name."""

    def __init__(self, kinds: t.Iterable[Kind], unavailable: t.Iterable[str] = ()) -> None:
        self._kinds = {(kind.api_version, kind.name): kind for kind in kinds}
        # Group versions whose extension API server does not answer: what they have is not known.
        self.unavailable = frozenset(unavailable)

    def find(self, api_version: str, name: str) -> Kind | None:
        return self._kinds.get((api_version, name))

    def other_versions(self, name: str) -> list[str]:
        """Every apiVersion that has a kind of this name."""
        return sorted(api_version for api_version, known in self._kinds if known == name)

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self._kinds


def read_kinds(connection: Connection) -> Kinds:
    lists = [connection.send("GET", path, {}, accept=ACCEPT + ",application/json") for path in ("/api", "/apis")]
    if any(found.get("kind") != AGGREGATED for found in lists):
        raise Failure(
            asked="the kinds that the API server knows, in one list",
            found=f"it answered with {', '.join(str(found.get('kind')) for found in lists)}",
            where=connection.host,
            remedy="use Kubernetes 1.27 or later: it serves aggregated discovery",
        )
    return parse_kinds(lists)


def parse_kinds(lists: t.Iterable[Json]) -> Kinds:
    """C(lists): the answers of /api and /apis, each an APIGroupDiscoveryList."""
    kinds, unavailable = [], []
    for found in lists:
        for group in found.get("items") or []:
            name = group.get("metadata", {}).get("name", "")
            for version in group.get("versions") or []:
                if version.get("freshness") == "Stale":
                    unavailable.append(f"{name}/{version['version']}")
                kinds += [_kind(name, version["version"], resource) for resource in version.get("resources") or []]
    return Kinds(kinds, unavailable)


def _kind(group: str, version: str, resource: Json) -> Kind:
    return Kind(
        group, version, (resource.get("responseKind") or {}).get("kind", ""), resource["resource"], resource.get("scope") == "Namespaced"
    )


def _quoted(segment: str | None) -> str:
    return urllib.parse.quote(segment or "", safe=":")
