# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode predicts exactly, also where nothing is there yet; applied, the second run changes nothing; and what it costs in requests."""

from __future__ import annotations

import copy
import pathlib
import subprocess
import typing as t

import yaml

from ansible_collections.baremetal.vmsite.plugins.modules import cluster_objects
from ansible_collections.baremetal.vmsite.tests.apiserver import door
from ansible_collections.baremetal.vmsite.tests.apiserver.certificates import key_of
from ansible_collections.baremetal.vmsite.tests.apiserver.control_plane import ControlPlane
from ansible_collections.baremetal.vmsite.tests.apiserver.door import Json, through_ansible
from ansible_collections.baremetal.vmsite.tests.apiserver.manifests import definition, deployment, settings, shop
from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import listed

Call = t.Callable[..., Json]

DOOR = "baremetal.vmsite"
# One readyz, and two lists of kinds.
FIXED_REQUESTS = 3


def state_of(cluster: ControlPlane, *paths: str) -> list[str | None]:
    """The resourceVersions: equal before and after, nothing was written."""
    found = [cluster.find(path) for path in paths]
    return [None if one is None else one["metadata"]["resourceVersion"] for one in found]


def actions(result: Json) -> list[str]:
    return [one["action"] for one in result["objects"]]


def test_a_namespace_and_what_it_holds_from_nothing(cluster: ControlPlane, call: Call, fresh_name: str) -> None:
    objects = shop(fresh_name)
    predicted = call(objects, check_mode=True)
    assert predicted["changed"]
    assert cluster.find(f"/api/v1/namespaces/{fresh_name}") is None, "check mode wrote"
    applied = call(objects)
    assert (applied["changes"], applied["objects"], applied["diff"]) == (predicted["changes"], predicted["objects"], predicted["diff"])
    assert (actions(applied), applied["objects"][0]["kind"]) == (["create"] * len(objects), "Namespace")
    again = call(objects)
    assert (again["changed"], again["changes"], set(actions(again))) == (False, [], {"nothing"})


def test_a_kind_and_objects_of_it_from_nothing(cluster: ControlPlane, call: Call, fresh_name: str) -> None:
    widget = listed("Widget", "w", fresh_name, "tests.invalid/v1", spec={"size": 3})
    objects = [widget, definition("widgets", "Widget"), listed("Namespace", fresh_name)]
    predicted = call(objects, check_mode=True)
    assert [change["wanted"]["kind"] for change in predicted["changes"]] == ["Namespace", "CustomResourceDefinition", "Widget"]
    assert cluster.find("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.tests.invalid") is None
    applied = call(objects)
    assert applied["changes"] == predicted["changes"]
    assert cluster.send("GET", f"/apis/tests.invalid/v1/namespaces/{fresh_name}/widgets/w")["spec"] == {"size": 3}
    assert call(objects)["changed"] is False


def test_each_field_that_changes_is_one_change_and_all_others_stay(cluster: ControlPlane, call: Call, namespace: str) -> None:
    call([deployment("web", namespace), settings("a", namespace, one="1", two="2")])
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    before = state_of(cluster, path)
    wanted = [deployment("web", namespace, image="web:2", replicas=3), settings("a", namespace, one="1")]
    predicted = call(wanted, check_mode=True)
    title = f"apps/v1 Deployment {namespace}/web"
    listed_now, gone = "the list of objects says so", f"{DOOR} applied it earlier, and the list no longer has it"
    assert [(change["what"], change["current"], change["wanted"], change["reason"]) for change in predicted["changes"]] == [
        (f"{title} spec.replicas", 2, 3, listed_now),
        (f"{title} spec.template.spec.containers[name=web].image", "web:1", "web:2", listed_now),
        (f"v1 ConfigMap {namespace}/a data.two", "2", "absent", gone),
    ]
    assert state_of(cluster, path) == before, "check mode wrote"
    assert call(wanted)["changes"] == predicted["changes"]
    assert call(wanted)["changed"] is False
    assert cluster.send("GET", f"/api/v1/namespaces/{namespace}/configmaps/a")["data"] == {"one": "1"}


def test_through_ansible_with_the_kubeconfig_from_the_environment(cluster: ControlPlane, fresh_name: str) -> None:
    objects = shop(fresh_name)
    predicted = through_ansible(cluster.kubeconfig(), objects, "--check", "-vvv")
    applied = through_ansible(cluster.kubeconfig(), objects, "-vvv")
    again = through_ansible(cluster.kubeconfig(), objects)
    assert (predicted["changed"], applied["changed"], again["changed"]) == (True, True, False)
    assert (predicted["changes"], predicted["diff"]) == (applied["changes"], applied["diff"])
    assert "correct-horse" not in predicted["printed"] + applied["printed"]
    shown = applied["invocation"]["module_args"]["objects"]
    assert shown[0]["data"] == {"colour": "blue"}, "what is no secret can be read in the invocation"


def test_an_unchanged_object_costs_two_requests(cluster: ControlPlane, call: Call, fresh_name: str) -> None:
    objects = shop(fresh_name)
    call(objects)
    before = len(cluster.audited(DOOR))
    unchanged = call(objects)
    events = cluster.audited(DOOR)[before:]
    assert not unchanged["changed"]
    by_object = [(event["verb"], event["objectRef"]["name"]) for event in events if "name" in event.get("objectRef", {})]
    assert len(by_object) == 2 * len(objects)
    assert all("dryRun=All" in event["requestURI"] for event in events if event["verb"] == "patch")
    assert unchanged["api_requests"] == len(events) == 2 * len(objects) + FIXED_REQUESTS


