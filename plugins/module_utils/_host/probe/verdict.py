# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Holds a measurement against the longest interruption that is allowed. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.analysis import Gap, Measurement, Silence


@dataclasses.dataclass(frozen=True)
class Limits:
    """Milliseconds; None where nothing is asked for."""

    max_gap_ms: float | None
    max_silence_ms: float | None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """C(result) is V(met), V(missed), V(not_proven) or, if there was no limit, V(no_limit). C(reasons) is empty only for the last."""

    result: str
    reasons: list[str]


def judge(measurement: Measurement, limits: Limits) -> Verdict:
    """Missed needs proof, and so does met: what a stall, a killed prober or a prober still at work may hide makes it not proven."""
    if limits.max_gap_ms is None and limits.max_silence_ms is None:
        return Verdict("no_limit", [])
    missed = _gaps_over(measurement, limits) + _silences_over(measurement, limits)
    if missed:
        return Verdict("missed", missed)
    doubts = _doubts(measurement, limits)
    if doubts:
        return Verdict("not_proven", doubts)
    return Verdict("met", _kept(measurement, limits))


def _gaps_over(measurement: Measurement, limits: Limits) -> list[str]:
    limit = limits.max_gap_ms
    if limit is None:
        return []
    return [
        f"gap of {_certain(gap):.1f} ms at {gap.start_s:.2f} s, allowed are {limit:g} ms ({gap.lost} requests lost)"
        for gap in measurement.gaps
        if _certain(gap) > limit
    ]


def _silences_over(measurement: Measurement, limits: Limits) -> list[str]:
    limit = limits.max_silence_ms
    if limit is None:
        return []
    return [
        f"silence of {silence.length_ms:.1f} ms at {silence.start_s:.2f} s, allowed are {limit:g} ms"
        for silence in measurement.silences
        if silence.proven and silence.length_ms > limit
    ]


def _doubts(measurement: Measurement, limits: Limits) -> list[str]:
    allowed = [limit for limit in (limits.max_gap_ms, limits.max_silence_ms) if limit is not None]
    doubts = [
        f"the prober itself stalled for {stall.length_ms:.1f} ms at {stall.start_s:.2f} s: an interruption longer than allowed could hide there"
        for stall in measurement.stalls
        if stall.length_ms > min(allowed)
    ]
    doubts += _unproven("gap", measurement.gaps, limits.max_gap_ms) + _unproven("silence", measurement.silences, limits.max_silence_ms)
    if not measurement.answered:
        doubts.append("nothing was answered during the whole measurement")
    if measurement.ended == "killed":
        doubts.append("the prober was killed: the record ends without an end")
    if measurement.ended == "failed":
        doubts.append("the prober failed: the record ends early")
    if measurement.ended == "running":
        doubts.append("the measurement still runs")
    return doubts


def _unproven(kind: str, spans: t.Sequence[Gap | Silence], limit: float | None) -> list[str]:
    if limit is None:
        return []
    return [
        f"{kind} of {span.length_ms:.1f} ms at {span.start_s:.2f} s coincides with a stall of the prober"
        for span in spans
        if not span.proven and span.length_ms > limit
    ]


def _certain(gap: Gap) -> float:
    """As measured if the prober looked all the time, else only what it saw without a stall."""
    return gap.length_ms if gap.proven else gap.certain_ms


def _kept(measurement: Measurement, limits: Limits) -> list[str]:
    kept = []
    if limits.max_gap_ms is not None:
        kept.append(f"longest gap {measurement.longest_gap_ms:.1f} ms, allowed are {limits.max_gap_ms:g} ms")
    if limits.max_silence_ms is not None:
        kept.append(f"longest silence {measurement.longest_silence_ms:.1f} ms, allowed are {limits.max_silence_ms:g} ms")
    return kept
