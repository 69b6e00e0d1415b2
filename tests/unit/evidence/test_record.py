# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.record import parse
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.record_options import RECORD_OPTIONS

SMALLEST: dict[str, t.Any] = {
    "title": "T",
    "site": "S",
    "started": "2026-11-25T08:00:00Z",
    "finished": "2026-11-25T08:01:00+00:00",
    "hosts": [],
}


def mistakes(record: t.Any) -> list[Failure]:
    with pytest.raises((Failure, Failures)) as caught:
        parse(record)
    error = caught.value
    return error.failures if isinstance(error, Failures) else [t.cast(Failure, error)]


def places(record: t.Any) -> list[str]:
    return [mistake.where for mistake in mistakes(record)]


def test_the_smallest_record() -> None:
    record = parse(SMALLEST)
    assert (record.hosts, record.migrations, record.comparison, record.machine) == ([], [], [], {})


def test_all_mistakes_at_once_each_with_its_place() -> None:
    wrong = {
        **SMALLEST,
        "site": 7,
        "started": "yesterday",
        "colour": "red",
        "hosts": [{"changes": [{"door": "hugepages", "changes": [{"what": "x"}]}]}, "compute2", {"name": "compute1", "plan": {}}],
        "migrations": [{"vm": "web1", "source": "a", "target": "b", "result": {}, "guest_ms": "12"}],
    }
    assert places(wrong) == [
        "record.site",
        "record.started",
        "record.hosts[0].name",
        "record.hosts[0].changes[0].changes[0].reason",
        "record.hosts[1]",
        "record.hosts[1].name",
        "record.hosts[2].plan",
        "record.migrations[0].guest_ms",
        "record.colour",
    ]


@pytest.mark.parametrize("record", [None, [], "text", 3, {}])
def test_something_else_is_refused(record: t.Any) -> None:
    assert places(record)


def test_a_time_without_an_offset_is_refused() -> None:
    assert places({**SMALLEST, "finished": "2026-11-25T08:00:00"}) == ["record.finished"]


def test_a_verdict_cannot_be_passed_in() -> None:
    assert places({**SMALLEST, "verdict": "passed"}) == ["record.verdict"]


def test_a_host_given_twice_is_refused() -> None:
    assert mistakes({**SMALLEST, "hosts": [{"name": "a"}, {"name": "a"}]})[0].found == "host a twice"


@pytest.mark.parametrize(
    "record, options",
    [
        ({"?": 1}, RECORD_OPTIONS),
        ({"hosts": [{"?": 1}]}, RECORD_OPTIONS["hosts"]["options"]),
        ({"hosts": [{"changes": [{"?": 1}]}]}, RECORD_OPTIONS["hosts"]["options"]["changes"]["options"]),
        ({"hosts": [{"verify": [{"?": 1}]}]}, RECORD_OPTIONS["hosts"]["options"]["verify"]["options"]),
        ({"migrations": [{"?": 1}]}, RECORD_OPTIONS["migrations"]["options"]),
        ({"comparison": [{"?": 1}]}, RECORD_OPTIONS["comparison"]["options"]),
    ],
)
def test_the_documented_keys_are_the_keys_that_are_read(record: dict[str, t.Any], options: dict[str, t.Any]) -> None:
    unknown = [mistake for mistake in mistakes(record) if mistake.found == "an unknown key"]
    assert [mistake.remedy for mistake in unknown] == [f"use one of {', '.join(sorted(options))}"]
