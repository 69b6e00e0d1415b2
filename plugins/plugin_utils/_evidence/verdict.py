# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Passed, failed or not proven: computed from the parts of a record, never passed in. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.record import Host, Migration, Record

PASSED, FAILED, NOT_PROVEN = "passed", "failed", "not_proven"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One statement about one part of the record."""

    result: str
    about: str
    text: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    """C(findings) begin with what decided: failures, then what is not proven, then what passed."""

    result: str
    findings: list[Finding]


def judge(record: Record) -> Verdict:
    """One failure fails all; without failures, one thing not proven leaves all not proven; a record that shows nothing proves nothing."""
    findings = [finding for host in record.hosts for finding in _host_findings(host)]
    findings += [finding for migration in record.migrations for finding in _migration_findings(migration)]
    if not findings:
        findings.append(Finding(NOT_PROVEN, "record", "It holds neither a host that was verified nor a migration."))
    order = (FAILED, NOT_PROVEN, PASSED)
    result = next(result for result in order if any(finding.result == result for finding in findings))
    return Verdict(result, sorted(findings, key=lambda finding: order.index(finding.result)))


def _host_findings(host: Host) -> list[Finding]:
    if not host.checks:
        return [Finding(NOT_PROVEN, host.name, "Nothing was verified on this host.")]
    unclean = [check for check in host.checks if not check.clean]
    findings = [Finding(FAILED, host.name, f"{check.name}: {_differences(len(check.changes), len(check.failures))}.") for check in unclean]
    for result in host.results:
        if result.reboot_required:
            findings.append(Finding(NOT_PROVEN, host.name, f"{result.door}: a change is in force only after a reboot."))
    if not unclean:
        names = ", ".join(check.name for check in host.checks)
        findings.append(Finding(PASSED, host.name, f"The host is as planned ({names})."))
    return findings


def _differences(changes: int, failures: int) -> str:
    parts = [f"{changes} {'difference' if changes == 1 else 'differences'} from the plan"] if changes else []
    if failures:
        parts.append(f"{failures} {'failure' if failures == 1 else 'failures'}")
    return " and ".join(parts)


def _migration_findings(migration: Migration) -> list[Finding]:
    about = f"{migration.vm}, {migration.source} to {migration.target}"
    if migration.result.get("failed"):
        return [Finding(FAILED, about, f"The migration failed: {migration.result.get('msg', 'no reason was given')}")]
    if migration.measurement is None:
        return [Finding(NOT_PROVEN, about, "The migration succeeded, but nobody measured the interruption from outside.")]
    judged = migration.measurement.get("verdict", {})
    reasons = "; ".join(str(reason) for reason in judged.get("reasons", []))
    if judged.get("result") == "met":
        return [Finding(PASSED, about, f"The interruption is within its limit: {reasons}.")]
    if judged.get("result") == "missed":
        return [Finding(FAILED, about, f"The interruption is over its limit: {reasons}.")]
    return [Finding(NOT_PROVEN, about, f"The interruption is not proven to be within a limit: {reasons or 'no limit was given'}.")]
