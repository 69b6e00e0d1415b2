# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a list alone, all of it at once, and in which order the rest is written."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.order import in_order_of_deletion, in_order_of_writing
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import wanted_objects
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import definition, listed


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({"kind": "ConfigMap", "metadata": {"name": "x"}}, "a apiVersion"),
        ({"apiVersion": "v1", "kind": 3, "metadata": {"name": "x"}}, "a kind"),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "metadata with a name"),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}, "an object with a name of its own"),
        (listed("ConfigMap", "../secrets/x", "default"), "metadata.name"),
        (listed("ConfigMap", "..", "default"), "metadata.name"),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": 8080, "namespace": "default"}}, "metadata.name"),
        (listed("ConfigMap", "x", "a/b"), "metadata.namespace"),
        ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "resourceVersion": "7"}}, "what is wanted of the object"),
    ],
)
def test_a_mistake_is_named(body: dict[str, t.Any], asked: str) -> None:
    with pytest.raises(Failure) as raised:
        wanted_objects([listed("Namespace", "good"), body])
    assert raised.value.asked == asked
    assert raised.value.where.startswith("objects[1]")


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(Failures) as raised:
        wanted_objects([{"kind": "x"}, listed("ConfigMap", "a%b")])
    assert len(raised.value.failures) == 3


def test_the_same_object_twice_is_refused_also_in_two_versions() -> None:
    twice = [
        listed("Deployment", "x", "n", "apps/v1"),
        listed("Deployment", "x", "n", "apps/v1beta1"),
        listed("Deployment", "x", "n", "my/v1"),
    ]
    with pytest.raises(Failure) as raised:
        wanted_objects(twice)
    assert raised.value.where == "apps/v1beta1 Deployment n/x"


def test_a_list_counts_as_its_items() -> None:
    bundle = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [listed("ConfigMap", "a", "n"), {"apiVersion": "v1", "kind": "List", "items": []}],
    }
    assert [wanted.title for wanted in wanted_objects([bundle, listed("ConfigMap", "b", "n")])] == ["v1 ConfigMap n/a", "v1 ConfigMap n/b"]


@given(st.lists(st.sampled_from(["namespace", "definition", "other"]), max_size=8))
def test_what_others_need_comes_first_and_the_rest_keeps_its_order(sorts: list[str]) -> None:
    make = {
        "namespace": lambda number: listed("Namespace", f"n{number}"),
        "definition": lambda number: definition("x.io", f"K{number}", f"k{number}"),
        "other": lambda number: listed("ConfigMap", f"c{number}", "n"),
    }
    objects = wanted_objects([make[sort](number) for number, sort in enumerate(sorts)])
    written = in_order_of_writing(objects)
    assert written == [
        *(one for one in objects if one.is_namespace),
        *(one for one in objects if one.is_kind_definition),
        *(one for one in objects if not one.is_namespace and not one.is_kind_definition),
    ]
    assert in_order_of_deletion(objects) == written[::-1]
