# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as a user lists them."""

from __future__ import annotations

import typing as t

Json = dict[str, t.Any]


def listed(kind: str, name: str, namespace: str | None = None, api_version: str = "v1", **more: t.Any) -> Json:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def definition(group: str, kind: str, plural: str, scope: str = "Namespaced", version: str = "v1") -> Json:
    return listed(
        "CustomResourceDefinition",
        f"{plural}.{group}",
        api_version="apiextensions.k8s.io/v1",
        spec={
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    )
