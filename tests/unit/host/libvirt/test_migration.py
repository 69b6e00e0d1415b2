# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be decided without a host. The migrations themselves are tests/lab/test_libvirt_migration.py."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.cpu_model import different_hosts
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.migration import Migration
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.migration_record import MAX_SAMPLES, Journal, Wanted, figures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot


def capabilities(model: str, *features: str) -> str:
    names = "".join(f"<feature name='{feature}'/>" for feature in features)
    return f"<capabilities><host><cpu><arch>x86_64</arch><model>{model}</model><vendor>AMD</vendor>{names}</cpu></host></capabilities>"


def test_equal_hosts_do_not_differ() -> None:
    assert different_hosts(capabilities("EPYC", "topoext"), capabilities("EPYC", "topoext")) is None


def test_a_difference_is_named_with_its_side() -> None:
    found = different_hosts(capabilities("EPYC", "topoext", "vaes"), capabilities("EPYC-Rome", "topoext", "wbnoinvd"))
    assert found == "the guest sees the host's own CPU, and model is EPYC here and EPYC-Rome there; only here: vaes; only there: wbnoinvd"


def stats(iteration: int, processed: int, remaining: int, total: int = 128) -> dict[str, t.Any]:
    mib = 2**20
    return {
        "memory_iteration": iteration,
        "data_processed": processed * mib,
        "data_remaining": remaining * mib,
        "data_total": total * mib,
        "memory_dirty_rate": 100,
    }


def test_the_journal_keeps_a_sample_a_second_and_each_iteration() -> None:
    journal = Journal(0.0)
    for tenth in range(40):
        journal.sample(stats(1 if tenth < 25 else 2, tenth, 128 - tenth), tenth / 10)
    assert [sample["seconds"] for sample in journal.progress] == [0.0, 1.0, 2.0, 2.5, 3.5]


def test_a_very_long_migration_does_not_fill_the_result() -> None:
    journal = Journal(0.0)
    for second in range(5000):
        journal.sample(stats(second, 1, 1), float(second))
    assert len(journal.progress) == MAX_SAMPLES


def test_how_far_it_got() -> None:
    journal = Journal(0.0)
    assert journal.far() == "nothing was sent"
    journal.sample(stats(0, 0, 0, 0), 0.1)
    assert not journal.began_to_send
    journal.sample(stats(3, 300, 17), 2.0)
    assert journal.far() == "17.0 of 128.0 MiB were left in iteration 3"


def test_figures_of_an_unknown_job_are_unknown() -> None:
    assert set(figures({}).values()) == {None}
    assert figures({"downtime": 42, "data_processed": 2**20, "memory_bps": 2**21})["sent_mib"] == 1.0


@pytest.mark.parametrize(
    ("asked", "complaints"),
    [
        ({"deadline_seconds": 0, "bandwidth_mib": -1}, ["deadline_seconds: 0", "bandwidth_mib: -1"]),
        ({"transport": "tcp"}, ["encrypt with transport tcp"]),
        (
            {"convergence": "post_copy", "copy_storage": "all", "connections": 2},
            ["post_copy with copy_storage", "post_copy over several connections"],
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_anyone_is_asked(
    tmp_path: pathlib.Path, asked: dict[str, t.Any], complaints: list[str]
) -> None:
    with pytest.raises((Failure, Failures)) as caught:
        Migration(HostRoot(str(tmp_path)), Wanted("ledger1", "kvm2", **asked)).plan()
    error = caught.value
    failures = error.failures if isinstance(error, Failures) else [t.cast(Failure, error)]
    assert [failure.asked for failure in failures] == [f"VM ledger1: {complaint}" for complaint in complaints]
