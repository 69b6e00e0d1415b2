# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.analysis import analyse
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.verdict import Limits, judge
from ansible_collections.baremetal.vmsite.tests.unit.host.probe.recordings import recording

GAP_100 = Limits(100, None)
SILENCE_100 = Limits(None, 100)


def verdict(limits: Limits, running: bool = False, **made: t.Any) -> str:
    judged = judge(analyse(recording(300, **made), running=running), limits)
    assert bool(judged.reasons) == (judged.result != "no_limit")
    return judged.result


@pytest.mark.parametrize("limits", [GAP_100, SILENCE_100])
def test_met_and_missed(limits: Limits) -> None:
    assert verdict(limits) == "met"
    assert verdict(limits, unanswered=range(50, 60)) == "met"
    assert verdict(limits, unanswered=range(50, 80)) == "missed"


def test_the_views_differ() -> None:
    stood_still = dict.fromkeys(range(80, 120), 600)
    assert verdict(GAP_100, answered_at_ms=stood_still) == "met"
    assert verdict(SILENCE_100, answered_at_ms=stood_still) == "missed"


def test_without_a_limit_there_is_no_verdict() -> None:
    assert verdict(Limits(None, None), unanswered=range(50, 80)) == "no_limit"


def test_what_a_stall_may_hide_is_not_proven() -> None:
    assert verdict(GAP_100, left_out=range(50, 80)) == "not_proven"
    assert verdict(GAP_100, left_out=range(50, 55)) == "met", "a stall shorter than the limit hides nothing longer than the limit"
    assert verdict(GAP_100, unanswered=range(50, 80), left_out=range(55, 75)) == "not_proven"
    assert verdict(GAP_100, unanswered=range(50, 120), left_out=range(55, 75)) == "missed", "225 ms of it were watched"


def test_a_record_without_an_end_proves_a_miss_but_not_a_success() -> None:
    assert verdict(GAP_100, ended=None) == "not_proven"
    assert verdict(GAP_100, ended=None, running=True) == "not_proven"
    assert verdict(GAP_100, ended="failed") == "not_proven"
    assert verdict(GAP_100, ended=None, unanswered=range(20, 60)) == "missed"


def test_a_target_that_never_answered_is_no_success() -> None:
    assert judge(analyse(recording(5, unanswered=range(5))), GAP_100).result == "not_proven"
    assert judge(analyse(recording(0)), GAP_100).result == "not_proven"
