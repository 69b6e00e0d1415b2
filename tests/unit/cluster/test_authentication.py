# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a call shows who it is: the client's own loader reads real kubeconfigs, options and environment override it."""

from __future__ import annotations

import json
import pathlib
import sys
import typing as t

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.authentication import (
    authorization,
    client_configuration,
    impersonation,
)
from ansible_collections.baremetal.vmsite.plugins.module_utils._door import CLUSTER_OPTIONS
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

Options = dict[str, t.Any]


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """A user without a kubeconfig, who is in no Pod."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("kubernetes.config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))


def options(**given: t.Any) -> Options:
    """As a door gets them: defaults, aliases and environment are AnsibleModule's work."""
    with patch_module_args(given):
        parameters: Options = AnsibleModule(argument_spec=CLUSTER_OPTIONS).params
    return parameters


@pytest.fixture
def kubeconfig(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "config"
    clusters = [{"name": name, "cluster": {"server": f"https://{name}:6443/"}} for name in ("one", "two")]
    contexts = [{"name": name, "context": {"cluster": name, "user": "u"}} for name in ("one", "two")]
    content = {
        "clusters": clusters,
        "contexts": contexts,
        "users": [{"name": "u", "user": {"token": "from-file"}}],
        "current-context": "one",
    }
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_a_kubeconfig_and_a_context_of_it(kubeconfig: str) -> None:
    assert client_configuration(options(kubeconfig=kubeconfig)).host == "https://one:6443"
    chosen = client_configuration(options(kubeconfig=kubeconfig, context="two"))
    assert chosen.host == "https://two:6443"
    assert authorization(chosen) == "Bearer from-file"


def test_options_override_the_kubeconfig(kubeconfig: str) -> None:
    found = client_configuration(options(kubeconfig=kubeconfig, host="https://other", api_key="mine", verify_ssl=False, proxy="http://p:1"))
    assert (found.host, found.verify_ssl, found.proxy) == ("https://other", False, "http://p:1")
    assert authorization(found) == "Bearer mine"


def test_a_host_alone_reads_no_kubeconfig(monkeypatch: pytest.MonkeyPatch, kubeconfig: str) -> None:
    monkeypatch.setattr("kubernetes.config.KUBE_CONFIG_DEFAULT_LOCATION", kubeconfig)
    found = client_configuration(options(host="https://other", api_key="mine"))
    assert (found.host, authorization(found)) == ("https://other", "Bearer mine")


@pytest.mark.parametrize(
    ("variable", "option", "text", "value"),
    [
        ("K8S_AUTH_HOST", "host", "https://x", "https://x"),
        ("K8S_AUTH_API_KEY", "api_key", "t", "t"),
        ("K8S_AUTH_KUBECONFIG", "kubeconfig", "/x", "/x"),
        ("K8S_AUTH_CONTEXT", "context", "c", "c"),
        ("K8S_AUTH_CERT_FILE", "client_cert", "/c", "/c"),
        ("K8S_AUTH_KEY_FILE", "client_key", "/k", "/k"),
        ("K8S_AUTH_SSL_CA_CERT", "ca_cert", "/a", "/a"),
        ("K8S_AUTH_VERIFY_SSL", "validate_certs", "false", False),
        ("K8S_AUTH_IMPERSONATE_USER", "impersonate_user", "u", "u"),
        ("K8S_AUTH_IMPERSONATE_GROUPS", "impersonate_groups", "a,b", ["a", "b"]),
        ("K8S_AUTH_PROXY", "proxy", "http://p", "http://p"),
        ("K8S_AUTH_NO_PROXY", "no_proxy", ".local", ".local"),
    ],
)
def test_the_environment_of_kubernetes_core(monkeypatch: pytest.MonkeyPatch, variable: str, option: str, text: str, value: t.Any) -> None:
    monkeypatch.setenv(variable, text)
    assert options()[option] == value
    if option not in ("validate_certs", "impersonate_groups"):
        assert options(**{option: "/given"})[option] == "/given"


def test_impersonation_goes_into_headers() -> None:
    found = impersonation(options(impersonate_user="u", impersonate_groups=["a", "b"]))
    assert found == [("Impersonate-User", "u"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b")]


def test_nothing_to_go_by_says_what_to_give() -> None:
    with pytest.raises(Failure) as raised:
        client_configuration(options())
    assert "this is no Pod of a cluster" in raised.value.where
    assert "K8S_AUTH_KUBECONFIG" in raised.value.remedy


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "No configuration found"),
        ("", "file is empty"),
        ("{", "while parsing"),
        (json.dumps({"clusters": []}), "Expected key current-context"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used(tmp_path: pathlib.Path, content: str | None, found: str) -> None:
    path = tmp_path / "broken"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Failure) as raised:
        client_configuration(options(kubeconfig=str(path)))
    assert found in raised.value.found
    assert raised.value.where == str(path)


def test_a_certificate_that_is_not_there_is_named() -> None:
    with pytest.raises(Failure) as raised:
        client_configuration(options(host="https://x", ca_cert="/no/such/ca.crt"))
    assert (raised.value.asked, raised.value.where) == ("ca_cert: /no/such/ca.crt", "ca_cert")


def test_a_python_without_the_client_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(Failure) as raised:
        client_configuration(options(host="https://x"))
    assert "kubernetes cannot be imported" in raised.value.found
    assert "meta/requirements.txt" in raised.value.remedy
