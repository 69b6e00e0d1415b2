# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe import samples
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.samples import Answer, Request
from ansible_collections.baremetal.vmsite.tests.unit.host.probe.recordings import header

WHOLE = (
    header().line()
    + samples.clocks(10, 1_000)
    + samples.sent(0, 20)
    + samples.answered(0, 30)
    + samples.refused(1, 40, 101)
    + samples.ended("stopped", 50)
)


def test_what_was_written_is_read() -> None:
    recording = samples.read(WHOLE)
    assert recording.header == header()
    assert recording.wall_clock == [(10, 1_000)]
    assert recording.requests == [Request(0, 20, 0), Request(1, 40, 101)]
    assert recording.answers == [Answer(0, 30)]
    assert (recording.ended, recording.last_ns) == ("stopped", 50)


def test_cut_off_at_any_byte_the_rest_is_a_beginning_of_the_whole() -> None:
    whole = samples.read(WHOLE)
    lengths = []
    for length in range(len(header().line()), len(WHOLE)):
        part = samples.read(WHOLE[:length])
        assert part.ended is None
        assert whole.requests[: len(part.requests)] == part.requests
        assert whole.answers[: len(part.answers)] == part.answers
        lengths.append(len(part.requests) + len(part.answers))
    assert lengths == sorted(lengths)
    assert lengths[-1] == 3


def test_without_a_whole_header_there_is_no_recording() -> None:
    for length in range(len(header().line())):
        with pytest.raises(samples.NoRecording):
            samples.read(WHOLE[:length])


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 99"):
        samples.read(dataclasses.replace(header(), format=99).line())
