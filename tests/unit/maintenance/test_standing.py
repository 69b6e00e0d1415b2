# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.filter.maintenance import maintenance_outlook, maintenance_reboot_reasons
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.kernels import newer_kernel
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.standing import findings, standing

CHANGE = {"what": "mask", "current": "0x1", "wanted": "0x2", "reason": "the plan", "needs": "nothing"}
CLEAN: dict[str, t.Any] = {"changes": [], "reboot_required": False, "reboot_reasons": [], "restart_required": False}
TUNED = {**CLEAN, "reboot_required": True, "reboot_reasons": ["isolcpus: the plan"]}
KERNELS: dict[str, t.Any] = {"maintenance_kernels": {"stdout_lines": ["6.1.0-9-amd64", "/boot/vmlinuz-6.1.0-9-amd64"]}}
BATCHES = [{"domain": "z/r/1", "hosts": ["a", "b"]}, {"domain": "z/r/2", "hosts": ["c"]}, {"domain": "z/r/3", "hosts": ["d"]}]


@pytest.mark.parametrize(
    ("running", "installed", "newer"),
    [
        ("6.1.0-9-amd64", ["6.1.0-9-amd64", "6.1.0-10-amd64"], "6.1.0-10-amd64"),
        ("6.1.0-10-amd64", ["6.1.0-9-amd64", "6.1.0-10-amd64"], None),
        ("6.1.0-30-rt-amd64", ["6.1.0-30-rt-amd64", "6.1.0-31-amd64"], None),
        ("6.1.0-30-amd64", ["6.12.9+bpo-amd64"], "6.12.9+bpo-amd64"),
        ("5.14.0-503.11.1.el9_5.x86_64", ["5.14.0-503.11.1.el9_5.x86_64", "5.14.0-570.12.1.el9_6.x86_64"], "5.14.0-570.12.1.el9_6.x86_64"),
        ("5.14.0-503.11.1.el9_5.x86_64", ["0-rescue-5a1b", "5.14.0-503.11.1.el9_5.x86_64"], None),
        ("6.8.0-45-generic", ["6.8.0-50-lowlatency"], None),
        ("6.1.0-9-amd64", [], None),
    ],
)
def test_the_newest_kernel_of_the_same_flavour(running: str, installed: list[str], newer: str | None) -> None:
    assert newer_kernel(running, [f"/boot/vmlinuz-{release}" for release in installed]) == newer


def test_reasons_for_a_reboot_are_those_of_roles_and_of_packages() -> None:
    assert maintenance_reboot_reasons(KERNELS) == maintenance_reboot_reasons({}) == []
    variables = {
        **KERNELS,
        "host_tuning_kernel_args_result": TUNED,
        "maintenance_kernels": {"stdout_lines": ["6.1.0-9-amd64", "/boot/vmlinuz-6.1.0-10-amd64", "/run/reboot-required"]},
    }
    assert maintenance_reboot_reasons(variables) == [
        "isolcpus: the plan",
        "kernel 6.1.0-10-amd64 is installed, 6.1.0-9-amd64 runs",
        "a package asks for it: /run/reboot-required is there",
    ]


@pytest.mark.parametrize(
    ("registered", "policy", "needed", "says"),
    [
        ({}, "when_needed", False, "nothing to do"),
        ({"time_sync_result": {**CLEAN, "changes": [CHANGE]}}, "when_needed", True, "1 changes by roles (mask)"),
        ({"host_tuning_kernel_args_result": TUNED}, "when_needed", True, "a reboot: isolcpus: the plan"),
        ({"host_tuning_kernel_args_result": TUNED}, "never", False, "no reboot, though it waits for one: isolcpus: the plan"),
        ({}, "always", True, "a reboot: it is asked for"),
        ({"maintenance_apt": {"changed": True}}, "when_needed", True, "package updates, and a reboot if they bring a kernel"),
        ({"maintenance_apt": {"changed": False}, "maintenance_dnf": {"skipped": True, "changed": False}}, "never", False, "nothing to do"),
    ],
)
def test_what_is_ahead_of_a_host(registered: dict[str, t.Any], policy: str, needed: bool, says: str) -> None:
    assert maintenance_outlook({**KERNELS, **registered}, policy) == {"needed": needed, "says": says}


def test_a_batch_begins_only_when_every_host_before_is_done() -> None:
    done: dict[str, t.Any] = {"maintenance_done": {"msg": "done"}}
    variables: dict[str, dict[str, t.Any]] = {"a": done, "b": {}, "c": {}, "d": {}}
    assert standing(variables, BATCHES, "b")["unfinished"] == []
    assert standing(variables, BATCHES, "c")["unfinished"] == ["b"]
    assert standing({**variables, "b": done}, BATCHES, "c") == {
        "unfinished": [],
        "says": "batch 2 of 3: c in z/r/2; done: a, b; not begun: d",
    }


def test_a_failed_loop_says_what_each_failed_item_said() -> None:
    assert findings({"msg": "no room"}) == "no room"
    items = [
        {"failed": True, "msg": "no room"},
        {"changed": True},
        {"failed": True, "msg": "non-zero return code", "stderr": "no libvirtd\n"},
    ]
    assert findings({"msg": "One or more items failed", "results": items}) == "no room | non-zero return code no libvirtd"
