# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes recordings of which the truth is known, without a network and without a clock."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.samples import (
    Answer,
    Header,
    Recording,
    Request,
)

MS = 1_000_000
START_NS = 5_000 * MS


def header(interval_ms: int = 5) -> Header:
    return Header(
        target="web1",
        address="192.0.2.1",
        protocol="icmp",
        interval_ns=interval_ms * MS,
        late_after_ns=100 * MS,
        linger_ns=1000 * MS,
        realtime=True,
        scheduling="made up by a test",
    )


def recording(
    slots: int,
    *,
    unanswered: t.Container[int] = (),
    left_out: t.Container[int] = (),
    refused: t.Container[int] = (),
    answered_at_ms: dict[int, float] | None = None,
    duplicated: t.Sequence[int] = (),
    ended: str | None = "stopped",
    interval_ms: int = 5,
) -> Recording:
    """One request per slot of C(interval_ms), answered after 1 ms unless said otherwise. C(left_out) slots are the prober's stalls."""
    made = Recording(header(interval_ms), ended=ended, wall_clock=[(START_NS, 1_700_000_000_000 * MS)])
    answered_at_ms = answered_at_ms or {}
    for slot in range(slots):
        if slot in left_out:
            continue
        sent_ns = START_NS + slot * interval_ms * MS
        made.requests.append(Request(slot, sent_ns, 101 if slot in refused else 0))
        if slot in unanswered or slot in refused:
            continue
        received_ns = START_NS + round(answered_at_ms[slot] * MS) if slot in answered_at_ms else sent_ns + MS
        made.answers.append(Answer(slot, received_ns))
    made.answers.extend(Answer(slot, START_NS + slot * interval_ms * MS + 2 * MS) for slot in duplicated)
    made.answers.sort(key=lambda answer: answer.received_ns)
    times = [request.sent_ns for request in made.requests] + [answer.received_ns for answer in made.answers]
    made.last_ns = max(times, default=0)
    return made
