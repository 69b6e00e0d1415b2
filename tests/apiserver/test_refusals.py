# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server refuses, for every object at once and before anything is written; each with what to do."""

from __future__ import annotations

import pathlib
import time
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.apiserver import door
from ansible_collections.baremetal.vmsite.tests.apiserver.certificates import Authority
from ansible_collections.baremetal.vmsite.tests.apiserver.control_plane import ControlPlane, free_port
from ansible_collections.baremetal.vmsite.tests.apiserver.door import Json, failures_of
from ansible_collections.baremetal.vmsite.tests.apiserver.manifests import definition, deployment, settings
from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import listed

Call = t.Callable[..., Json]

ADMISSION = "admissionregistration.k8s.io/v1"


def only_failure(result: Json) -> Json:
    (failure,) = failures_of(result)
    return failure


def test_every_mistake_of_every_object_before_anything_is_written(cluster: ControlPlane, call: Call, namespace: str) -> None:
    unknown = deployment("unknown-field", namespace)
    unknown["spec"]["replikas"] = 1
    unknown["spec"]["template"]["spec"]["containers"][0]["imagePullPolcy"] = "Always"
    invalid = deployment("invalid-value", namespace, replicas=-1)
    wrong_type = settings("wrong-type", namespace)
    wrong_type["data"] = {"number": 1}
    for check_mode in (True, False):
        result = call([settings("good", namespace, a="1"), unknown, invalid, wrong_type], check_mode=check_mode)
        found = failures_of(result)
        assert [failure["where"].rpartition("/")[2] for failure in found] == ["unknown-field", "invalid-value", "wrong-type"]
        assert "spec.replikas" in found[0]["found"]
        assert "imagePullPolcy" in found[0]["found"]
        assert "spec.replicas" in found[1]["found"]
        assert "number" in found[2]["found"]
    assert cluster.find(f"/api/v1/namespaces/{namespace}/configmaps/good") is None


@pytest.mark.parametrize("check_mode", [True, False])
def test_an_unknown_field_where_the_namespace_comes_in_the_same_list(
    cluster: ControlPlane, call: Call, fresh_name: str, check_mode: bool
) -> None:
    """Whether the API server looks at the fields before it looks for the namespace is its own affair; it does."""
    broken = settings("broken", fresh_name, a="1")
    broken["dta"] = {}
    failure = only_failure(call([listed("Namespace", fresh_name), broken], check_mode=check_mode))
    assert "dta" in failure["found"]
    assert cluster.find(f"/api/v1/namespaces/{fresh_name}") is None


def test_an_object_of_a_kind_from_the_same_list_is_judged_when_the_kind_is_there(cluster: ControlPlane, call: Call, namespace: str) -> None:
    objects = [
        settings("after", namespace, a="1"),
        definition("gadgets", "Gadget"),
        listed("Gadget", "g", namespace, "tests.invalid/v1", spec={"size": 1, "colour": "x"}),
        listed("Gadget", "h", namespace, "tests.invalid/v1", spec={"size": 0}),
    ]
    assert call(objects, check_mode=True)["changed"]
    found = failures_of(call(objects))
    assert "colour" in found[0]["found"]
    assert "spec.size" in found[1]["found"]
    assert cluster.find("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.tests.invalid") is not None
    assert cluster.find(f"/api/v1/namespaces/{namespace}/configmaps/after") is None, "only definitions and namespaces may be there"


def test_a_namespace_that_nobody_makes(cluster: ControlPlane, call: Call, namespace: str) -> None:
    missing = f"{namespace}-missing"
    objects = [settings("first", namespace, a="1"), settings("lost", missing, a="1")]
    predicted = call(objects, check_mode=True)
    assert predicted["changes"][1]["reason"] == f"it is not there, and neither is namespace {missing}"
    failure = only_failure(call(objects))
    assert failure["found"] == f"namespace {missing} is neither there nor in the list"
    assert cluster.find(f"/api/v1/namespaces/{namespace}/configmaps/first") is None


def test_two_managers_in_conflict(cluster: ControlPlane, call: Call, namespace: str) -> None:
    call([deployment("web", namespace)], field_manager="the-other-team")
    ours = deployment("web", namespace, image="web:2", replicas=5)
    for check_mode in (True, False):
        failure = only_failure(call([ours], check_mode=check_mode))
        assert "spec.replicas is managed by the-other-team" in failure["found"]
        assert '.containers[name="web"].image is managed by the-other-team' in failure["found"]
        assert "force_conflicts" in failure["remedy"]
    predicted = call([ours], check_mode=True, force_conflicts=True)
    assert call([ours], force_conflicts=True)["changes"] == predicted["changes"]
    assert call([ours])["changed"] is False


