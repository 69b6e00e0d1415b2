# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profile's options are written in four places: the type, the door's specification, its documentation, the role's. They must agree."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
from ansible_collections.baremetal.vmsite.plugins.modules import host_plan

ROLE = pathlib.Path(__file__).resolve().parents[4] / "roles" / "host_plan"
KEPT = ("type", "elements", "required", "choices", "default")


def shape(options: dict[str, t.Any], nested: str) -> dict[str, t.Any]:
    """Names, types, choices and defaults, without descriptions."""
    return {
        name: {**{key: option[key] for key in KEPT if key in option}, "options": shape(option.get(nested, {}), nested)}
        for name, option in options.items()
    }


def door() -> dict[str, t.Any]:
    return shape(host_plan.PROFILE_OPTIONS, "options")


def test_documentation() -> None:
    documented = yaml.safe_load(host_plan.DOCUMENTATION)["options"]["profile"]["suboptions"]
    assert shape(documented, "suboptions") == door()


def test_role() -> None:
    specification = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    assert shape(specification["host_plan_profile"]["options"], "options") == door()


def test_type_has_the_same_names_and_defaults() -> None:
    defaults = {name: option["default"] for name, option in door().items() if "default" in option}
    nothing_asked = Profile.from_dict({}).as_dict()
    assert {name: nothing_asked[name] for name in defaults} == defaults
    assert set(Profile.__dataclass_fields__) == set(door())


@pytest.mark.parametrize("name", ["dpdk_nics", "vhost_ports"])
def test_entries_have_the_same_names_and_defaults(name: str) -> None:
    options = door()[name]["options"]
    defaults = {key: option["default"] for key, option in options.items() if "default" in option}
    (entry,) = Profile.from_dict({name: [{"name": "a", "devargs": "net_null0"} if name == "dpdk_nics" else {}]}).as_dict()[name]
    assert {key: entry[key] for key in defaults} == defaults
    with pytest.raises(Exception, match="unknown key"):
        Profile.from_dict({name: [{"surprise": 1}]})