def test_a_list_of_fifty_takes_one_connection(cluster: ControlPlane, call: Call, namespace: str) -> None:
    objects = [settings(f"s{number}", namespace, n=str(number)) for number in range(50)]
    assert len(call(objects)["changes"]) == 50
    before = len(cluster.audited(DOOR))
    assert call(objects)["changed"] is False
    events = cluster.audited(DOOR)[before:]
    assert len(events) == 2 * 50 + FIXED_REQUESTS


def test_an_object_that_someone_else_made_is_taken_over_once(cluster: ControlPlane, call: Call, namespace: str) -> None:
    body = settings("theirs", namespace, one="1")
    cluster.send("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)
    first = call([body])
    assert [(change["what"], change["reason"]) for change in first["changes"]] == [
        (f"v1 ConfigMap {namespace}/theirs fields of {DOOR}", "values are right, owners are not")
    ]
    assert call([body])["changed"] is False


def test_what_others_add_stays(cluster: ControlPlane, call: Call, namespace: str) -> None:
    call([settings("shared", namespace, ours="1")])
    path = f"/api/v1/namespaces/{namespace}/configmaps/shared"
    cluster.send("PATCH", path, {"data": {"theirs": "2"}}, "application/merge-patch+json")
    assert call([settings("shared", namespace, ours="1")])["changed"] is False
    assert call([settings("shared", namespace, ours="3")])["changed"] is True
    assert cluster.send("GET", path)["data"] == {"ours": "3", "theirs": "2"}


def test_a_secret_differs_and_nothing_more_is_seen(cluster: ControlPlane, call: Call, namespace: str) -> None:
    first = listed("Secret", "login", namespace, stringData={"password": "first-password", "user": "u1"})
    second = copy.deepcopy(first)
    second["stringData"]["password"] = "second-password"
    results = [call([first], check_mode=True), call([first]), call([second], check_mode=True), call([second])]
    assert all(text not in str(result) for result in results for text in ("first-p", "second-p", "Zmlyc3Q", "c2Vjb25k"))
    assert [change["what"] for change in results[3]["changes"]] == [f"v1 Secret {namespace}/login data.password"]
    assert results[2]["changes"] == results[3]["changes"]
    assert call([second])["changed"] is False
    encoded = cluster.send("GET", f"/api/v1/namespaces/{namespace}/secrets/login")["data"]["password"]
    assert encoded == "c2Vjb25kLXBhc3N3b3Jk"


def test_what_is_no_longer_listed_loses_its_annotation_and_keeps_the_rest(cluster: ControlPlane, call: Call, namespace: str) -> None:
    noted = settings("noted", namespace, a="1")
    noted["metadata"]["annotations"] = {"vmsite.internal/note": "x"}
    call([noted])
    result = call([settings("noted", namespace, a="1")])
    assert [change["what"] for change in result["changes"]] == [f"v1 ConfigMap {namespace}/noted metadata.annotations"]


def test_warnings_of_the_api_server_are_returned(call: Call, namespace: str) -> None:
    endpoints = listed("Endpoints", "old", namespace, subsets=[{"addresses": [{"ip": "192.0.2.9"}], "ports": [{"port": 80}]}])
    warnings = call([endpoints], check_mode=True)["api_warnings"]
    assert len(warnings) == 1
    assert "Endpoints is deprecated" in warnings[0]


def test_an_object_that_needs_another_of_the_list(cluster: ControlPlane, call: Call, namespace: str) -> None:
    """A Pod is refused without its service account, also in a dry run; here the account stands before it in the list."""
    account = {**listed("ServiceAccount", "runner", namespace)}
    pod = listed("Pod", "p", namespace, spec={"containers": [{"name": "c", "image": "x"}], "serviceAccountName": "runner"})
    predicted = call([account, pod], check_mode=True)
    assert predicted["changes"][1]["reason"] == f"it is not there, and neither is v1 ServiceAccount {namespace}/runner"
    assert call([account, pod])["changes"] == predicted["changes"]
    assert call([account, pod])["changed"] is False


def test_the_examples_of_the_documentation(cluster: ControlPlane, call: Call) -> None:
    """All but the one that reads a file. Nothing is awaited at the end: without controllers a namespace stays."""
    space, _from_a_file, one_field, removal = (
        task["baremetal.vmsite.cluster_objects"] for task in yaml.safe_load(cluster_objects.EXAMPLES)
    )
    assert actions(call(space["objects"])) == ["create", "create"]
    call([deployment("web", "shop")], field_manager="by-hand")
    result = call(**one_field)
    assert [(change["current"], change["wanted"]) for change in result["changes"]] == [(2, 3)]
    assert call(**one_field)["changed"] is False
    assert actions(call(**{**removal, "wait_for_deletion": False})) == ["delete"]


def test_without_a_kubeconfig(cluster: ControlPlane, namespace: str) -> None:
    admin = cluster.authority.issue("second-admin", "system:masters")
    given: Json = {
        "host": cluster.url,
        "ca_cert": str(cluster.authority.certificate),
        "client_cert": str(admin),
        "client_key": str(key_of(admin)),
    }
    assert door.call([settings("a", namespace)], **given)["changed"]


def test_common_options_once_for_the_action_group(cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path) -> None:
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/baremetal.vmsite.cluster": {"kubeconfig": cluster.kubeconfig()}},
        "tasks": [{"name": "Apply", "baremetal.vmsite.cluster_objects": {"objects": [settings("grouped", namespace, a="1")]}}],
    }
    playbook = tmp_path / "play.yml"
    playbook.write_text(yaml.safe_dump([play]))
    done = subprocess.run(["ansible-playbook", str(playbook)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster.find(f"/api/v1/namespaces/{namespace}/configmaps/grouped") is not None