def test_forbidden_says_who_may_not_do_what(cluster: ControlPlane, namespace: str) -> None:
    result = door.call([settings("a", namespace, a="1"), listed("Namespace", "other")], kubeconfig=cluster.kubeconfig("intern"))
    found = failures_of(result)
    assert len(found) == 2
    assert 'User "intern" cannot get resource "configmaps"' in found[1]["found"]
    assert "Role" in found[1]["remedy"]


def test_forbidden_only_to_write_is_known_before(cluster: ControlPlane, namespace: str) -> None:
    rights = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader", "namespace": namespace}}
    binding = {**rights, "kind": "RoleBinding", "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}}
    door.call(
        [
            {**rights, "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]},
            {**binding, "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}]},
        ],
        kubeconfig=cluster.kubeconfig(),
    )
    failure = only_failure(door.call([settings("a", namespace, a="1")], kubeconfig=cluster.kubeconfig("reader"), check_mode=True))
    assert 'User "reader" cannot patch resource "configmaps"' in failure["found"]


def test_someone_who_is_acted_for(cluster: ControlPlane, namespace: str) -> None:
    result = door.call(
        [settings("a", namespace, a="1")], kubeconfig=cluster.kubeconfig(), impersonate_user="auditor", impersonate_groups=["a", "b"]
    )
    assert 'User "auditor" cannot get resource' in only_failure(result)["found"]
    admin = door.call(
        [settings("a", namespace, a="1")], kubeconfig=cluster.kubeconfig(), impersonate_user="auditor", impersonate_groups=["x", "system:masters"]
    )  # fmt: skip
    assert admin["changed"], "the second group counts too"


def test_a_policy_denies(call: Call, cluster: ControlPlane, namespace: str) -> None:
    policy = listed(
        "ValidatingAdmissionPolicy",
        namespace,
        api_version=ADMISSION,
        spec={
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
            },
            "validations": [{"expression": "object.metadata.name != 'forbidden'", "message": "this name is taken"}],
        },
    )
    binding = listed(
        "ValidatingAdmissionPolicyBinding", namespace, api_version=ADMISSION, spec={"policyName": namespace, "validationActions": ["Deny"]}
    )
    assert call([policy, binding])["changed"]
    assert call([policy, binding])["changed"] is False
    result = eventually(lambda: call([settings("forbidden", namespace)], check_mode=True), lambda found: "failed" in found)
    failure = only_failure(result)
    assert "this name is taken" in failure["found"]
    assert "policy or webhook" in failure["remedy"]


def test_a_webhook_that_nobody_serves(cluster: ControlPlane, call: Call, namespace: str) -> None:
    webhook = {
        "name": "gate.tests.invalid",
        "clientConfig": {"url": f"https://127.0.0.1:{free_port()}/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    call([listed("ValidatingWebhookConfiguration", namespace, api_version=ADMISSION, webhooks=[webhook])])
    result = eventually(lambda: call([settings("a", namespace)], check_mode=True), lambda found: "failed" in found)
    failure = only_failure(result)
    assert "gate.tests.invalid" in failure["found"]
    assert "bring up what serves the webhook" in failure["remedy"]


def test_a_namespace_that_is_being_deleted(cluster: ControlPlane, call: Call, namespace: str) -> None:
    call([listed("Namespace", namespace)], state="absent", wait_for_deletion=False)
    found = failures_of(call([listed("Namespace", namespace), settings("late", namespace, a="1")]))
    assert "it is being deleted since" in found[0]["found"]
    assert "is being terminated" in found[1]["found"]
    assert "wait until the namespace is gone" in found[1]["remedy"]


def test_an_immutable_field_is_named_and_the_object_only_made_again_when_asked(cluster: ControlPlane, call: Call, namespace: str) -> None:
    call([deployment("web", namespace)])
    other = deployment("web", namespace)
    other["spec"]["selector"]["matchLabels"] = other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    uid = cluster.send("GET", path)["metadata"]["uid"]
    failure = only_failure(call([other]))
    assert failure["found"].startswith("immutable: spec.selector")
    assert cluster.send("GET", path)["metadata"]["uid"] == uid
    predicted = call([other], check_mode=True, recreate=True)
    assert [one["action"] for one in predicted["objects"]] == ["recreate"]
    assert call([other], recreate=True)["changes"] == predicted["changes"]
    assert cluster.send("GET", path)["metadata"]["uid"] != uid
    assert call([other], recreate=True)["changed"] is False


def immutable_kinds(namespace: str, variant: int) -> list[Json]:
    """One object of each kind that has its own words for a field that may not change; C(variant) is in that field."""
    name, other = f"{namespace}-{variant}", f"10.96.7.{10 + variant}"
    labels = {"matchLabels": {"app": "x"}}
    pod = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    once = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": name}]}}}
    claim = {"accessModes": ["ReadWriteOnce"], "storageClassName": name, "resources": {"requests": {"storage": "1Gi"}}}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    return [
        listed("Service", "fixed", namespace, spec={"clusterIP": other, "ports": [{"port": 80}]}),
        listed("PersistentVolumeClaim", "fixed", namespace, spec=claim),
        listed("StatefulSet", "fixed", namespace, "apps/v1", spec={"serviceName": name, "selector": labels, "template": pod}),
        listed("Job", "fixed", namespace, "batch/v1", spec=once),
        listed("RoleBinding", "fixed", namespace, "rbac.authorization.k8s.io/v1", roleRef=reference),
        listed("StorageClass", namespace, api_version="storage.k8s.io/v1", provisioner=f"{name}.invalid"),
        listed("PriorityClass", namespace, api_version="scheduling.k8s.io/v1", value=variant),
        listed("RuntimeClass", namespace, api_version="node.k8s.io/v1", handler=name),
    ]


def test_every_kind_has_its_own_words_for_immutable(call: Call, namespace: str) -> None:
    before = immutable_kinds(namespace, 1)
    assert call(before)["changed"]
    found = failures_of(call(immutable_kinds(namespace, 2)))
    assert [failure["where"].split()[1] for failure in found] == [body["kind"] for body in before]
    assert [failure["found"] for failure in found if not failure["found"].startswith("immutable: ")] == []
    assert call(before)["changed"] is False, "a refused call wrote"


def test_what_changes_of_an_immutable_object(call: Call, namespace: str) -> None:
    call([{**settings("fixed", namespace, a="1"), "immutable": True}])
    failure = only_failure(call([{**settings("fixed", namespace, a="2"), "immutable": True}]))
    assert failure["found"].startswith("immutable: data")


@pytest.mark.parametrize("pin", [4839214839, 739])
def test_a_refused_secret_is_not_quoted(call: Call, namespace: str, pin: int) -> None:
    """The longer number would be censored by Ansible too, the shorter one only by us."""
    failure = only_failure(call([listed("Secret", "pin", namespace, data={"pin": pin})]))
    assert failure["where"].endswith("/pin")
    assert "(concealed)" in failure["found"]
    assert str(pin) not in failure["found"]


def test_a_secret_that_is_refused_when_it_is_written_is_not_quoted_either(cluster: ControlPlane, call: Call, fresh_name: str) -> None:
    """It waits for its kind's sibling, a namespace, so the refusal comes after the first write, and from another place of the code."""
    secret = listed("Secret", "pin", fresh_name, data={"pin": 4839214839})
    result = call([listed("Namespace", fresh_name), secret])
    assert failures_of(result)
    assert "4839214839" not in str(result)


def test_nobody_listens(cluster: ControlPlane, namespace: str) -> None:
    url = f"https://127.0.0.1:{free_port()}"
    failure = only_failure(door.call([settings("a", namespace)], kubeconfig=cluster.kubeconfig(url=url)))
    assert failure["where"] == url
    assert "refused" in failure["found"]


def test_the_wrong_authority(cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path) -> None:
    stranger = Authority(tmp_path, "stranger").certificate
    failure = only_failure(door.call([settings("a", namespace)], kubeconfig=cluster.kubeconfig(), ca_cert=str(stranger)))
    assert "certificate verify failed" in failure["found"]
    assert "give the CA" in failure["remedy"]
    unchecked = door.call([settings("a", namespace)], kubeconfig=cluster.kubeconfig(), ca_cert=str(stranger), validate_certs=False)
    assert unchecked["changed"]


def test_a_name_that_the_certificate_does_not_have(cluster: ControlPlane, namespace: str) -> None:
    kubeconfig = cluster.kubeconfig(**{"tls-server-name": "other.invalid"})
    failure = only_failure(door.call([settings("a", namespace)], kubeconfig=kubeconfig))
    assert "other.invalid" in failure["found"]
    assert "a host that it is valid for" in failure["remedy"]


def test_a_token_that_nobody_knows(cluster: ControlPlane, namespace: str) -> None:
    ca_cert = str(cluster.authority.certificate)
    failure = only_failure(door.call([settings("a", namespace)], host=cluster.url, ca_cert=ca_cert, api_key="wrong-token"))
    assert "credentials" in failure["remedy"]
    assert "wrong-token" not in str(failure)


def test_an_api_server_that_answers_and_is_not_ready(cluster: ControlPlane, call: Call, namespace: str) -> None:
    with cluster.without_etcd():
        failure = only_failure(call([settings("a", namespace)]))
    assert "etcd" in failure["found"]
    assert failure["where"].endswith("/readyz")
    assert call([settings("a", namespace)])["changed"]


def eventually(act: t.Callable[[], Json], done: t.Callable[[Json], bool]) -> Json:
    """An API server takes a moment until a new policy or webhook is in force."""
    deadline = time.monotonic() + 30
    while not done(found := act()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found
