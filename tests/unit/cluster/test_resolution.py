# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds: what the API server's list holds, what a list of objects brings, and what nobody knows."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.discovery import Kind, Kinds, parse_kinds
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.resolution import resolve
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import wanted_objects
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import definition, listed


def resource(plural: str, kind: str, scope: str = "Namespaced") -> dict[str, t.Any]:
    return {"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind}, "scope": scope, "verbs": ["get"]}


def group(name: str, version: str, *resources: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    return {"metadata": {"name": name} if name else {}, "versions": [{"version": version, "resources": list(resources), **more}]}


CORE = group("", "v1", resource("configmaps", "ConfigMap"), resource("namespaces", "Namespace", "Cluster"))
OTHERS = [
    group("apps", "v1", resource("deployments", "Deployment")),
    group("metrics.k8s.io", "v1beta1", freshness="Stale"),
    group("apiextensions.k8s.io", "v1", resource("customresourcedefinitions", "CustomResourceDefinition", "Cluster")),
]
SERVED = parse_kinds([{"items": [CORE]}, {"items": OTHERS}])


def failures(*bodies: dict[str, t.Any]) -> list[Failure]:
    with pytest.raises((Failure, Failures)) as raised:
        resolve(wanted_objects(bodies), SERVED)
    return raised.value.failures if isinstance(raised.value, Failures) else [t.cast(Failure, raised.value)]


def test_paths_of_kinds() -> None:
    assert Kind("", "v1", "ConfigMap", "configmaps", True).path("a", "b") == "/api/v1/namespaces/a/configmaps/b"
    assert Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", False).path(None, "system:x") == (
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:x"
    )
    assert Kind("apps", "v1", "Deployment", "deployments", True).path("a") == "/apis/apps/v1/namespaces/a/deployments"


def test_a_kind_may_come_in_the_same_list() -> None:
    objects = wanted_objects([listed("Widget", "w", "n", "x.io/v1"), definition("x.io", "Widget", "widgets")])
    found = resolve(objects, SERVED)
    assert [one.is_served for one in found] == [False, True]
    assert found[0].path == "/apis/x.io/v1/namespaces/n/widgets/w"


def test_what_nobody_knows_is_named_with_all_others() -> None:
    found = failures(
        listed("Deploiment", "a", "n", "apps/v1"),
        listed("Deployment", "b", "n", "apps/v2"),
        listed("NodeMetrics", "c", None, "metrics.k8s.io/v1beta1"),
    )
    assert [failure.found for failure in found] == [
        "neither the API server nor a CustomResourceDefinition of the list knows this kind",
        "the API server has Deployment as apps/v1",
        "the extension API server behind metrics.k8s.io/v1beta1 does not answer, so its kinds are not known",
    ]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (listed("ConfigMap", "a"), "metadata.namespace is missing"),
        (listed("Namespace", "a", "b"), "metadata.namespace is 'b'"),
    ],
)
def test_a_namespace_must_fit_the_kind(body: dict[str, t.Any], found: str) -> None:
    assert [failure.found for failure in failures(body)] == [found]


@pytest.mark.parametrize("broken", [{}, {"spec": None}, {"spec": {"names": 1}}, {"spec": {"names": {}, "versions": ["v1"]}}])
def test_a_malformed_definition_brings_no_kind(broken: dict[str, t.Any]) -> None:
    body = {**definition("x.io", "Widget", "widgets"), **broken}
    if not broken:
        body["spec"]["versions"][0]["served"] = False
    assert len(failures(body, listed("Widget", "w", "n", "x.io/v1"))) == 1


def test_nothing_is_known_of_an_empty_server() -> None:
    assert Kinds([]).other_versions("Pod") == []
