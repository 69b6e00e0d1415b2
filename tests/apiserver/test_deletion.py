# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that are not to be there: in reverse order, each gone before the next, and nothing but what was seen."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.concern import ClusterObjects
from ansible_collections.baremetal.vmsite.plugins.module_utils._door import CLUSTER_OPTIONS
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.modules.cluster_objects import ARGUMENT_SPEC, build
from ansible_collections.baremetal.vmsite.tests.apiserver.control_plane import ControlPlane
from ansible_collections.baremetal.vmsite.tests.apiserver.door import Json, failures_of
from ansible_collections.baremetal.vmsite.tests.apiserver.manifests import definition, settings
from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import listed

Call = t.Callable[..., Json]

DOOR = "baremetal.vmsite"


def held(name: str, namespace: str) -> Json:
    """A ConfigMap with a finalizer that nobody serves."""
    body = settings(name, namespace, a="1")
    body["metadata"]["finalizers"] = ["tests.invalid/hold"]
    return body


def let_go(cluster: ControlPlane, name: str, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
    cluster.send("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")


def test_all_go_in_reverse_order_and_the_second_run_changes_nothing(cluster: ControlPlane, call: Call, namespace: str) -> None:
    objects = [
        settings("first", namespace),
        settings("second", namespace),
        listed("Gizmo", "g", namespace, "tests.invalid/v1", spec={"size": 1}),
        definition("gizmos", "Gizmo"),
    ]
    call(objects)
    predicted = call(objects, check_mode=True, state="absent")
    assert cluster.find(f"/api/v1/namespaces/{namespace}/configmaps/first") is not None
    before = len(cluster.audited(DOOR))
    applied = call(objects, state="absent")
    assert applied["changes"] == predicted["changes"]
    # Each is first asked for in a dry run, which stands in the body and so not in the audit log: the second half is the real one.
    deleted = [event["objectRef"]["name"] for event in cluster.audited(DOOR)[before:] if event["verb"] == "delete"]
    assert deleted == ["g", "second", "first", "gizmos.tests.invalid"] * 2
    assert call(objects, state="absent")["changed"] is False, "the kind is gone too, and the list still knows it"


def test_what_holds_an_object_is_named_and_the_next_is_not_touched(cluster: ControlPlane, call: Call, namespace: str) -> None:
    objects = [settings("operator", namespace), held("held", namespace)]
    call(objects)
    (failure,) = failures_of(call(objects, state="absent", wait_timeout=1))
    assert failure["found"] == "it is still there, held by finalizers tests.invalid/hold"
    assert cluster.find(f"/api/v1/namespaces/{namespace}/configmaps/operator") is not None
    (failure,) = failures_of(call([objects[1]]))
    assert "held by tests.invalid/hold" in failure["found"]
    let_go(cluster, "held", namespace)
    assert [one["action"] for one in call(objects, state="absent")["objects"]] == ["nothing", "delete"]


def test_without_waiting_what_is_being_deleted_counts_as_absent(cluster: ControlPlane, call: Call, namespace: str) -> None:
    body = held("held", namespace)
    call([body])
    assert call([body], state="absent", wait_for_deletion=False)["changed"] is True
    assert call([body], state="absent", wait_for_deletion=False)["changed"] is False
    let_go(cluster, "held", namespace)


def test_a_missing_right_to_delete_is_known_before_anything_is_deleted(cluster: ControlPlane, call: Call, namespace: str) -> None:
    call([settings("a", namespace), settings("b", namespace)])
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    may_delete_one = {**rule, "verbs": ["delete"], "resourceNames": ["b"]}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "deleter"}
    rights = listed("Role", "deleter", namespace, "rbac.authorization.k8s.io/v1", rules=[rule, may_delete_one])
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deleter"}
    call([rights, listed("RoleBinding", "deleter", namespace, "rbac.authorization.k8s.io/v1", roleRef=reference, subjects=[subject])])
    result = call([settings("a", namespace), settings("b", namespace)], state="absent", kubeconfig=cluster.kubeconfig("deleter"))
    (failure,) = failures_of(result)
    assert 'cannot delete resource "configmaps"' in failure["found"]
    assert cluster.find(f"/api/v1/namespaces/{namespace}/configmaps/b") is not None


def test_an_object_that_took_the_name_since_it_was_seen_is_not_deleted(cluster: ControlPlane, call: Call, namespace: str) -> None:
    body = settings("replaced", namespace, owner="us")
    call([body])
    concern = as_the_module_makes_it([body], cluster.kubeconfig())
    changes = concern.plan()
    path = f"/api/v1/namespaces/{namespace}/configmaps/replaced"
    cluster.send("DELETE", path)
    cluster.send("POST", f"/api/v1/namespaces/{namespace}/configmaps", settings("replaced", namespace, owner="someone else"))
    with pytest.raises(Failure) as raised:
        concern.apply(changes)
    assert "UID in the precondition" in raised.value.found
    assert cluster.send("GET", path)["data"] == {"owner": "someone else"}


def as_the_module_makes_it(objects: list[Json], kubeconfig: str) -> ClusterObjects:
    with patch_module_args({"objects": objects, "kubeconfig": kubeconfig, "state": "absent"}):
        return build(AnsibleModule(argument_spec={**CLUSTER_OPTIONS, **ARGUMENT_SPEC}).params)
