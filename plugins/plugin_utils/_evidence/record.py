# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The record that a report is made from: what was done to which host, what is there now, and what was measured.

Results of doors (topology, plan, the result of libvirt_migrate, a measurement) are taken as the doors return them.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.fields import Fields

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class DoorChange:
    """One entry of a door's C(changes)."""

    what: str
    current: t.Any
    wanted: t.Any
    reason: str
    needs: str


@dataclasses.dataclass(frozen=True)
class DoorResult:
    """What one door did on one host."""

    door: str
    changes: list[DoorChange]
    reboot_required: bool
    restart_required: bool


@dataclasses.dataclass(frozen=True)
class Check:
    """One concern that was verified. It is clean if it lists neither differences nor failures."""

    name: str
    changes: list[DoorChange]
    failures: list[Json]

    @property
    def clean(self) -> bool:
        return not self.changes and not self.failures


@dataclasses.dataclass(frozen=True)
class Host:
    """C(topology) and C(plan) are None where the host has no plan; C(checks) is None where nothing was verified."""

    name: str
    topology: Json | None
    plan: Json | None
    results: list[DoorResult]
    checks: list[Check] | None


@dataclasses.dataclass(frozen=True)
class Migration:
    """C(result) is what libvirt_migrate returned, C(measurement) what downtime_probe returned meanwhile. C(guest_ms) is the guest's own view."""

    vm: str
    source: str
    target: str
    settings: str
    result: Json
    measurement: Json | None
    guest_ms: float | None


@dataclasses.dataclass(frozen=True)
class Interruption:
    """One migration, in milliseconds by each view; None where that view was not taken."""

    qemu_ms: float | None
    gap_ms: float | None
    silence_ms: float | None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All runs with one choice of settings."""

    settings: str
    runs: list[Interruption]


@dataclasses.dataclass(frozen=True)
class Record:
    """C(machine) describes what everything ran on, label by label. Times are ISO 8601 with an offset."""

    title: str
    site: str
    started: str
    finished: str
    machine: dict[str, str]
    hosts: list[Host]
    migrations: list[Migration]
    comparison: list[Comparison]


def parse(data: t.Any) -> Record:
    """Raises Failure(s) with every mistake."""
    mistakes: list[Failure] = []
    fields = Fields(data, "record", mistakes)
    record = Record(
        title=fields.text("title"),
        site=fields.text("site"),
        started=fields.moment("started"),
        finished=fields.moment("finished"),
        machine={str(label): str(value) for label, value in fields.dictionary("machine", {}).items()},
        hosts=fields.each("hosts", _host, required=True),
        migrations=fields.each("migrations", _migration),
        comparison=fields.each("comparison", _comparison),
    )
    fields.done()
    _refuse_doubles([host.name for host in record.hosts if host.name], mistakes)
    raise_all(mistakes)
    return record


def _host(data: t.Any, where: str, mistakes: list[Failure]) -> Host:
    fields = Fields(data, where, mistakes)
    host = Host(
        name=fields.text("name"),
        topology=fields.optional_dictionary("topology"),
        plan=fields.optional_dictionary("plan"),
        results=fields.each("changes", _door_result),
        checks=fields.each("verify", _check) if isinstance(data, dict) and data.get("verify") is not None else None,
    )
    fields.raw("verify")
    fields.done()
    if (host.topology is None) != (host.plan is None):
        fields.mistake("plan", "a plan without its topology, or the other way round", "give both or neither")
    return host


def _door_result(data: t.Any, where: str, mistakes: list[Failure]) -> DoorResult:
    fields = Fields(data, where, mistakes)
    result = DoorResult(
        door=fields.text("door"),
        changes=fields.each("changes", _door_change),
        reboot_required=fields.flag("reboot_required", False),
        restart_required=fields.flag("restart_required", False),
    )
    fields.done()
    return result


def _door_change(data: t.Any, where: str, mistakes: list[Failure]) -> DoorChange:
    fields = Fields(data, where, mistakes)
    change = DoorChange(
        fields.text("what"), fields.raw("current"), fields.raw("wanted"), fields.text("reason"), fields.text("needs", "nothing")
    )
    fields.done()
    return change


def _check(data: t.Any, where: str, mistakes: list[Failure]) -> Check:
    fields = Fields(data, where, mistakes)
    check = Check(fields.text("name"), fields.each("changes", _door_change), fields.each("failures", _failure))
    fields.done()
    return check


def _failure(data: t.Any, where: str, mistakes: list[Failure]) -> Json:
    fields = Fields(data, where, mistakes)
    failure = {key: fields.text(key) for key in ("asked", "found", "where", "remedy")}
    fields.done()
    return failure


def _migration(data: t.Any, where: str, mistakes: list[Failure]) -> Migration:
    fields = Fields(data, where, mistakes)
    migration = Migration(
        vm=fields.text("vm"),
        source=fields.text("source"),
        target=fields.text("target"),
        settings=fields.text("settings", ""),
        result=fields.dictionary("result"),
        measurement=fields.optional_dictionary("measurement"),
        guest_ms=fields.optional_number("guest_ms"),
    )
    fields.done()
    return migration


def _comparison(data: t.Any, where: str, mistakes: list[Failure]) -> Comparison:
    fields = Fields(data, where, mistakes)
    comparison = Comparison(fields.text("settings"), fields.each("runs", _interruption, required=True))
    fields.done()
    return comparison


def _interruption(data: t.Any, where: str, mistakes: list[Failure]) -> Interruption:
    fields = Fields(data, where, mistakes)
    interruption = Interruption(fields.optional_number("qemu_ms"), fields.optional_number("gap_ms"), fields.optional_number("silence_ms"))
    fields.done()
    return interruption


def _refuse_doubles(names: list[str], mistakes: list[Failure]) -> None:
    for name in sorted({name for name in names if names.count(name) > 1}):
        mistakes.append(
            Failure(
                asked="a report of this record",
                found=f"host {name} twice",
                where="record.hosts",
                remedy="give each host once, with all its results",
            )
        )
