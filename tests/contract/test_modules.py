# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every door documents what it takes, what it promises and what it returns; and that is what the code does."""

from __future__ import annotations

import ast
import importlib
import json
import pathlib
import subprocess
import typing as t

import pytest
import yaml

from ansible_collections.baremetal.vmsite.plugins.module_utils._door import CLUSTER_OPTIONS, HOST_OPTIONS
from ansible_collections.baremetal.vmsite.tests.contract.checkout import CHECKOUT, MODULES, named, read_yaml

COLLECTION = "baremetal.vmsite"
COMPARED = {"type": "str", "elements": None, "required": False, "choices": None, "default": None}
COMMON_OPTIONS = {"host": set(HOST_OPTIONS), "cluster": set(CLUSTER_OPTIONS)}

Json = dict[str, t.Any]


def block(module: pathlib.Path, name: str) -> str:
    """The text of DOCUMENTATION, EXAMPLES or RETURN."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return str(ast.literal_eval(node.value))
    raise LookupError(f"{module.name} has no {name}")


def fragments(module: pathlib.Path) -> set[str]:
    return set(yaml.safe_load(block(module, "DOCUMENTATION")).get("extends_documentation_fragment", []))


@pytest.fixture(scope="module")
def documentation() -> dict[str, Json]:
    """What ansible-doc makes of all modules, fragments merged in."""
    names = [f"{COLLECTION}.{module.stem}" for module in MODULES]
    done = subprocess.run(["ansible-doc", "--type", "module", "--json", *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.rsplit(".", 1)[1]: entry for name, entry in json.loads(done.stdout).items()}


def test_there_are_modules() -> None:
    assert MODULES


@pytest.mark.parametrize("module", **named(MODULES))
def test_promises_are_declared(module: pathlib.Path, documentation: dict[str, Json]) -> None:
    attributes = documentation[module.stem]["doc"]["attributes"]
    assert {name: "support" in attributes.get(name, {}) for name in ("check_mode", "diff_mode", "idempotent")} == {
        "check_mode": True,
        "diff_mode": True,
        "idempotent": True,
    }


@pytest.mark.parametrize("module", **named(MODULES))
def test_examples_run(module: pathlib.Path, documentation: dict[str, Json]) -> None:
    """Each task has a name and a full module name, and options of ours that exist."""
    entries = yaml.safe_load(block(module, "EXAMPLES"))
    tasks = [task for entry in entries for task in (entry.get("tasks", []) if "hosts" in entry else [entry])]
    own = [(task, key) for task in tasks for key in task if key.startswith(f"{COLLECTION}.")]
    assert any(key == f"{COLLECTION}.{module.stem}" for _task, key in own)
    for task in tasks:
        assert task.get("name"), f"an example without a name: {task}"
        assert any("." in key for key in task) or "block" in task, f"no full module name: {task}"
    for task, key in own:
        known = documentation.get(key.rsplit(".", 1)[1])
        assert known is not None, f"{key} does not exist"
        given = task[key] or {}
        options = known["doc"].get("options", {})
        assert set(given) <= set(options), f"{task['name']}: no such options"
        missing = {name for name, option in options.items() if option.get("required")} - set(given)
        assert not missing, f"{task['name']}: required options are not given"


@pytest.mark.parametrize("module", **named(MODULES))
def test_returned_values_are_described_to_the_last_key(module: pathlib.Path) -> None:
    values = yaml.safe_load(block(module, "RETURN"))
    assert values
    assert incomplete(values, top=True) == []


def incomplete(values: Json, top: bool = False) -> list[str]:
    found = []
    for name, value in values.items():
        needed = {"description", "type"} | ({"returned"} if top else set()) | ({"elements"} if value.get("type") == "list" else set())
        found += [f"{name}: no {key}" for key in sorted(needed - set(value))]
        found += [f"{name}.{complaint}" for complaint in incomplete(value.get("contains", {}))]
    return found


@pytest.mark.parametrize("module", **named(module for module in MODULES if f"{COLLECTION}.attributes.changes" in fragments(module)))
def test_doors_that_change_state_describe_the_same_result(module: pathlib.Path) -> None:
    """RETURN cannot come from a fragment, so its text is repeated, and compared here."""
    common = read_yaml(CHECKOUT / "docs" / "return_of_changes.yml")
    values = yaml.safe_load(block(module, "RETURN"))
    assert {name: values.get(name) for name in common} == common


@pytest.mark.parametrize("module", **named(MODULES))
def test_the_argument_spec_is_what_is_documented(module: pathlib.Path, documentation: dict[str, Json]) -> None:
    documented = documentation[module.stem]["doc"].get("options", {})
    common = {name for group, names in COMMON_OPTIONS.items() if f"{COLLECTION}.{group}" in fragments(module) for name in names}
    own = {name: option for name, option in documented.items() if name not in common}
    assert comparable(argument_spec(module), "options") == comparable(own, "suboptions")


@pytest.mark.parametrize(("group", "spec"), [("host", HOST_OPTIONS), ("cluster", CLUSTER_OPTIONS)])
def test_common_options_are_those_of_the_fragment(group: str, spec: Json) -> None:
    loaded = importlib.import_module(f"ansible_collections.baremetal.vmsite.plugins.doc_fragments.{group}")
    documented = yaml.safe_load(loaded.ModuleDocFragment.DOCUMENTATION)["options"]
    assert comparable(spec, "options") == comparable(documented, "suboptions")
    assert {name: option.get("aliases", []) for name, option in spec.items()} == {
        name: option.get("aliases", []) for name, option in documented.items()
    }


def argument_spec(module: pathlib.Path) -> Json:
    """The spec as the code has it; a door that is an action plugin has it there."""
    kind = "action" if (CHECKOUT / "plugins" / "action" / module.name).exists() else "modules"
    loaded = importlib.import_module(f"ansible_collections.baremetal.vmsite.plugins.{kind}.{module.stem}")
    spec: Json = getattr(loaded, "ARGUMENT_SPEC", {})  # without one it takes nothing, and may document nothing
    return spec


def comparable(options: Json, below: str) -> Json:
    return {
        name: {**{key: option.get(key, default) for key, default in COMPARED.items()}, "below": comparable(option.get(below) or {}, below)}
        for name, option in options.items()
    }


def test_action_groups_hold_exactly_the_doors_with_their_fragment() -> None:
    groups = read_yaml(CHECKOUT / "meta" / "runtime.yml")["action_groups"]
    with_fragment = {group: {module.stem for module in MODULES if f"{COLLECTION}.{group}" in fragments(module)} for group in groups}
    assert {group: set(members) for group, members in groups.items()} == with_fragment
