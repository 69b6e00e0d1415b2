# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of Secrets is in nothing that is shown."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.comparison import differences
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.secret_data import (
    COPY_BY_KUBECTL,
    concealed,
    concealed_difference,
    concealed_message,
)
from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import listed

DATA = st.dictionaries(
    st.sampled_from(["user", "key", "data"]), st.integers(10**9, 10**12).map(lambda number: f"secret{number}"), max_size=3
)


@given(DATA, DATA, st.booleans())
def test_neither_side_of_a_difference_shows_a_value(current: dict[str, str], wanted: dict[str, str], as_text: bool) -> None:
    field = "stringData" if as_text else "data"
    sides = []
    for data in (current, wanted):
        side = {**listed("Secret", "s", "n"), **({field: data} if data else {})}
        side["metadata"]["annotations"] = {COPY_BY_KUBECTL: json.dumps(data)}
        sides.append(side)
    found = differences(sides[0], sides[1])
    shown = [concealed_difference(one) for one in found]
    assert all(one.current != one.wanted for one in shown), "that it differs must be seen"
    assert "secret" not in json.dumps([[one.current, one.wanted] for one in shown] + [concealed(side) for side in sides])


def test_other_parts_of_a_secret_and_other_kinds_are_shown() -> None:
    secret = listed("Secret", "s", "n", type="Opaque", data={"a": "YQ=="})
    assert concealed(secret)["type"] == "Opaque"
    assert concealed(listed("ConfigMap", "c", "n", data={"a": "b"}))["data"] == {"a": "b"}
    assert "YQ==" not in str(concealed({"apiVersion": "v1", "kind": "List", "items": [secret]}))


def test_a_message_that_quotes_a_value_is_cleaned() -> None:
    secret = listed("Secret", "s", "n", data={"pin": 483921})
    assert concealed_message("expected string, got 483921", secret) == "expected string, got (concealed)"
    assert concealed_message("expected string, got 483921", listed("ConfigMap", "c", "n", data={"pin": 483921})).endswith("483921")


def test_malformed_secrets_are_concealed_too() -> None:
    for broken in (7, ["x"], None):
        assert concealed(listed("Secret", "s", "n", data=broken))["data"] == "(concealed)"
    assert concealed({"apiVersion": "v1", "kind": "Secret", "metadata": 3, "data": {"a": "b"}})["data"] == {"a": "(concealed)"}
