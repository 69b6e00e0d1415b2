# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of the tests, as a user writes them."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import listed

Json = dict[str, t.Any]

DEFINITION = "apiextensions.k8s.io/v1"


def settings(name: str, namespace: str, **data: str) -> Json:
    return listed("ConfigMap", name, namespace, data=data)


def deployment(name: str, namespace: str, image: str = "web:1", replicas: int = 2) -> Json:
    labels = {"app.kubernetes.io/name": name}
    specification = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}},
    }
    return listed("Deployment", name, namespace, "apps/v1", spec=specification)


def definition(plural: str, kind: str, group: str = "tests.invalid") -> Json:
    """A kind with one number, C(spec.size), and conditions in its status."""
    condition = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}},
            "status": {"type": "object", "properties": {"conditions": {"type": "array", "items": condition}}},
        },
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    specification = {
        "group": group,
        "scope": "Namespaced",
        "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
        "versions": [version],
    }
    return listed("CustomResourceDefinition", f"{plural}.{group}", api_version=DEFINITION, spec=specification)


def shop(namespace: str) -> list[Json]:
    """A namespace and objects of several kinds in it, out of order, with defaults that only the API server knows."""
    ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "https", "port": 443}]
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    job_template = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "one", "image": "x", "resources": {"limits": {"cpu": "1000m"}}}]}
    }
    return [
        settings("settings", namespace, colour="blue"),
        deployment("web", namespace),
        listed("Service", "web", namespace, spec={"selector": {"app.kubernetes.io/name": "web"}, "ports": ports}),
        listed("Secret", "login", namespace, type="Opaque", stringData={"password": "correct-horse-battery"}),
        listed("Role", "reader", namespace, "rbac.authorization.k8s.io/v1", rules=[rule]),
        listed("ResourceQuota", "memory", namespace, spec={"hard": {"requests.memory": "64Gi"}}),
        listed("Job", "once", namespace, "batch/v1", spec={"template": job_template}),
        listed("Namespace", namespace),
    ]
