# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""From a record to what a reader wants to know: what was lost, late or doubled, and for how long nothing came back. Pure.

Two views of one interruption, and they differ:

- A gap lies between the send times of two answered requests with unanswered ones between them: the network lost packets for that long.
- A silence lies between two answers that came in: nothing was heard for that long. A target that stands still and then answers
  everything it was asked makes a silence without a gap.

A stall is the prober's own: it should have sent and did not. What coincides with a stall is not proven, since nobody was looking.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime as dt
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.samples import Recording, Request

LISTED = 100  # at most so many gaps, silences and stalls are listed, the longest ones
STRIP_SLICES = 400  # at most; a slice is never shorter than four requests

# A request that was due and left out makes two sends at least two intervals apart: shorter delays are within the resolution.
_STALL_INTERVALS = 2
# Two answers may be this far apart without anything having happened.
_ORDINARY_SILENCE_INTERVALS = 3


@dataclasses.dataclass(frozen=True)
class Gap:
    """Requests in a row that were never answered.

    C(length_ms) runs from the last answered request before to the first one after; C(certain_ms) from the first to the last unanswered one, without
    stalls. The outage lies between the two. C(open) is V(start) or V(end) if the measurement saw only a part of it.
    """

    start_s: float
    wall_time: str
    length_ms: float
    certain_ms: float
    lost: int
    proven: bool
    open: str


@dataclasses.dataclass(frozen=True)
class Silence:
    start_s: float
    wall_time: str
    length_ms: float
    proven: bool
    open: str


@dataclasses.dataclass(frozen=True)
class Stall:
    start_s: float
    wall_time: str
    length_ms: float


@dataclasses.dataclass(frozen=True)
class Strip:
    """Counts per slice of time, for a picture."""

    slice_ms: float
    sent: list[int]
    answered: list[int]


