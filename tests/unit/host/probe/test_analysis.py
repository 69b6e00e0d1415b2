# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.analysis import LISTED, STRIP_SLICES, analyse
from ansible_collections.baremetal.vmsite.tests.unit.host.probe.recordings import MS, START_NS, recording


def test_nothing_happened() -> None:
    measurement = analyse(recording(100))
    assert (measurement.sent, measurement.answered, measurement.lost, measurement.duplicates, measurement.late) == (
        100,
        100,
        0,
        0,
        0,
    )
    assert (measurement.longest_gap_ms, measurement.longest_silence_ms, measurement.longest_stall_ms) == (0, 5, 0)
    assert (measurement.gaps, measurement.silences, measurement.stalls) == ([], [], [])
    assert dataclasses.astuple(measurement.rtt_ms) == (1, 1, 1)


def test_a_cut_is_a_gap_and_a_silence() -> None:
    measurement = analyse(recording(200, unanswered=range(50, 90)))
    (gap,) = measurement.gaps
    assert (gap.start_s, gap.length_ms, gap.certain_ms, gap.lost, gap.proven, gap.open) == (
        0.245,
        205,
        195,
        40,
        True,
        "",
    )
    assert gap.wall_time == "2023-11-14T22:13:20.245Z"
    assert measurement.longest_silence_ms == 205
    assert (measurement.sent, measurement.lost) == (200, 40)


def test_a_target_that_stands_still_and_then_answers_everything_is_a_silence_without_a_gap() -> None:
    measurement = analyse(recording(200, answered_at_ms=dict.fromkeys(range(80, 120), 600)))
    assert measurement.lost == 0
    assert measurement.gaps == []
    assert measurement.longest_silence_ms == 600 - 79 * 5 - 1
    assert measurement.late == 20, "requests sent more than 100 ms before the answers came"


def test_duplicates_are_neither_lost_nor_answered_twice() -> None:
    measurement = analyse(recording(100, duplicated=[3, 3, 40]))
    assert (measurement.answered, measurement.duplicates, measurement.lost) == (100, 3, 0)


def test_answers_to_requests_never_sent_are_ignored() -> None:
    assert analyse(recording(10, left_out=[4], duplicated=[4])).duplicates == 0


def test_a_stall_of_the_prober_is_not_a_gap() -> None:
    measurement = analyse(recording(100, left_out=range(30, 50)))
    assert measurement.gaps == []
    assert [(stall.start_s, stall.length_ms) for stall in measurement.stalls] == [(0.145, 105)]
    assert [silence.proven for silence in measurement.silences] == [False]


def test_a_gap_with_a_stall_in_it_is_not_proven_and_only_the_watched_part_is_certain() -> None:
    measurement = analyse(recording(200, unanswered=range(50, 90), left_out=range(60, 85)))
    (gap,) = measurement.gaps
    assert (gap.length_ms, gap.certain_ms, gap.lost, gap.proven) == (205, 45, 15, False)


def test_a_stall_elsewhere_does_not_touch_a_gap() -> None:
    assert analyse(recording(200, unanswered=range(50, 60), left_out=range(100, 150))).gaps[0].proven


def test_interruptions_at_the_ends_are_open() -> None:
    measurement = analyse(recording(100, unanswered=[*range(10), *range(80, 100)]))
    assert [(gap.open, gap.length_ms) for gap in measurement.gaps] == [("start", 50), ("end", 100)]
    assert [(silence.open, silence.length_ms) for silence in measurement.silences] == [("start", 51), ("end", 99)]


def test_nothing_answered_at_all() -> None:
    measurement = analyse(recording(100, unanswered=range(100)))
    assert [(gap.open, gap.lost, gap.length_ms) for gap in measurement.gaps] == [("both", 100, 495)]
    assert measurement.longest_silence_ms == 495
    assert measurement.rtt_ms.max is None


def test_requests_the_kernel_refused_make_a_gap_but_were_not_sent() -> None:
    measurement = analyse(recording(100, refused=range(40, 50)))
    assert (measurement.sent, measurement.refused, measurement.lost) == (90, 10, 0)
    assert measurement.longest_gap_ms == 55


def test_young_requests_of_a_record_without_an_end_are_undecided() -> None:
    measurement = analyse(recording(1000, unanswered=range(500, 1000), ended=None), running=True)
    assert measurement.ended == "running"
    assert measurement.undecided == 200, "sent less than the linger time of 1 s before the last sign of life"
    assert (measurement.lost, measurement.sent) == (300, 1000)
    assert analyse(recording(10, ended=None)).ended == "killed"


def test_an_empty_record() -> None:
    measurement = analyse(recording(0, ended=None))
    assert (measurement.sent, measurement.seconds, measurement.gaps, measurement.strip.sent) == (0, 0, [], [])


def test_a_clock_that_was_set_is_followed() -> None:
    made = recording(100, unanswered=[10, 90])
    made.wall_clock.append((START_NS + 250 * MS, 1_800_000_000_000 * MS))
    assert [gap.wall_time[:4] for gap in analyse(made).gaps] == ["2023", "2027"]


def test_lists_are_bounded_and_keep_the_longest() -> None:
    unanswered = [slot for slot in range(4000) if slot % 20 == 0] + [2001, 2002]
    measurement = analyse(recording(4000, unanswered=unanswered))
    assert (len(measurement.gaps), measurement.gaps_total) == (LISTED, 200)
    assert max(gap.lost for gap in measurement.gaps) == 3
    assert len(measurement.strip.sent) <= STRIP_SLICES


SLOTS = st.sets(st.integers(0, 299), max_size=120)


@given(
    unanswered=SLOTS,
    left_out=SLOTS,
    refused=SLOTS,
    duplicated=st.lists(st.integers(0, 299), max_size=20),
    ended=st.sampled_from([None, "stopped"]),
)
def test_every_request_is_accounted_for_once(
    unanswered: set[int], left_out: set[int], refused: set[int], duplicated: list[int], ended: str | None
) -> None:
    made = recording(300, unanswered=unanswered, left_out=left_out, refused=refused, duplicated=duplicated, ended=ended)
    measurement = analyse(made)
    assert measurement.sent == measurement.answered + measurement.lost + measurement.undecided
    assert measurement.sent + measurement.refused == len(made.requests)
    assert sum(measurement.strip.sent) == len(made.requests) - measurement.undecided
    assert sum(measurement.strip.answered) == measurement.answered
    assert sum(gap.lost for gap in measurement.gaps) == measurement.lost + measurement.refused
    for gap in measurement.gaps:
        assert gap.certain_ms <= gap.length_ms <= measurement.longest_gap_ms
        start = made.requests[0].number + round(gap.start_s * 1000 / 5)
        assert gap.proven == left_out.isdisjoint(range(start, start + round(gap.length_ms / 5)))
    for silence in measurement.silences:
        assert silence.length_ms <= measurement.longest_silence_ms


@given(start=st.integers(1, 200), length=st.integers(1, 90), interval=st.integers(1, 20))
def test_the_outage_lies_between_certain_and_length(start: int, length: int, interval: int) -> None:
    (gap,) = analyse(recording(300, unanswered=range(start, start + length), interval_ms=interval)).gaps
    assert gap.length_ms - gap.certain_ms == 2 * interval
