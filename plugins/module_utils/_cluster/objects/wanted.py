# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The objects that a call lists, as typed records. Everything that is wrong with the list alone is refused here, all of it at once."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all

Json = dict[str, t.Any]

# What the API server sets. An object that was exported has it; applied again it is refused or goes stale.
SERVERS_OWN = ("managedFields", "resourceVersion", "uid")
# A segment of a path: the rule of the API server itself (ValidatePathSegmentName in apimachinery).
PATH_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[^/%]+\Z")


@dataclasses.dataclass(frozen=True)
class Identity:
    """Which object. C(namespace) is None for what is cluster-wide."""

    api_version: str
    kind: str
    namespace: str | None
    name: str

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def title(self) -> str:
        """How messages and changes call it: C(apps/v1 Deployment shop/web)."""
        return f"{self.api_version} {self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"

    def is_a(self, group: str, kind: str) -> bool:
        return (self.group, self.kind) == (group, kind)


@dataclasses.dataclass(frozen=True)
class WantedObject:
    identity: Identity
    body: Json

    @property
    def title(self) -> str:
        return self.identity.title

    @property
    def is_namespace(self) -> bool:
        return self.identity.is_a("", "Namespace")

    @property
    def is_kind_definition(self) -> bool:
        return self.identity.is_a("apiextensions.k8s.io", "CustomResourceDefinition")


def wanted_objects(listed: t.Sequence[Json]) -> list[WantedObject]:
    """The objects in the order of the list; a C(v1 List) counts as its items. Raises Failure(s)."""
    bodies = [(place, body) for number, entry in enumerate(listed) for place, body in _unpacked(f"objects[{number}]", entry)]
    failures = [failure for place, body in bodies for failure in _mistakes(place, body)]
    raise_all(failures)
    objects = [WantedObject(_identity(body), body) for _place, body in bodies]
    raise_all(_repeated(objects))
    return objects


def _unpacked(place: str, entry: t.Any) -> t.Iterator[tuple[str, t.Any]]:
    if isinstance(entry, dict) and entry.get("apiVersion") == "v1" and entry.get("kind") == "List" and isinstance(entry.get("items"), list):
        for number, item in enumerate(entry["items"]):
            yield from _unpacked(f"{place}.items[{number}]", item)
    else:
        yield place, entry


def _mistakes(place: str, body: t.Any) -> t.Iterator[Failure]:
    if not isinstance(body, dict):
        yield _wrong(place, "an object", f"{type(body).__name__}", "write it as a mapping with apiVersion, kind and metadata")
        return
    metadata = body.get("metadata")
    named = f"{place}, {body.get('kind')} {metadata.get('name') if isinstance(metadata, dict) else ''}".rstrip()
    for field in ("apiVersion", "kind"):
        if not (isinstance(body.get(field), str) and body[field]):
            yield _wrong(named, f"a {field}", f"{body.get(field)!r}", f"write {field} as the API's documentation of this kind has it")
    if not isinstance(metadata, dict):
        yield _wrong(named, "metadata with a name", f"{metadata!r}", "give metadata.name")
        return
    if metadata.get("generateName") and not metadata.get("name"):
        yield _wrong(named, "an object with a name of its own", "generateName", "give metadata.name: each run would make another object")
    elif not (isinstance(metadata.get("name"), str) and PATH_SEGMENT.match(metadata["name"])):
        yield _wrong(named, "metadata.name", f"{metadata.get('name')!r}", "give a text without '/' and '%'; put a number between quotes")
    namespace = metadata.get("namespace")
    if namespace is not None and not (isinstance(namespace, str) and PATH_SEGMENT.match(namespace)):
        yield _wrong(named, "metadata.namespace", f"{namespace!r}", "give a namespace's name, or leave it out for what is cluster-wide")
    for field in SERVERS_OWN:
        if metadata.get(field) is not None:
            yield _wrong(named, "what is wanted of the object", f"metadata.{field}", "leave out what only the API server sets")


def _identity(body: Json) -> Identity:
    metadata = body["metadata"]
    return Identity(body["apiVersion"], body["kind"], metadata.get("namespace"), metadata["name"])


def _repeated(objects: t.Sequence[WantedObject]) -> list[Failure]:
    """The same object in two versions is the same object."""
    seen: dict[tuple[str, str, str | None, str], WantedObject] = {}
    failures = []
    for wanted in objects:
        identity = wanted.identity
        key = (identity.group, identity.kind, identity.namespace, identity.name)
        if key in seen:
            failures.append(
                _wrong(wanted.title, "each object once", f"it is listed again, first as {seen[key].title}", "keep one of the two")
            )
        seen.setdefault(key, wanted)
    return failures


def _wrong(where: str, asked: str, found: str, remedy: str) -> Failure:
    return Failure(asked=asked, found=found, where=where, remedy=remedy)
