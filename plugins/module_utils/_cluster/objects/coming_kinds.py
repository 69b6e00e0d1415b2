# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The kinds that a list itself brings, by its CustomResourceDefinitions (apiextensions.k8s.io/v1)."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.discovery import Kind, Kinds

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Json
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import WantedObject


def coming_kinds(objects: t.Iterable[WantedObject]) -> Kinds:
    """What is malformed brings no kind; the API server says what is wrong with it."""
    return Kinds(kind for wanted in objects if wanted.is_kind_definition for kind in _defined(wanted.body))


def _defined(body: Json) -> t.Iterator[Kind]:
    specification = body.get("spec")
    names = specification.get("names") if isinstance(specification, dict) else None
    if not isinstance(specification, dict) or not isinstance(names, dict):
        return
    versions = specification.get("versions")
    for version in versions if isinstance(versions, list) else []:
        if isinstance(version, dict) and version.get("served") is True:
            namespaced = specification.get("scope") == "Namespaced"
            yield Kind(
                str(specification.get("group")), str(version.get("name")), str(names.get("kind")), str(names.get("plural")), namespaced
            )
