# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.record import parse
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.verdict import FAILED, NOT_PROVEN, PASSED, Verdict, judge
from ansible_collections.baremetal.vmsite.tests.unit.evidence.test_record import SMALLEST

CLEAN = {"name": "compute1", "verify": [{"name": "hugepages"}]}
CHANGE = {"what": "x", "current": 1, "wanted": 2, "reason": "r"}
FAILURE = {"asked": "a", "found": "f", "where": "w", "remedy": "r"}


def verdict(*hosts: t.Any, migrations: t.Sequence[t.Any] = ()) -> Verdict:
    return judge(parse({**SMALLEST, "hosts": list(hosts), "migrations": list(migrations)}))


def migration(judged: str | None, **result: t.Any) -> dict[str, t.Any]:
    measurement = None if judged is None else {"verdict": {"result": judged, "reasons": ["because"]}}
    return {"vm": "web1", "source": "compute1", "target": "compute2", "result": result, "measurement": measurement}


def test_a_clean_host_passes() -> None:
    assert verdict(CLEAN).result == PASSED


def test_an_empty_record_proves_nothing() -> None:
    assert verdict().result == NOT_PROVEN


@pytest.mark.parametrize("checks", [{}, {"verify": None}, {"verify": []}])
def test_a_host_that_was_not_verified_is_not_proven(checks: dict[str, t.Any]) -> None:
    assert verdict(CLEAN, {"name": "compute2", **checks}).result == NOT_PROVEN


@pytest.mark.parametrize("found", [{"changes": [CHANGE]}, {"failures": [FAILURE]}])
def test_a_difference_or_a_failure_fails_all(found: dict[str, t.Any]) -> None:
    judged = verdict(CLEAN, {"name": "compute2", "verify": [{"name": "irq_affinity", **found}]}, {"name": "compute3"})
    assert judged.result == FAILED
    assert [finding.about for finding in judged.findings] == ["compute2", "compute3", "compute1"], "what decided comes first"


def test_what_waits_for_a_reboot_is_not_proven() -> None:
    assert verdict({**CLEAN, "changes": [{"door": "isolcpus", "reboot_required": True}]}).result == NOT_PROVEN


@pytest.mark.parametrize(
    "judged, result", [("met", PASSED), ("missed", FAILED), ("not_proven", NOT_PROVEN), ("no_limit", NOT_PROVEN), (None, NOT_PROVEN)]
)
def test_a_migration_is_judged_by_its_measurement(judged: str | None, result: str) -> None:
    assert verdict(CLEAN, migrations=[migration(judged)]).result == result


def test_a_failed_migration_fails_whatever_was_measured() -> None:
    judged = verdict(CLEAN, migrations=[migration("met", failed=True, msg="no port on the target")])
    assert judged.result == FAILED
    assert "no port on the target" in judged.findings[0].text
