# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each variable by itself: shapes, unknown names, secrets."""

from __future__ import annotations

import builtins
import typing as t

import jsonschema
import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site import schema
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import HOST_VARIABLES, SITE_VARIABLES
from ansible_collections.baremetal.vmsite.tests.unit.site.inventory import (
    REMOVED,
    add_variable,
    example,
    mistakes,
    put,
    report,
    without_variable,
)


def test_the_schema_is_a_schema_and_knows_the_model_s_variables() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.schema())
    assert schema.variable_names() == sorted(SITE_VARIABLES + HOST_VARIABLES)
    assert schema.required_variables() == list(SITE_VARIABLES)
    assert schema.schema()["properties"]["vmsite_site"]["properties"]["model_version"]["const"] == schema.MODEL_VERSION


def test_unknown_keys_are_refused_in_every_mapping_with_fixed_keys() -> None:
    """A mapping either lists its keys and refuses others, or says what its values are; some shapes belong to other doors."""
    opened = {
        "vmsite_host_profile",
        "vmsite_data_plane.bridges.items",
        "vmsite_sriov.functions.items",
        "vmsite_sriov.drivers.items",
        "vmsite_vms.items",
    }
    found = set()

    def visit(part: t.Any, path: str) -> None:
        if isinstance(part, dict):
            if part.get("type") == "object" and "additionalProperties" not in part:
                found.add(path)
            for key, inner in part.items():
                visit(inner, path if key == "properties" else f"{path}.{key}".lstrip("."))

    visit(schema.schema()["properties"], "")
    visit(schema.schema()["$defs"], "")
    assert found == opened


CASES: list[tuple[tuple[str | int, ...], t.Any, str, str]] = [
    (("vmsite_site", "model_version"), 2, "no possible value", "write 1; this collection knows no other"),
    (("vmsite_site", "model_version"), True, "no possible value", "write 1; this collection knows no other"),
    (("vmsite_site", "region"), REMOVED, "it is missing", "write a Kubernetes label value"),
    (("vmsite_site", "regoin"), "x", "no such key", "did you mean region?"),
    (("vmsite_site", "name"), 12, "a whole number, where text is needed", "put it in quotes"),
    (("vmsite_site", "name"), None, "nothing, where text is needed", "write a Kubernetes label value"),
    (("vmsite_site", "isolation_scope"), "systme", "no possible value", "did you mean system?"),
    (("vmsite_site", "time", "sources"), "ntp1", "text, where a list is needed", "write Time servers outside the site"),
    (("vmsite_site", "time", "sources"), ["a", "a"], "an entry that is there twice", "remove what is double"),
    (("vmsite_site", "time", "control_clock"), "yes", "text, where true or false is needed", "write Whether the hosts' clocks are ours"),
    (("vmsite_network", "prefixes", "data", "vlan"), 5000, "no possible value", "write 4094 or less"),
    (("vmsite_network", "prefixes", "data", "mtu"), 9, "no possible value", "write 1280 or more"),
    (("vmsite_network", "prefixes", "data", "prefix"), "10.20.8.0", "no possible value", "write a network and its length"),
    (("vmsite_network", "prefixes", "Data"), {"prefix": "10.1.0.0/24"}, "'Data' is no possible name", "write lower case letters"),
    (("vmsite_network", "prefixes", "management"), REMOVED, "it is missing", "write a mapping with at least a prefix"),
    (("vmsite_tenants", "ledger", "namespaces"), [], "0 entries, where at least 1 is needed", "write a list"),
    (("vmsite_tenants", "ledger", "namespaces", 0), "Ledger_1", "no possible value", "write a DNS label"),
    (("vmsite_tenants", "ledger", "users", 0, "role"), "root", "no possible value", "write one of admin, operator, viewer"),
    (("vmsite_tenants", "ledger", "quota", "cpus"), 1.5, "a number, where a whole number is needed", "write a whole number"),
    (("vmsite_tiers", "core", "overcommit", "cpus"), 0.5, "no possible value", "write 1 or more"),
    (("vmsite_tiers",), {}, "0 entries, where at least 1 is needed", "write a mapping"),
    (("vmsite_tenants",), [], "a list, where a mapping is needed", "write a mapping"),
]


@pytest.mark.parametrize(("path", "value", "found", "remedy"), CASES, ids=[f"{'.'.join(map(str, case[0]))}={case[1]!r}" for case in CASES])
def test_a_wrong_shape_is_named_with_its_remedy(path: tuple[str | int, ...], value: t.Any, found: str, remedy: str) -> None:
    site = example()
    put(site, path, value)
    (mistake,) = report(site).mistakes
    assert mistake.found.startswith(found)
    assert mistake.remedy.startswith(remedy)


def test_an_unknown_variable_is_refused() -> None:
    (mistake,) = report(add_variable(example(), "vmsite_tennants", {}, "core1", "core2")).mistakes
    assert (mistake.found, mistake.remedy) == ("the site model has no such variable", "did you mean vmsite_tenants?")
    assert mistake.hosts == ("core1", "core2")


def test_a_site_variable_that_is_missing_is_named() -> None:
    assert mistakes(without_variable(example(), "vmsite_storage")) == ["vmsite_storage: it is missing"]
    (mistake,) = report(without_variable(example(), "vmsite_storage", "core1")).mistakes
    assert (mistake.found, mistake.hosts) == ("these hosts do not see it", ("core1",))


def test_a_site_variable_has_one_value_for_all() -> None:
    site = without_variable(example(), "vmsite_storage", "core1")
    (mistake,) = report(add_variable(site, "vmsite_storage", {"contracts": {}}, "core1")).mistakes
    assert mistake.found.startswith("another value than host control1 sees")
    assert mistake.hosts == ("core1",)


def test_an_unknown_key_does_not_hide_other_mistakes() -> None:
    site = example()
    put(site, ("vmsite_tenants", "ledger", "colour"), "red")
    put(site, ("vmsite_tenants", "ledger", "tier"), "cor")
    assert mistakes(site) == ["vmsite_tenants.ledger.colour: no such key", "vmsite_tenants.ledger.tier: no such tier"]


@pytest.mark.parametrize("key", ["password", "admin_password", "api_key", "token", "db_secret", "PASSPHRASE"])
def test_a_secret_is_refused_and_not_shown(key: str) -> None:
    site = example()
    put(site, ("vmsite_tenants", "ledger", key), "tr0ub4dor")
    (mistake,) = report(site).mistakes
    assert mistake.found.startswith("a secret")
    assert "tr0ub4dor" not in str(mistake.as_dict())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "a private key"),
        ("https://robot:tr0ub4dor@mirror.bank.example/", "an address with a password in it"),
        ("$6$saltsalt$tr0ub4dor", "a password hash"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.tr0ub4dor", "a token"),
    ],
)
def test_a_text_that_looks_like_a_secret_is_refused_and_not_shown(text: str, kind: str) -> None:
    site = example()
    put(site, ("vmsite_site", "artifacts", "checksums"), text)
    (mistake,) = report(site).mistakes
    assert mistake.found.startswith(kind)
    assert "tr0ub4dor" not in str(mistake.as_dict())


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import_module = builtins.__import__

    def without(name: str, *arguments: t.Any, **keywords: t.Any) -> t.Any:
        if name in ("jsonschema", "netaddr"):
            raise ImportError(f"No module named {name!r}")
        return import_module(name, *arguments, **keywords)

    schema._validator.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Failure, match=r"jsonschema cannot be imported.*install jsonschema"):
        report(example())
