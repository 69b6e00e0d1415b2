# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an API server said no to, as it said it. The captures are of kube-apiserver 1.34.4; tests/apiserver asks a running one."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Refused
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.refusals import (
    concerns_all,
    has_unknown_field,
    is_immutable,
    not_found,
    refusal,
)
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import wanted_objects
from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import listed

CAPTURED: dict[str, t.Any] = json.loads(pathlib.Path(__file__).with_name("refusals_of_kubernetes_1_34.json").read_text())
(WANTED,) = wanted_objects([listed("Deployment", "web", "shop", "apps/v1")])


def captured(name: str) -> Refused:
    return Refused(CAPTURED[name]["code"], CAPTURED[name]["status"])


@pytest.mark.parametrize(
    ("name", "found", "remedy"),
    [
        ("conflict", "spec.replicas is managed by the-other-team", "force_conflicts: true"),
        ("unknown field", ".spec.replikas", "mend the name or place of the field"),
        ("wrong type", ".data.number", "mend the value"),
        ("item twice", 'name="web"', "mend the value"),
        ("invalid value", "spec.replicas", "mend the value"),
        ("immutable", "immutable: spec.selector", "recreate: true"),
        ("forbidden", 'User "intern" cannot patch resource "configmaps"', "Role or ClusterRole"),
        ("namespace terminating", "it is being terminated", "wait until the namespace is gone"),
        ("webhook not served", "gate.tests.invalid", "bring up what serves the webhook"),
    ],
)
def test_each_refusal_says_what_was_found_and_what_to_do(name: str, found: str, remedy: str) -> None:
    failure = refusal(WANTED, captured(name))
    assert found in failure.found
    assert remedy in failure.remedy
    assert failure.where == "apps/v1 Deployment shop/web"


def test_what_else_was_looked_for_in_vain() -> None:
    assert not_found(captured("namespace missing")) == ("namespaces", "none")
    assert not_found(captured("service account missing")) == ("serviceaccount", "runner")
    assert not_found(captured("forbidden")) is None
    grouped = Refused(
        403, {"message": 'admission webhook "w" denied the request: virtualmachineinstancetypes.instancetype.kubevirt.io "x" not found'}
    )
    assert not_found(grouped) == ("virtualmachineinstancetypes", "x")


def test_what_is_what() -> None:
    assert [name for name in CAPTURED if has_unknown_field(captured(name))] == ["unknown field"]
    assert [name for name in CAPTURED if is_immutable(captured(name))] == ["immutable"]


@pytest.mark.parametrize(
    ("code", "message", "remedy"),
    [
        (401, "Unauthorized", "give credentials"),
        (403, "pods is forbidden: exceeded quota: memory", "look at the quota"),
        (429, "too many requests", "log and load"),
        (504, "etcdserver: request timed out", "log and load"),
        (418, "teapot", "look at the message"),
    ],
)
def test_what_only_the_status_tells(code: int, message: str, remedy: str) -> None:
    assert remedy in refusal(WANTED, Refused(code, {"message": message})).remedy


def test_what_would_befall_every_object_ends_the_look_at_the_others() -> None:
    assert [name for name in CAPTURED if concerns_all(captured(name))] == []
    assert concerns_all(Refused(401, {}))
    assert concerns_all(Refused(504, {"message": "etcdserver: request timed out"}))