@dataclasses.dataclass(frozen=True)
class RoundTrip:
    """Milliseconds; None if nothing was answered."""

    median: float | None
    p99: float | None
    max: float | None


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What one record says. Lists are in order of time; C(undecided) requests may still be answered."""

    target: str
    address: str
    protocol: str
    interval_ms: float
    realtime: bool
    scheduling: str
    started: str
    seconds: float
    ended: str
    sent: int
    answered: int
    lost: int
    refused: int
    undecided: int
    late: int
    late_after_ms: float
    duplicates: int
    rtt_ms: RoundTrip
    longest_gap_ms: float
    longest_silence_ms: float
    longest_stall_ms: float
    gaps: list[Gap]
    gaps_total: int
    silences: list[Silence]
    stalls: list[Stall]
    stalls_total: int
    strip: Strip


def analyse(recording: Recording, *, running: bool = False) -> Measurement:
    """Read the record as a whole. C(running) tells a prober at work from one that was killed: both leave a record without an end."""
    ended = recording.ended or ("running" if running else "killed")
    scale = _Scale(recording)
    answers = _FirstAnswers(recording)
    requests, undecided = _decided(recording, answers.received_ns)
    stalls = _Stalls(recording.requests, recording.header.interval_ns)
    gaps = _gaps(requests, answers.received_ns, stalls, scale)
    silences = _silences(requests, answers)
    round_trips = sorted(
        answers.received_ns[request.number] - request.sent_ns for request in requests if request.number in answers.received_ns
    )
    header = recording.header
    listed_stalls = [
        Stall(scale.offset_s(span.start), scale.wall(span.start), _ms(span.end - span.start)) for span in _longest(stalls.spans)
    ]
    listed_silences = [_silence(span, stalls, scale) for span in _longest(_unusual(silences, header.interval_ns))]
    answered = len(round_trips)
    refused = sum(1 for request in requests if request.errno)
    return Measurement(
        target=header.target,
        address=header.address,
        protocol=header.protocol,
        interval_ms=_ms(header.interval_ns),
        realtime=header.realtime,
        scheduling=header.scheduling,
        started=scale.wall(scale.start_ns),
        seconds=round((recording.last_ns - scale.start_ns) / 1e9, 3) if recording.last_ns else 0.0,
        ended=ended,
        sent=len(requests) - refused + undecided,
        answered=answered,
        lost=len(requests) - refused - answered,
        refused=refused,
        undecided=undecided,
        late=sum(1 for round_trip in round_trips if round_trip > header.late_after_ns),
        late_after_ms=_ms(header.late_after_ns),
        duplicates=answers.duplicates,
        rtt_ms=RoundTrip(_percentile(round_trips, 50), _percentile(round_trips, 99), _percentile(round_trips, 100)),
        longest_gap_ms=max((gap.length_ms for gap in gaps), default=0.0),
        longest_silence_ms=_ms(max((span.end - span.start for span in silences), default=0)),
        longest_stall_ms=max((stall.length_ms for stall in listed_stalls), default=0.0),
        gaps=sorted(sorted(gaps, key=lambda gap: -gap.length_ms)[:LISTED], key=lambda gap: gap.start_s),
        gaps_total=len(gaps),
        silences=listed_silences,
        stalls=listed_stalls,
        stalls_total=len(stalls.spans),
        strip=_strip(requests, answers.received_ns, header.interval_ns),
    )


class _Scale:
    """Turns the prober's monotonic times into seconds since its first request and into wall-clock times."""

    def __init__(self, recording: Recording) -> None:
        self.start_ns = recording.requests[0].sent_ns if recording.requests else recording.last_ns
        self._pairs = recording.wall_clock
        self._pair_times = [monotonic for monotonic, _wall in self._pairs]

    def offset_s(self, at_ns: int) -> float:
        return round((at_ns - self.start_ns) / 1e9, 4)

    def wall(self, at_ns: int) -> str:
        """By the last pair of clock readings before this moment, so that a clock that was set meanwhile is followed. Empty without a pair."""
        if not self._pairs:
            return ""
        monotonic, wall = self._pairs[max(0, bisect.bisect_right(self._pair_times, at_ns) - 1)]
        moment = dt.datetime.fromtimestamp((wall + at_ns - monotonic) / 1e9, dt.timezone.utc)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _FirstAnswers:
    """The first answer to each request that was really sent; everything after it is a duplicate."""

    def __init__(self, recording: Recording) -> None:
        sent = {request.number for request in recording.requests}
        self.received_ns: dict[int, int] = {}
        self.all_ns: list[int] = []
        self.duplicates = 0
        for answer in recording.answers:
            if answer.number not in sent:
                continue
            self.all_ns.append(answer.received_ns)
            if answer.number in self.received_ns:
                self.duplicates += 1
            else:
                self.received_ns[answer.number] = answer.received_ns


def _decided(recording: Recording, received_ns: dict[int, int]) -> tuple[list[Request], int]:
    """The requests whose fate is known, and how many are still open: young ones in a record without an end."""
    if recording.ended in ("stopped", "time_over"):
        return recording.requests, 0
    horizon = recording.last_ns - recording.header.linger_ns
    decided = [request for request in recording.requests if request.errno or request.sent_ns <= horizon or request.number in received_ns]
    return decided, len(recording.requests) - len(decided)


class _Span(t.NamedTuple):
    """A time, in nanoseconds. C(open) as in Gap."""

    start: int
    end: int
    open: str = ""


class _Stalls:
    """The times in which the prober left out requests that were due."""

    def __init__(self, requests: list[Request], interval_ns: int) -> None:
        limit = _STALL_INTERVALS * interval_ns
        pairs = zip(requests, requests[1:])
        self.spans = [_Span(earlier.sent_ns, later.sent_ns) for earlier, later in pairs if later.sent_ns - earlier.sent_ns >= limit]
        self._ends = [span.end for span in self.spans]
        self._known_ends = set(self._ends)

    def ends_at(self, at_ns: int) -> bool:
        return at_ns in self._known_ends

    def overlap(self, start: int, end: int) -> bool:
        index = bisect.bisect_right(self._ends, start)
        return index < len(self.spans) and self.spans[index].start < end


