# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits against a real API server. No controllers run there: a status is what a test writes."""

from __future__ import annotations

import threading
import time
import typing as t

from ansible_collections.baremetal.vmsite.tests.apiserver.control_plane import ControlPlane
from ansible_collections.baremetal.vmsite.tests.apiserver.door import Json, failures_of
from ansible_collections.baremetal.vmsite.tests.apiserver.manifests import definition, deployment, settings
from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import listed

Call = t.Callable[..., Json]

DOOR = "baremetal.vmsite"
MERGE = "application/merge-patch+json"


def write_status(cluster: ControlPlane, path: str, status: Json) -> None:
    cluster.send("PATCH", f"{path}/status", {"status": status}, MERGE)


def test_a_rollout_that_comes_while_it_is_awaited(cluster: ControlPlane, call: Call, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"

    def stand_in_for_the_deployment_controller() -> None:
        deadline = time.monotonic() + 30
        while cluster.find(path) is None and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        complete = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
        write_status(cluster, path, complete)

    controller = threading.Thread(target=stand_in_for_the_deployment_controller)
    controller.start()
    result = call([deployment("web", namespace)], wait=[{"kind": "Deployment", "rollout": True}], wait_timeout=30)
    controller.join()
    assert result["changed"]
    before = len(cluster.audited(DOOR))
    again = call([deployment("web", namespace)], wait=[{"kind": "Deployment", "rollout": True}], wait_timeout=30)
    assert (again["changed"], len(cluster.audited(DOOR)) - before) == (False, 5), "what the plan has read costs no further request"


def test_when_the_time_is_up_conditions_and_events_say_why(cluster: ControlPlane, call: Call, namespace: str) -> None:
    body = deployment("stuck", namespace)
    call([body])
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/stuck"
    live = cluster.send("GET", path)
    quota = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    write_status(cluster, path, {"observedGeneration": 1, "conditions": [quota]})
    involved = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "stuck", "namespace": namespace, "uid": live["metadata"]["uid"]}
    event = listed("Event", "stuck.1", namespace, involvedObject=involved, type="Warning", reason="NoRoom", message="no node has room")
    cluster.send("POST", f"/api/v1/namespaces/{namespace}/events", event)
    started = time.monotonic()
    (failure,) = failures_of(call([body], wait=[{"kind": "Deployment", "rollout": True}], wait_timeout=2))
    assert 2 <= time.monotonic() - started < 10
    assert failure["asked"] == "rolled out within 2 s"
    assert failure["found"] == (
        "0 of 2 replicas are updated (ReplicaFailure=True (FailedCreate: exceeded quota); event NoRoom: no node has room)"
    )


def test_a_rollout_without_hope_is_not_awaited(cluster: ControlPlane, call: Call, namespace: str) -> None:
    call([deployment("hopeless", namespace)])
    given_up = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/hopeless"
    write_status(cluster, path, {"observedGeneration": 1, "conditions": [given_up]})
    started = time.monotonic()
    failures_of(call([deployment("hopeless", namespace)], wait=[{"kind": "Deployment", "rollout": True}], wait_timeout=60))
    assert time.monotonic() - started < 20


def test_a_condition_and_a_field(cluster: ControlPlane, call: Call, namespace: str) -> None:
    gear = listed("Gear", "g", namespace, "tests.invalid/v1", spec={"size": 4})
    objects = [definition("gears", "Gear"), gear, settings("s", namespace, colour="blue")]
    wait = [
        {"kind": "CustomResourceDefinition", "condition": "Established"},
        {"kind": "ConfigMap", "field": "data.colour", "value": "blue"},
        {"kind": "Gear", "field": "spec.size", "value": "4"},
    ]
    assert call(objects, wait=wait)["changed"]
    ready = {"kind": "Gear", "name": "g", "condition": "Ready"}
    (failure,) = failures_of(call(objects, wait=[*wait, ready], wait_timeout=1))
    assert failure["found"] == "it has no condition Ready yet"
    path = f"/apis/tests.invalid/v1/namespaces/{namespace}/gears/g"
    write_status(cluster, path, {"conditions": [{"type": "Ready", "status": "True"}]})
    assert call(objects, wait=[*wait, ready])["changed"] is False


def test_check_mode_does_not_wait(call: Call, namespace: str) -> None:
    result = call([deployment("web", namespace)], check_mode=True, wait=[{"kind": "Deployment", "rollout": True}], wait_timeout=60)
    assert result["changed"]
