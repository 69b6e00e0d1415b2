# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role says what it takes, says it once, and has a scenario that shows it."""

from __future__ import annotations

import importlib.util
import pathlib
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.contract.checkout import CHECKOUT, ROLES, named, read_yaml

Options = dict[str, dict[str, t.Any]]


def role_readmes() -> t.Any:
    spec = importlib.util.spec_from_file_location("role_readmes", CHECKOUT / "docs" / "build" / "role_readmes.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main_options(role: pathlib.Path) -> Options:
    options: Options = read_yaml(role / "meta" / "argument_specs.yml")["argument_specs"]["main"].get("options", {})
    return options


def undescribed(options: Options, prefix: str = "") -> list[str]:
    found = []
    for name, option in options.items():
        found += [f"{prefix}{name}: no {key}" for key in ("type", "description") if key not in option]
        if option.get("type") == "list" and "elements" not in option:
            found.append(f"{prefix}{name}: no elements")
        found += undescribed(option.get("options", {}), f"{prefix}{name}.")
    return found


def test_there_are_roles() -> None:
    assert ROLES


@pytest.mark.parametrize("role", **named(ROLES))
@pytest.mark.parametrize("file", ["meta/argument_specs.yml", "meta/main.yml", "defaults/main.yml", "tasks/main.yml", "README.md"])
def test_a_role_is_complete(role: pathlib.Path, file: str) -> None:
    assert (role / file).is_file()


def documentable(default: t.Any, option: dict[str, t.Any]) -> t.Any:
    """The default as argument_specs can say it: documentation tools refuse a template where the type is not text."""
    return None if isinstance(default, str) and "{{" in default and option.get("type", "str") not in ("str", "raw") else default


@pytest.mark.parametrize("role", **named(ROLES))
def test_documented_defaults_are_the_defaults(role: pathlib.Path) -> None:
    defaults = read_yaml(role / "defaults" / "main.yml") or {}
    optional = {name: option for name, option in main_options(role).items() if not option.get("required")}
    assert set(optional) == set(defaults)
    documented = {name: option.get("default") for name, option in optional.items()}
    assert documented == {name: documentable(default, optional[name]) for name, default in defaults.items()}


@pytest.mark.parametrize("role", **named(ROLES))
def test_options_start_with_the_name_of_the_role(role: pathlib.Path) -> None:
    assert [name for name in main_options(role) if not name.startswith(f"{role.name}_")] == []


@pytest.mark.parametrize("role", **named(ROLES))
def test_every_option_is_typed_and_described(role: pathlib.Path) -> None:
    assert undescribed(main_options(role)) == []


@pytest.mark.parametrize("role", **named(ROLES))
def test_the_readme_is_what_the_options_say(role: pathlib.Path) -> None:
    assert (role / "README.md").read_text(encoding="utf-8") == role_readmes().render(role), "run: make docs-roles"


@pytest.mark.parametrize("role", **named(ROLES))
def test_a_molecule_scenario_shows_the_role(role: pathlib.Path) -> None:
    assert (CHECKOUT / "molecule" / role.name / "molecule.yml").is_file()
