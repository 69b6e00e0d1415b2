# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences between two versions of an object: none if and only if they are the same, and each named by its field."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.comparison import (
    ABSENT,
    Difference,
    differences,
    without_noise,
)

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b"])
NAMED = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abc"), "value": SCALARS}), max_size=3, unique_by=lambda item: str(item["name"])
)
JSON = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x/y"]), below, max_size=3) | NAMED,
    max_leaves=12,
)


def text(value: t.Any) -> str:
    return json.dumps(value, sort_keys=True)


@given(JSON, JSON)
def test_there_is_no_difference_just_when_both_are_the_same_json(current: t.Any, wanted: t.Any) -> None:
    assert (differences(current, wanted) == []) == (text(current) == text(wanted))


@given(JSON, JSON)
def test_the_other_way_round_the_sides_change_places(current: t.Any, wanted: t.Any) -> None:
    there = {(one.field, text(one.current), text(one.wanted)) for one in differences(current, wanted)}
    back = {(one.field, text(one.wanted), text(one.current)) for one in differences(wanted, current)}
    assert there == back


@pytest.mark.parametrize(
    ("current", "wanted", "found"),
    [
        ({"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, Difference("spec.replicas", 1, 2)),
        ({"labels": {}}, {"labels": {"app.io/name": "x"}}, Difference('labels["app.io/name"]', ABSENT, "x")),
        ({"c": [{"name": "web", "image": "1"}]}, {"c": [{"name": "web", "image": "2"}]}, Difference("c[name=web].image", "1", "2")),
        ({"c": [{"name": "a"}]}, {"c": [{"name": "b"}, {"name": "a"}]}, Difference("c[name=b]", ABSENT, {"name": "b"})),
        ({"c": [{"name": "a"}, {"name": "b"}]}, {"c": [{"name": "b"}, {"name": "a"}]}, Difference("order of c", ["a", "b"], ["b", "a"])),
        ({"l": [1, 2]}, {"l": [1, 3]}, Difference("l[1]", 2, 3)),
        ({"l": [1]}, {"l": [1, 2]}, Difference("l", [1], [1, 2])),
        ({"x": True}, {"x": 1}, Difference("x", True, 1)),
    ],
)
def test_a_difference_is_named_by_its_field(current: t.Any, wanted: t.Any, found: Difference) -> None:
    assert differences(current, wanted) == [found]


def test_what_the_api_server_keeps_for_itself_is_no_difference() -> None:
    current = {"metadata": {"name": "x", "uid": "1", "resourceVersion": "1", "managedFields": [1], "generation": 1}, "status": {"a": 1}}
    wanted = {"metadata": {"name": "x", "uid": "2", "resourceVersion": "2", "managedFields": [2], "generation": 2}, "status": {"a": 2}}
    assert without_noise(current) == without_noise(wanted) == {"metadata": {"name": "x"}}
