# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Everything the page says, in words: the template only puts it in its place. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import statistics
import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence import verdict as verdicts
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.host_view import NO_ROLE, NOTHING, ROLES, host_view, shown
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.migration_view import migration_view
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.pictures import host_plan, interruption, timeline

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.host_view import HostView
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.migration_view import MigrationView, View
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.record import Check, Comparison, DoorResult, Host, Record
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.verdict import Verdict

Row = dict[str, t.Any]

_WORDS = {verdicts.PASSED: "Passed", verdicts.FAILED: "Failed", verdicts.NOT_PROVEN: "Not proven"}
_SUMMARIES = {
    verdicts.PASSED: "Every part of this record was checked, and every check passed.",
    verdicts.FAILED: "At least one check failed. The findings below begin with what failed.",
    verdicts.NOT_PROVEN: "Nothing failed, but not everything was shown. The findings below begin with what is missing.",
}
_NEEDS = {
    "service_restart": "in force after a restart of the service",
    "reboot": "in force after a reboot",
    "drain": "needs the host to be drained",
}
_STRIP_LEGEND = (("answered", "all requests answered"), ("partly", "some lost"), ("lost", "all lost"))


@dataclasses.dataclass(frozen=True)
class Page:
    """C(comparisons) holds one table or none. Pictures are SVG, everything else is text."""

    title: str
    site: str
    time: str
    verdict: str
    verdict_kind: str
    verdict_summary: str
    findings: list[Row]
    machine: list[tuple[str, str]]
    migrations: list[Row]
    comparisons: list[list[Row]]
    hosts: list[Row]
    core_legend: list[tuple[str, str, str]]
    strip_legend: tuple[tuple[str, str], ...]
    footer: str
    style: str


def page(record: Record, verdict: Verdict, style: str) -> Page:
    views = [host_view(host) for host in record.hosts]
    return Page(
        title=record.title,
        site=record.site,
        time=_period(record.started, record.finished),
        verdict=_WORDS[verdict.result],
        verdict_kind=verdict.result,
        verdict_summary=_SUMMARIES[verdict.result],
        findings=[_said(finding.result, about=finding.about, text=finding.text) for finding in verdict.findings],
        machine=list(record.machine.items()) or [("Machine", "not described in the record")],
        migrations=[_migration(migration_view(migration), number) for number, migration in enumerate(record.migrations, 1)],
        comparisons=[[_compared(entry) for entry in record.comparison]] if record.comparison else [],
        hosts=[_host(host, view, number) for number, (host, view) in enumerate(zip(record.hosts, views), 1)],
        core_legend=_core_legend([view for view in views if view]),
        strip_legend=_STRIP_LEGEND,
        footer="The record that this report was made from lies beside it as JSON. Times are as recorded; lengths come from clocks that never jump.",
        style=style,
    )


def _said(result: str, **parts: str) -> Row:
    return {"kind": result, "result": _WORDS[result], **parts}


def _period(started: str, finished: str) -> str:
    begin, end = (dt.datetime.fromisoformat(moment.replace("Z", "+00:00")) for moment in (started, finished))
    seconds = int((end - begin).total_seconds())
    length = f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
    return f"{begin:%d %B %Y, %H:%M:%S} to {end:%H:%M:%S} {begin.tzname()} ({length})"


# Migrations


def _migration(view: MigrationView, number: int) -> Row:
    return {
        "vm": view.vm,
        "source": view.source,
        "target": view.target,
        "notes": [
            text
            for text in (f"Settings: {view.settings}." if view.settings else "", f"It failed: {view.failed}" if view.failed else "")
            if text
        ],
        "interruption_picture": interruption.draw(view, f"interruption-{number}"),
        "timeline_picture": timeline.draw(view, f"timeline-{number}"),
        "limit_note": _limit_note(view),
        "views": [{"name": row.name, "length": _length(row), "meaning": row.meaning} for row in view.views],
        "events": [f"{event.name}, at {event.at_s:.2f} s" for event in view.events],
        "facts": view.facts,
    }


def _limit_note(view: MigrationView) -> str:
    if not view.limits:
        return "No limit was given, so nothing is judged here."
    return "The dashed line is the limit: " + "; ".join(f"{name} at most {ms:g} ms" for name, ms in view.limits) + "."


def _length(view: View) -> str:
    if view.ms is None:
        return view.note
    return f"{view.ms:.1f} ms" + (f" ({view.note})" if view.note else "")


def _compared(entry: Comparison) -> Row:
    return {
        "settings": entry.settings,
        "runs": str(len(entry.runs)),
        "qemu": _spread([run.qemu_ms for run in entry.runs]),
        "gap": _spread([run.gap_ms for run in entry.runs]),
        "silence": _spread([run.silence_ms for run in entry.runs]),
    }


def _spread(values: list[float | None]) -> str:
    taken = [value for value in values if value is not None]
    if not taken:
        return "not measured"
    return f"{min(taken):.0f} / {statistics.median(taken):.0f} / {max(taken):.0f}"


# Hosts


def _host(host: Host, view: HostView | None, number: int) -> Row:
    return {
        "name": host.name,
        "picture": host_plan.draw(view, f"host-{number}") if view else "",
        "sets": _sets(view) if view else [],
        "notes": view.notes if view else ["This host has no plan."],
        "checks": [_check(check) for check in host.checks or []]
        or [_said(verdicts.NOT_PROVEN, name=NOTHING, found="nothing was verified on this host")],
        "changes": [row for result in host.results for row in _changes(result)]
        or [{"door": NOTHING, "what": "nothing", "before": NOTHING, "after": NOTHING, "why": "the host was as wanted"}],
        "reasons": [view.reasons] if view and view.reasons else [],
    }


def _sets(view: HostView) -> list[tuple[str, str]]:
    sets = [(f"{letter} CPUs", cpus) for letter, _meaning, cpus in view.sets]
    return [*sets, ("Offline CPUs", view.offline)] if view.offline else sets


def _check(check: Check) -> Row:
    if check.clean:
        return _said(verdicts.PASSED, name=check.name, found="as planned")
    found = [f"{change.what} is {shown(change.current)}, planned is {shown(change.wanted)}" for change in check.changes]
    found += [f"{failure['found']} ({failure['where']}): {failure['remedy']}" for failure in check.failures]
    return _said(verdicts.FAILED, name=check.name, found="; ".join(found))


def _changes(result: DoorResult) -> list[Row]:
    return [
        {
            "door": result.door,
            "what": change.what,
            "before": shown(change.current),
            "after": shown(change.wanted),
            "why": change.reason + (f" ({_NEEDS[change.needs]})" if change.needs in _NEEDS else ""),
        }
        for change in result.changes
    ]


def _core_legend(views: list[HostView]) -> list[tuple[str, str, str]]:
    legend = list(ROLES)
    cores = [core for view in views for node in view.nodes for core in node.cores]
    if any(core.polls_too for core in cores):
        legend.append(("housekeeping", "H+P", "housekeeping core that polls network ports as well"))
    if any(core.role == NO_ROLE[0] for core in cores):
        legend.append(NO_ROLE)
    if any(core.isolated for core in cores):
        legend.append(("vm isolated", "V", "heavy border: isolated from the kernel's scheduler"))
    legend.append(("", "0 8", "a box is a core, the numbers are its CPUs"))
    return legend
