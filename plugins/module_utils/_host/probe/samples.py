# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The record of a measurement: a line of JSON, then binary records of 16 bytes, in the order in which things happened.

A record is only ever appended to, so whatever kills the prober leaves everything before that moment readable; half a record at the end is ignored.
All times are nanoseconds of the prober's monotonic clock; pairs of clock records tell what the wall clock showed.
"""

from __future__ import annotations

import dataclasses
import json
import struct
import typing as t

FORMAT = 1

_RECORD = struct.Struct("<BxHIq")  # kind, detail, number, nanoseconds

_SENT, _REFUSED, _ANSWERED, _CLOCK, _WALL, _ENDED = range(1, 7)

# Why a measurement ended. "killed" and "running" are never written: they are what a record without an end means.
END_REASONS = {1: "stopped", 2: "time_over", 3: "failed"}
_END_CODES = {reason: code for code, reason in END_REASONS.items()}


@dataclasses.dataclass(frozen=True)
class Header:
    """What a reader must know: where the requests went, how often, and how the prober was scheduled."""

    target: str
    address: str
    protocol: str
    interval_ns: int
    late_after_ns: int
    linger_ns: int
    realtime: bool
    scheduling: str
    format: int = FORMAT

    def line(self) -> bytes:
        return json.dumps(dataclasses.asdict(self), sort_keys=True).encode() + b"\n"


class Request(t.NamedTuple):
    """One echo request. C(errno) is 0 if the kernel took it."""

    number: int
    sent_ns: int
    errno: int


class Answer(t.NamedTuple):
    """One answer that came back."""

    number: int
    received_ns: int


@dataclasses.dataclass
class Recording:
    """A record, read back. C(ended) is None if the record has no end."""

    header: Header
    requests: list[Request] = dataclasses.field(default_factory=list)
    answers: list[Answer] = dataclasses.field(default_factory=list)
    wall_clock: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # (monotonic, wall), both nanoseconds
    ended: str | None = None
    end_errno: int = 0
    last_ns: int = 0


class NoRecording(Exception):
    """The bytes hold no header: the prober was killed before it wrote anything."""


def sent(number: int, at_ns: int) -> bytes:
    return _RECORD.pack(_SENT, 0, number, at_ns)


def refused(number: int, at_ns: int, errno: int) -> bytes:
    """The kernel did not take the request, for example because it has no route."""
    return _RECORD.pack(_REFUSED, errno, number, at_ns)


def answered(number: int, at_ns: int) -> bytes:
    return _RECORD.pack(_ANSWERED, 0, number, at_ns)


def clocks(monotonic_ns: int, wall_ns: int) -> bytes:
    return _RECORD.pack(_CLOCK, 0, 0, monotonic_ns) + _RECORD.pack(_WALL, 0, 0, wall_ns)


def ended(reason: str, at_ns: int, errno: int = 0) -> bytes:
    return _RECORD.pack(_ENDED, _END_CODES[reason], errno, at_ns)


def read(data: bytes) -> Recording:
    """Read a record, complete or not. Raises NoRecording, and ValueError for a format that this version does not know."""
    line, newline, body = data.partition(b"\n")
    if not newline:
        raise NoRecording()
    fields = json.loads(line)
    if fields.get("format") != FORMAT:
        raise ValueError(f"the record has format {fields.get('format')!r}, this version reads {FORMAT}")
    recording = Recording(Header(**fields))
    monotonic_of_pair = 0
    for kind, detail, number, nanoseconds in _RECORD.iter_unpack(body[: len(body) - len(body) % _RECORD.size]):
        if kind == _WALL:
            recording.wall_clock.append((monotonic_of_pair, nanoseconds))
            continue
        recording.last_ns = nanoseconds
        if kind == _SENT:
            recording.requests.append(Request(number, nanoseconds, 0))
        elif kind == _REFUSED:
            recording.requests.append(Request(number, nanoseconds, detail))
        elif kind == _ANSWERED:
            recording.answers.append(Answer(number, nanoseconds))
        elif kind == _CLOCK:
            monotonic_of_pair = nanoseconds
        elif kind == _ENDED:
            recording.ended = END_REASONS.get(detail, "failed")
            recording.end_errno = number
    return recording
