# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order read, plan, apply, verify, as a user of a door sees it: by the JSON that it prints."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.baremetal.vmsite.plugins.module_utils import _door
from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern


class Switch(Concern):
    """A value that is set by applying, unless it is stuck."""

    def __init__(self, stuck: bool = False, error: Exception | None = None) -> None:
        self.value, self.stuck, self.error = "off", stuck, error
        self.calls: list[str] = []

    def plan(self) -> ChangeSet:
        self.calls.append("plan")
        if self.error:
            raise self.error
        changes = ChangeSet()
        changes.compare("switch", self.value, "on", "it is wanted")
        return changes

    def apply(self, changes: ChangeSet) -> None:
        self.calls.append("apply")
        self.value = "off" if self.stuck else "on"

    def verify(self) -> None:
        self.calls.append("verify")

    def facts(self) -> dict[str, t.Any]:
        return {"value": self.value}


@pytest.fixture
def outcome(capsys: pytest.CaptureFixture[str]) -> t.Callable[..., dict[str, t.Any]]:
    def run(switch: Switch, check_mode: bool = False) -> dict[str, t.Any]:
        with patch_module_args({"_ansible_check_mode": check_mode}), pytest.raises(SystemExit):
            _door.run({}, lambda _options, _root: switch)
        result: dict[str, t.Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def test_apply_is_planned_again_and_verified(outcome: t.Callable[..., dict[str, t.Any]]) -> None:
    switch = Switch()
    result = outcome(switch)
    assert (result["changed"], result["value"], switch.calls) == (True, "on", ["plan", "apply", "plan", "verify"])
    assert outcome(switch)["changed"] is False


def test_check_mode_predicts_the_same_and_writes_nothing(outcome: t.Callable[..., dict[str, t.Any]]) -> None:
    switch = Switch()
    predicted = outcome(switch, check_mode=True)
    assert (switch.value, switch.calls) == ("off", ["plan"])
    assert predicted["changes"] == outcome(switch)["changes"]


def test_what_does_not_stick_is_a_failure(outcome: t.Callable[..., dict[str, t.Any]]) -> None:
    result = outcome(Switch(stuck=True))
    assert result["failed"]
    assert "reads back as 'off' after it was applied" in result["msg"]


def test_all_failures_are_told_at_once_without_a_trace(outcome: t.Callable[..., dict[str, t.Any]]) -> None:
    failures = [Failure(asked=f"a{number}", found="b", where="c", remedy="d") for number in (1, 2)]
    result = outcome(Switch(error=Failures(failures)))
    assert [failure["asked"] for failure in result["failures"]] == ["a1", "a2"]
    assert "Traceback" not in result["msg"]


def test_the_unexpected_has_the_same_shape(outcome: t.Callable[..., dict[str, t.Any]]) -> None:
    result = outcome(Switch(error=KeyError("gone")))
    assert result["failures"][0]["found"] == "KeyError: 'gone'"
    assert "Traceback" not in result["msg"]


def run_with_secrets(options: dict[str, t.Any], capsys: pytest.CaptureFixture[str], error: Exception | None = None) -> str:
    """What a door to a cluster prints whose option C(items) may hold secrets, under the key C(secret)."""
    specification = {"items": {"type": "list", "elements": "dict", "no_log": True}, "name": {"type": "str"}}

    def conceal(given: dict[str, t.Any]) -> dict[str, t.Any]:
        return {**given, "items": [{**item, "secret": "(concealed)"} for item in given["items"]]}

    with patch_module_args(options), pytest.raises(SystemExit):
        _door.run_on_cluster(specification, lambda _options: Switch(error=error), conceal)
    return capsys.readouterr().out


def test_a_secret_in_an_option_is_in_no_result_and_what_is_none_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    items = [{"name": "visible", "secret": "correct-horse"}, {"name": "other", "secret": "visible"}]
    printed = run_with_secrets({"items": items, "name": "on", "api_key": "token-of-mine"}, capsys)
    assert json.loads(printed)["invocation"]["module_args"]["items"] == [
        {"name": "visible", "secret": "(concealed)"},
        {"name": "other", "secret": "(concealed)"},
    ]
    assert "correct-horse" not in printed
    assert "token-of-mine" not in printed
    assert json.loads(printed)["value"] == "on"


def test_a_secret_in_a_message_is_censored(capsys: pytest.CaptureFixture[str]) -> None:
    items = [{"name": "visible", "secret": "correct-horse"}]
    printed = run_with_secrets({"items": items}, capsys, ValueError("the visible correct-horse is wrong"))
    assert "correct-horse" not in printed
    assert "the visible" in printed


def test_a_short_secret_does_not_blank_out_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    printed = run_with_secrets({"items": [{"name": "x", "secret": "a"}]}, capsys)
    assert json.loads(printed)["changes"][0]["reason"] == "it is wanted"
