# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""A migration, brought together from both sides: what libvirt said and what the probe saw, on one scale of time. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.record import Migration

# Every view of an interruption, with what it means to a reader.
QEMU = (
    "QEMU's downtime",
    "How long the hypervisor kept the VM stopped, by its own account. It does not contain the time the network needs to find the VM again.",
)
GAP = ("Gap in the network", "Requests of the probe in a row that were never answered: for that long, packets were lost.")
SILENCE = ("Silence", "The longest time between two answers: for that long, a user heard nothing. It contains waiting that ended well.")
GUEST = ("Guest's clock", "How long the VM's own clock stood still, as software inside it sees it.")


@dataclasses.dataclass(frozen=True)
class Event:
    """C(at_s) is on the scale of the picture."""

    number: int
    name: str
    at_s: float


@dataclasses.dataclass(frozen=True)
class Slice:
    """A run of equal slices of the probe's record: V(answered), V(partly) or V(lost)."""

    start_s: float
    end_s: float
    kind: str


@dataclasses.dataclass(frozen=True)
class Span:
    """An interruption. C(proven) is false if the probe itself stalled meanwhile."""

    start_s: float
    length_ms: float
    proven: bool


@dataclasses.dataclass(frozen=True)
class View:
    """One view of the interruption; C(ms) is None if it was not taken."""

    name: str
    meaning: str
    ms: float | None
    note: str


@dataclasses.dataclass(frozen=True)
class MigrationView:
    vm: str
    source: str
    target: str
    settings: str
    failed: str
    events: list[Event]
    remaining: list[tuple[float, float]]
    slices: list[Slice]
    gap: Span | None
    silence: Span | None
    seconds: float
    views: list[View]
    limits: list[tuple[str, float]]
    facts: list[tuple[str, str]]


def migration_view(migration: Migration) -> MigrationView:
    """Zero is the probe's first request, or the first event where nobody probed."""
    result, measurement = migration.result, migration.measurement or {}
    moved = result.get("migration", {})
    timeline = moved.get("timeline", [])
    zero = _epoch(measurement["started"]) if measurement.get("started") else (timeline[0]["at"] if timeline else 0.0)
    begun = timeline[0]["at"] - timeline[0]["seconds"] if timeline else moved.get("started_at", zero)
    events = [Event(number, str(entry["event"]), round(entry["at"] - zero, 4)) for number, entry in enumerate(timeline, 1)]
    remaining = [(begun - zero + sample["seconds"], sample["remaining_mib"]) for sample in moved.get("progress", [])]
    slices = _slices(measurement.get("strip"))
    ends = [event.at_s for event in events] + [piece.end_s for piece in slices] + [at_s for at_s, _mib in remaining]
    return MigrationView(
        vm=migration.vm,
        source=migration.source,
        target=migration.target,
        settings=migration.settings,
        failed=str(result.get("msg", "no reason was given")) if result.get("failed") else "",
        events=events,
        remaining=remaining,
        slices=slices,
        gap=_longest(measurement.get("gaps")),
        silence=_longest(measurement.get("silences")),
        seconds=max(ends, default=0.0),
        views=_views(migration),
        limits=[
            (name, measurement[key])
            for name, key in ((GAP[0], "max_gap_ms"), (SILENCE[0], "max_silence_ms"))
            if measurement.get(key) is not None
        ],
        facts=_facts(result, measurement),
    )


def qemu_downtime_ms(result: dict[str, t.Any]) -> float | None:
    """From libvirt_migrate's result; None if libvirt did not say."""
    value = result.get("migration", {}).get("downtime_ms")
    return None if value is None else float(value)


def _views(migration: Migration) -> list[View]:
    measurement = migration.measurement
    gap, silence, gap_note, silence_note = None, None, "not measured", "not measured"
    if measurement is not None:
        gap, silence = measurement.get("longest_gap_ms"), measurement.get("longest_silence_ms")
        gap_note, silence_note = _proof(measurement.get("gaps")), _proof(measurement.get("silences"))
    qemu = qemu_downtime_ms(migration.result)
    return [
        View(*QEMU, qemu, "" if qemu is not None else "not reported"),
        View(*GAP, gap, gap_note),
        View(*SILENCE, silence, silence_note),
        View(*GUEST, migration.guest_ms, "" if migration.guest_ms is not None else "not measured"),
    ]


def _proof(spans: list[dict[str, t.Any]] | None) -> str:
    longest = _longest(spans)
    if longest is None or longest.proven:
        return ""
    return "not proven: the probe itself stalled meanwhile"


def _longest(spans: list[dict[str, t.Any]] | None) -> Span | None:
    if not spans:
        return None
    longest = max(spans, key=lambda span: float(span["length_ms"]))
    return Span(longest["start_s"], longest["length_ms"], longest["proven"])


def _slices(strip: dict[str, t.Any] | None) -> list[Slice]:
    """Neighbours that are alike become one."""
    pieces: list[Slice] = []
    if not strip:
        return pieces
    seconds = strip["slice_ms"] / 1000
    for index, (sent, answered) in enumerate(zip(strip["sent"], strip["answered"])):
        if not sent:
            continue  # nobody asked here: the picture stays empty
        kind = "answered" if answered == sent else "lost" if answered == 0 else "partly"
        start, end = index * seconds, (index + 1) * seconds
        if pieces and pieces[-1].kind == kind and abs(pieces[-1].end_s - start) < seconds / 2:
            pieces[-1] = Slice(pieces[-1].start_s, end, kind)
        else:
            pieces.append(Slice(start, end, kind))
    return pieces


def _facts(result: dict[str, t.Any], measurement: dict[str, t.Any]) -> list[tuple[str, str]]:
    figures = result.get("migration", {})
    facts = []
    if figures.get("total_ms") is not None:
        facts.append(("Migration", f"{figures['total_ms'] / 1000:.2f} s"))
    if figures.get("sent_mib") is not None:
        facts.append(("Sent", f"{figures['sent_mib']:g} MiB in {figures.get('iterations', '?')} iterations"))
    if measurement:
        rtt = measurement["rtt_ms"]
        facts += [
            ("Probe", f"{measurement['protocol']} echo every {measurement['interval_ms']:g} ms for {measurement['seconds']:g} s"),
            (
                "Requests",
                f"{measurement['sent']} sent, {measurement['lost']} lost, {measurement['late']} late, {measurement['duplicates']} duplicate answers",
            ),
            ("Round trip", f"median {_ms(rtt['median'])}, 99 of 100 within {_ms(rtt['p99'])}, slowest {_ms(rtt['max'])}"),
            ("Probe's own stalls", f"{measurement['stalls_total']}, longest {measurement['longest_stall_ms']:g} ms"),
            ("Probe's scheduling", measurement["scheduling"]),
        ]
    return facts


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g} ms"


def _epoch(moment: str) -> float:
    return dt.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
