# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is awaited, judged from objects alone, and waits that make no sense."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import Identity
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.explanation import conditions, pod_troubles
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.rollout import rollout_is_hopeless
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.verdict import missing
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.wanted import Wait, wanted_waits
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures

Json = dict[str, t.Any]

WEB = Identity("apps/v1", "Deployment", "shop", "web")
SETTINGS = Identity("v1", "ConfigMap", "shop", "settings")


def body(kind: str, status: Json, generation: int = 2, **specification: t.Any) -> Json:
    return {"kind": kind, "metadata": {"name": "x", "generation": generation}, "spec": specification, "status": status}


@pytest.mark.parametrize(
    ("found", "lacks"),
    [
        (body("Deployment", {}), "its controller has not seen the change yet"),
        (
            body("Deployment", {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}),
            "its controller has not",
        ),
        (body("Deployment", {"observedGeneration": 2}), "0 of 1 replicas are updated"),
        (body("Deployment", {"observedGeneration": 2, "updatedReplicas": 3, "replicas": 4}, replicas=3), "1 old replicas are still there"),
        (body("Deployment", {"observedGeneration": 2, "updatedReplicas": 3, "replicas": 3}, replicas=3), "0 of 3 are available"),
        (body("Deployment", {"observedGeneration": 2, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}, replicas=3), None),
        (body("Deployment", {"observedGeneration": 2}, replicas=0), None),
        (body("StatefulSet", {"observedGeneration": 2, "readyReplicas": 1}, replicas=2), "1 of 2 replicas are ready"),
        (
            body("StatefulSet", {"observedGeneration": 2, "readyReplicas": 2, "updatedReplicas": 1}, replicas=2),
            "1 of 2 replicas are updated",
        ),
        (
            body(
                "StatefulSet",
                {"observedGeneration": 2, "readyReplicas": 2, "updatedReplicas": 1},
                replicas=2,
                updateStrategy={"rollingUpdate": {"partition": 1}},
            ),
            None,
        ),
        (
            body(
                "StatefulSet",
                {"observedGeneration": 2, "readyReplicas": 1, "updatedReplicas": 1, "updateRevision": "b", "currentRevision": "a"},
                replicas=1,
            ),
            "revision b is not the current one yet",
        ),
        (body("DaemonSet", {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 2}), "2 of 3 Pods are updated"),
        (
            body("DaemonSet", {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2}),
            "2 of 3 are available",
        ),
        (
            body("DaemonSet", {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}),
            None,
        ),
    ],
)
def test_a_rollout(found: Json, lacks: str | None) -> None:
    answer = missing(Wait(kind=found["kind"], rollout=True), found)
    assert answer is None if lacks is None else answer is not None and answer.startswith(lacks)


def test_a_rollout_that_its_controller_gave_up_is_hopeless() -> None:
    given_up = {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}
    assert rollout_is_hopeless(body("Deployment", given_up))
    assert not rollout_is_hopeless(body("Deployment", {}))


@pytest.mark.parametrize(
    ("status", "lacks"),
    [
        ({}, "it has no condition Ready yet"),
        ({"conditions": [{"type": "Ready", "status": "False"}]}, "condition Ready is False"),
        ({"conditions": [{"type": "Ready", "status": "True"}]}, None),
        ({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]}, "condition Ready is older than the last change"),
        ({"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}, "condition Ready is older than the last change"),
    ],
)
def test_a_condition(status: Json, lacks: str | None) -> None:
    assert missing(Wait(kind="X", condition="Ready"), body("X", status)) == lacks


@pytest.mark.parametrize(
    ("field", "value", "lacks"),
    [
        ("status.phase", "Running", None),
        (".status.phase", "Stopped", ".status.phase is Running"),
        ("status.on", "true", None),
        ("status.addresses[0].ip", "10.0.0.1", None),
        ("status.addresses[1].ip", None, "status.addresses[1].ip is not set"),
        ("status.none", "x", "status.none is not set"),
        ("status.phase", None, None),
    ],
)
def test_a_field(field: str, value: str | None, lacks: str | None) -> None:
    found = body("X", {"phase": "Running", "on": True, "addresses": [{"ip": "10.0.0.1"}]})
    assert missing(Wait(kind="X", field=field, value=value), found) == lacks


@pytest.mark.parametrize(
    ("entry", "asked"),
    [
        ({"kind": "Deployment"}, "one thing to wait for"),
        ({"kind": "Deployment", "rollout": True, "condition": "Available"}, "one thing to wait for"),
        ({"kind": "Deployment", "name": "other", "rollout": True}, "a wait for Deployment other"),
        ({"kind": "ConfigMap", "rollout": True}, "the rollout of a ConfigMap"),
        ({"kind": "ConfigMap", "field": "data[*]"}, "the field data[*]"),
    ],
)
def test_a_wait_that_makes_no_sense_is_refused(entry: Json, asked: str) -> None:
    with pytest.raises(Failure) as raised:
        wanted_waits([entry], [WEB, SETTINGS])
    assert (raised.value.asked, raised.value.where) == (asked, "wait[0]")


def test_all_that_is_wrong_with_waits_comes_at_once() -> None:
    with pytest.raises(Failures) as raised:
        wanted_waits([{"kind": "Deployment"}, {"kind": "Job", "condition": "Complete"}], [WEB])
    assert len(raised.value.failures) == 2


def test_a_wait_is_about_what_it_names() -> None:
    (wait,) = wanted_waits([{"kind": "Deployment", "name": None, "namespace": "shop", "rollout": True}], [WEB])
    assert wait.is_about(WEB)
    assert not wait.is_about(Identity("apps/v1", "Deployment", "other", "web"))


def test_why_says_what_conditions_and_pods_say() -> None:
    found = body(
        "X",
        {"conditions": [{"type": "Ready", "status": "False", "reason": "NoDisk", "message": "none left"}, {"type": "A", "status": "True"}]},
    )
    assert conditions(found) == ["Ready=False (NoDisk: none left)", "A=True"]
    pod = {
        "metadata": {"name": "p"},
        "status": {
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}],
            "containerStatuses": [
                {"name": "c", "state": {"waiting": {"reason": "ImagePullBackOff"}}},
                {"name": "d", "state": {"running": {}}},
            ],
        },
    }
    assert pod_troubles(pod) == ["Pod p: Unschedulable: 0/3 nodes", "Pod p, container c: ImagePullBackOff"]