def _gaps(requests: list[Request], received_ns: dict[int, int], stalls: _Stalls, scale: _Scale) -> list[Gap]:
    gaps = []
    lost: list[Request] = []
    before: Request | None = None
    for request in requests:
        if request.number not in received_ns:
            lost.append(request)
            continue
        if lost:
            gaps.append(_gap(before, lost, request, stalls, scale))
            lost = []
        before = request
    if lost:
        gaps.append(_gap(before, lost, None, stalls, scale))
    return gaps


def _gap(before: Request | None, lost: list[Request], after: Request | None, stalls: _Stalls, scale: _Scale) -> Gap:
    start = (before or lost[0]).sent_ns
    end = (after or lost[-1]).sent_ns
    return Gap(
        start_s=scale.offset_s(start),
        wall_time=scale.wall(start),
        length_ms=_ms(end - start),
        certain_ms=_ms(_longest_run_without_stall(lost, stalls)),
        lost=len(lost),
        proven=not stalls.overlap(start, end),
        open=_open(before is None, after is None),
    )


def _longest_run_without_stall(lost: list[Request], stalls: _Stalls) -> int:
    longest = 0
    run_start = lost[0].sent_ns
    for request in lost:
        if stalls.ends_at(request.sent_ns):
            run_start = request.sent_ns
        longest = max(longest, request.sent_ns - run_start)
    return longest


def _silences(requests: list[Request], answers: _FirstAnswers) -> list[_Span]:
    """Every time between two answers, and the times before the first and after the last one if requests went unanswered there."""
    if not requests:
        return []
    received = sorted(answers.all_ns)
    if not received:
        return [_Span(requests[0].sent_ns, requests[-1].sent_ns, "both")]
    spans = [_Span(earlier, later) for earlier, later in zip(received, received[1:])]
    if requests[0].number not in answers.received_ns:
        spans.insert(0, _Span(requests[0].sent_ns, received[0], "start"))
    if requests[-1].number not in answers.received_ns and requests[-1].sent_ns > received[-1]:
        spans.append(_Span(received[-1], requests[-1].sent_ns, "end"))
    return spans


def _unusual(silences: list[_Span], interval_ns: int) -> list[_Span]:
    return [span for span in silences if span.end - span.start >= _ORDINARY_SILENCE_INTERVALS * interval_ns]


def _silence(span: _Span, stalls: _Stalls, scale: _Scale) -> Silence:
    return Silence(
        scale.offset_s(span.start),
        scale.wall(span.start),
        _ms(span.end - span.start),
        not stalls.overlap(span.start, span.end),
        span.open,
    )


def _strip(requests: list[Request], received_ns: dict[int, int], interval_ns: int) -> Strip:
    if not requests:
        return Strip(0.0, [], [])
    start = requests[0].sent_ns
    intervals = (requests[-1].sent_ns - start) // interval_ns + 1
    slice_ns = max(4, -(-intervals // STRIP_SLICES)) * interval_ns
    slices = (requests[-1].sent_ns - start) // slice_ns + 1
    sent, answered = [0] * slices, [0] * slices
    for request in requests:
        index = (request.sent_ns - start) // slice_ns
        sent[index] += 1
        answered[index] += request.number in received_ns
    return Strip(_ms(slice_ns), sent, answered)


def _open(at_start: bool, at_end: bool) -> str:
    if at_start and at_end:
        return "both"
    return "start" if at_start else "end" if at_end else ""


def _longest(spans: list[_Span]) -> list[_Span]:
    return sorted(sorted(spans, key=lambda span: span.start - span.end)[:LISTED])


def _percentile(ordered: list[int], percent: int) -> float | None:
    """Nearest rank: the smallest value that at least C(percent) of all values do not exceed."""
    if not ordered:
        return None
    return _ms(ordered[max(0, -(-len(ordered) * percent // 100) - 1)])


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)
