# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that follow from the network plan."""

from __future__ import annotations

import copy
import ipaddress
import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.filter.address_plan import FilterModule, address_plan

NETWORK: dict[str, t.Any] = {
    "prefixes": {
        "data": {
            "prefix": "10.99.0.0/24",
            "gateway": "10.99.0.1",
            "mtu": 9000,
            "hosts": {"first": "10.99.0.11", "last": "10.99.0.13"},
            "vms": {"first": "10.99.0.51", "last": "10.99.0.99"},
            "exceptions": {"odd": "10.99.0.200", "away": "10.98.0.1"},
        },
        "six": {"prefix": "fd00:99::/64", "hosts": {"first": "fd00:99::b", "last": "fd00:99::ffff"}},
        "pods": {"prefix": "10.64.0.0/14"},
    },
    "host_numbers": {"compute1": 1, "compute2": 2, "last": 3, "beyond": 4, "odd": 5, "away": 6},
    "vm_numbers": {"ledger1": 1},
}


def test_one_host_by_name() -> None:
    assert address_plan(NETWORK, "data", "compute2") == {
        "address": "10.99.0.12",
        "prefix_length": 24,
        "interface": "10.99.0.12/24",
        "prefix": "10.99.0.0/24",
        "gateway": "10.99.0.1",
        "vlan": None,
        "mtu": 9000,
    }


@pytest.mark.parametrize(
    ("purpose", "owner", "address"),
    [("data", 1, "10.99.0.11"), ("data", "ledger1", "10.99.0.51"), ("data", "odd", "10.99.0.200"), ("six", "compute2", "fd00:99::c")],
)
def test_numbers_vms_exceptions_and_ipv6(purpose: str, owner: str | int, address: str) -> None:
    assert address_plan(NETWORK, purpose, owner)["address"] == address


def test_a_list_gives_a_mapping_by_name() -> None:
    plan = address_plan(NETWORK, "data", ["compute1", "ledger1"])
    assert {name: host["address"] for name, host in plan.items()} == {"compute1": "10.99.0.11", "ledger1": "10.99.0.51"}


@pytest.mark.parametrize(
    ("purpose", "owner", "said"),
    [
        ("data", "beyond", "10.99.0.11 to 10.99.0.13 are 3 addresses, for the numbers 1 to 3"),
        ("data", 0, "10.99.0.11 to 10.99.0.13 are 3 addresses"),
        ("data", "away", "10.98.0.1 is not in 10.99.0.0/24"),
        ("data", "compute3", "did you mean compute"),
        ("dta", "compute1", "did you mean data"),
        ("pods", "compute1", "pods has no addresses for hosts"),
        ("data", True, "it has none"),
    ],
)
def test_what_cannot_be_derived_is_refused(purpose: str, owner: t.Any, said: str) -> None:
    with pytest.raises(AnsibleFilterError, match=said):
        address_plan(NETWORK, purpose, owner)


@pytest.mark.parametrize(
    "network", [None, {}, [], "x", {"prefixes": []}, {"prefixes": {"data": None}}, {"prefixes": {"data": {"prefix": 1}}}]
)
def test_another_shape_is_refused_in_words(network: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match="do: "):
        address_plan(network, "data", "compute1")


@given(st.lists(st.integers(1, 200), min_size=1, max_size=30, unique=True), st.integers(201, 230))
def test_addresses_stay_when_a_host_is_added(numbers: list[int], added: int) -> None:
    network = copy.deepcopy(NETWORK)
    network["prefixes"]["data"]["hosts"] = {"first": "10.99.0.11", "last": "10.99.0.254"}
    network["host_numbers"] = {f"host{number}": number for number in numbers}
    before = address_plan(network, "data", list(network["host_numbers"]))
    network["host_numbers"] = {"added": added, **dict(reversed(network["host_numbers"].items()))}
    after = address_plan(network, "data", list(network["host_numbers"]))
    assert {name: after[name] for name in before} == before
    assert len({host["address"] for host in after.values()}) == len(after)
    assert all(ipaddress.ip_address(host["address"]) in ipaddress.ip_network(host["prefix"]) for host in after.values())


def test_the_core_finds_the_filter() -> None:
    assert FilterModule().filters() == {"address_plan": address_plan}
