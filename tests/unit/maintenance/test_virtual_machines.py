# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import hypothesis
import hypothesis.strategies as st
import pytest

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.virtual_machines import active, moves, returns

PLANNED: dict[str, t.Any] = {"host_plan_result": {"plan": {"libvirt": {}}}}
HOSTS = ("kvm1", "kvm2", "kvm3")


def site(**vms: list[t.Any]) -> dict[str, dict[str, t.Any]]:
    """Hosts by name; a VM is a name or a dictionary."""
    return {
        host: {**PLANNED, "vmsite_vms": [vm if isinstance(vm, dict) else {"name": vm, "memory_mib": 100} for vm in vms.get(host, [])]}
        for host in HOSTS
    }


def runs(**vms: list[str]) -> dict[str, list[str]]:
    return {host: vms.get(host, []) for host in HOSTS}


def where(found: list[dict[str, t.Any]]) -> dict[str, str]:
    return {move["name"]: move["target"] for move in found}


def test_names_are_read_from_what_virsh_prints() -> None:
    results: list[dict[str, t.Any]] = [
        {"item": "kvm1", "stdout_lines": ["ledger1", "ledger2", ""]},
        {"item": "kvm2", "stdout_lines": [""]},
        {"item": "kvm3", "rc": 2},
    ]
    assert active(results) == {"kvm1": ["ledger1", "ledger2"], "kvm2": [], "kvm3": []}


def test_vms_go_where_the_least_memory_is_used() -> None:
    variables = site(kvm1=["a", "b", "c"], kvm2=[{"name": "d", "memory_mib": 150}])
    found, failures = moves(variables, runs(kvm1=["a", "b", "c"], kvm2=["d"]), "kvm1", ["kvm1"])
    assert failures == []
    assert where(found) == {"a": "kvm3", "b": "kvm3", "c": "kvm2"}


def test_a_guest_of_another_host_goes_home() -> None:
    found, _failures = moves(site(kvm3=["a"], kvm2=["b"]), runs(kvm1=["a"], kvm2=[], kvm3=[]), "kvm1", ["kvm1"])
    assert where(found) == {"a": "kvm3"}


def test_a_vm_goes_to_who_receives_it_already() -> None:
    found, _failures = moves(site(kvm1=["a"]), runs(kvm1=["a"], kvm3=["a"]), "kvm1", ["kvm1"], target="kvm2")
    assert where(found) == {"a": "kvm3"}


def test_the_target_that_was_said_takes_all() -> None:
    found, _failures = moves(site(kvm1=["a", "b"]), runs(kvm1=["a", "b"]), "kvm1", ["kvm1"], target="kvm3")
    assert where(found) == {"a": "kvm3", "b": "kvm3"}


def test_no_vm_goes_to_a_host_that_is_maintained_too_or_has_no_plan() -> None:
    variables = site(kvm1=["a"])
    variables["kvm3"].pop("host_plan_result")
    found, failures = moves(variables, runs(kvm1=["a"]), "kvm1", ["kvm1", "kvm2"])
    assert found == []
    assert "VM a" in str(failures[0])
    assert "none of kvm3 has a plan" in str(failures[0])


def test_vms_that_the_model_does_not_know_are_all_refused_by_name() -> None:
    found, failures = moves(site(kvm1=["a"]), runs(kvm1=["x", "a", "y"]), "kvm1", ["kvm1"])
    assert [str(failure).partition(":")[2].split()[1] for failure in failures] == ["x:", "y:"]
    assert where(found) == {"a": "kvm2"}


@pytest.mark.parametrize(("state", "comes_back"), [("running", True), ("defined", True), ("stopped", False), ("absent", False)])
def test_what_comes_back_is_what_belongs_here_and_runs_elsewhere(state: str, comes_back: bool) -> None:
    variables = site(kvm1=["stays", {"name": "away", "state": state}], kvm2=["other"])
    back = returns(variables, runs(kvm1=["stays"], kvm2=["away", "other"]), "kvm1")
    assert back == ([{"name": "away", "source": "kvm2"}] if comes_back else [])


def test_they_come_back_in_the_order_of_the_model() -> None:
    back = returns(site(kvm1=["b", "a", "c"]), runs(kvm2=["a", "b"], kvm3=["c"]), "kvm1")
    assert [vm["name"] for vm in back] == ["b", "a", "c"]


@hypothesis.given(st.lists(st.sampled_from("abcdef"), unique=True), st.sampled_from(HOSTS), st.sets(st.sampled_from(HOSTS), max_size=1))
def test_after_the_moves_the_host_is_empty_and_the_returns_undo_them(vms: list[str], host: str, also: set[str]) -> None:
    variables, before = site(**{host: vms}), runs(**{host: vms})
    batch = {host, *also}
    found, failures = moves(variables, before, host, sorted(batch))
    assert failures == []
    assert sorted(where(found)) == sorted(vms)
    assert not batch & set(where(found).values())
    after = {one: [move["name"] for move in found if move["target"] == one] for one in HOSTS}
    assert [(vm["name"], vm["source"]) for vm in returns(variables, after, host)] == [(name, where(found)[name]) for name in vms]
