# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What the door C(downtime_probe) can be asked for: a measurement that is started, stopped, absent, or made on the spot."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import Change, ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe import process, samples
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.analysis import analyse
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.channel import open_channel
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.prober import first_answer
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.session import VALID_ID, Session
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.verdict import judge

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.channel import Channel
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.session import Settings
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.verdict import Limits
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

SHORTEST_INTERVAL_MS, LONGEST_INTERVAL_MS = 1.0, 1000.0
LONGEST_SECONDS = 7200.0

_STARTED_WITHIN_SECONDS = 5.0


class Started(Concern):
    """A prober is at work, detached from the run that started it."""

    def __init__(self, root: HostRoot, identifier: str, settings: Settings, answer_within_seconds: float) -> None:
        raise_all(_id_failures(identifier) + settings_failures(settings))
        self._root = root
        self._session = Session(root, identifier)
        self._settings = settings
        self._answer_within_seconds = answer_within_seconds

    def plan(self) -> ChangeSet:
        changes = ChangeSet()
        state = self._session.state()
        if state == "running":
            self._refuse_other_settings()
            return changes
        endpoint, pace = self._settings.endpoint, self._settings.pace
        reason = f"{endpoint.protocol} echo to {endpoint.target} every {pace.interval_ms:g} ms for at most {pace.max_seconds:g} s"
        changes.add(Change(f"probe {self._session.identifier}", state, "running", reason))
        return changes

    def apply(self, changes: ChangeSet) -> None:
        channel = _answering(self._settings, self._answer_within_seconds)
        try:
            record = self._session.begin()
            self._root.boundary(f"start the prober of {self._session.identifier}")
            prober = process.detach(channel, self._settings.endpoint.target, self._settings.pace, record)
            self._session.describe(self._settings, prober.identity)
            process.release(record)
            prober.go()
        finally:
            channel.socket.close()
        self._wait_for_first_record()

    def facts(self) -> dict[str, t.Any]:
        return {"probe": _probe_facts(self._session)}

    def _refuse_other_settings(self) -> None:
        running, wanted = self._session.settings(), self._settings.as_dict()
        differing = sorted(name for name in wanted if running.get(name) != wanted[name])
        if differing:
            raise Failure(
                asked=f"probe {self._session.identifier} with {', '.join(f'{name} {wanted[name]}' for name in differing)}",
                found=f"it runs with {', '.join(f'{name} {running.get(name)}' for name in differing)}",
                where=self._session.directory,
                remedy="stop it first, or give this measurement another id",
            )

    def _wait_for_first_record(self) -> None:
        deadline = time.monotonic() + _STARTED_WITHIN_SECONDS
        while time.monotonic() < deadline:
            try:
                self._session.recording()
                return
            except Failure:
                time.sleep(0.02)
        self._session.recording()


class Stopped(Concern):
    """No prober is at work; what it measured is there to be read."""

    def __init__(self, root: HostRoot, identifier: str, limits: Limits) -> None:
        raise_all(_id_failures(identifier))
        self._session = Session(root, identifier)
        self._limits = limits

    def plan(self) -> ChangeSet:
        changes = ChangeSet()
        if self._session.state() == "running":
            changes.add(Change(f"probe {self._session.identifier}", "running", "ended", "the measurement is over"))
        return changes

    def apply(self, changes: ChangeSet) -> None:
        self._session.end()

    def verify(self) -> None:
        if self._session.state() == "absent":
            raise Failure(
                asked=f"the measurement {self._session.identifier}",
                found="no probe of this id was ever started here",
                where=self._session.directory,
                remedy="start it with state started, on this host and with this id",
            )
        self._session.recording()

    def facts(self) -> dict[str, t.Any]:
        facts: dict[str, t.Any] = {"probe": _probe_facts(self._session)}
        if facts["probe"]["state"] != "absent":
            running = facts["probe"]["state"] == "running"
            facts["measurement"] = _judged(self._session.recording(), self._limits, running=running)
        return facts


class Absent(Concern):
    """Neither a prober nor a record of this id."""

    def __init__(self, root: HostRoot, identifier: str) -> None:
        raise_all(_id_failures(identifier))
        self._session = Session(root, identifier)

    def plan(self) -> ChangeSet:
        changes = ChangeSet()
        changes.compare(
            f"probe {self._session.identifier}",
            self._session.state(),
            "absent",
            "the measurement is not needed any more",
        )
        return changes

    def apply(self, changes: ChangeSet) -> None:
        if self._session.state() == "running":
            self._session.end()
        self._session.remove()

    def facts(self) -> dict[str, t.Any]:
        return {"probe": _probe_facts(self._session)}


class Measured(Concern):
    """One measurement of a fixed length, made while the caller waits. It changes nothing on the host and leaves nothing there."""

    def __init__(self, settings: Settings, limits: Limits, answer_within_seconds: float) -> None:
        raise_all(settings_failures(settings))
        self._settings = settings
        self._limits = limits
        self._answer_within_seconds = answer_within_seconds
        self._measurement: dict[str, t.Any] | None = None

    def plan(self) -> ChangeSet:
        return ChangeSet()

    def apply(self, changes: ChangeSet) -> None:
        """Nothing is ever planned."""

    def verify(self) -> None:
        channel = _answering(self._settings, self._answer_within_seconds)
        try:
            data = process.measure(channel, self._settings.endpoint.target, self._settings.pace)
        finally:
            channel.socket.close()
        self._measurement = _judged(samples.read(data), self._limits, running=False)

    def facts(self) -> dict[str, t.Any]:
        return {} if self._measurement is None else {"measurement": self._measurement}


def settings_failures(settings: Settings) -> list[Failure]:
    """What of this cannot be measured."""
    endpoint, pace = settings.endpoint, settings.pace
    asked = f"probe {endpoint.target}"
    failures = []
    if not SHORTEST_INTERVAL_MS <= pace.interval_ms <= LONGEST_INTERVAL_MS:
        failures.append(
            Failure(
                asked=asked,
                found=f"{pace.interval_ms:g} ms",
                where="interval_ms",
                remedy=f"give {SHORTEST_INTERVAL_MS:g} to {LONGEST_INTERVAL_MS:g} ms",
            )
        )
    if not 0 < pace.max_seconds <= LONGEST_SECONDS:
        failures.append(
            Failure(
                asked=asked,
                found=f"{pace.max_seconds:g} s",
                where="max_seconds",
                remedy=f"give more than 0 and at most {LONGEST_SECONDS:g} s",
            )
        )
    if endpoint.protocol == "udp" and not 0 < endpoint.port < 65536:
        failures.append(
            Failure(
                asked=asked,
                found=f"port {endpoint.port}",
                where="port",
                remedy="give the port of the target's UDP echo service",
            )
        )
    if pace.late_after_ms <= 0:
        failures.append(Failure(asked=asked, found=f"{pace.late_after_ms:g} ms", where="late_after_ms", remedy="give more than 0 ms"))
    return failures


def _id_failures(identifier: str) -> list[Failure]:
    if VALID_ID.fullmatch(identifier):
        return []
    return [
        Failure(
            asked=f"a probe with id {identifier!r}",
            found="characters that a directory's name should not have, or more than 64",
            where="id",
            remedy="use letters, digits, '.', '_' and '-', beginning with a letter or digit",
        )
    ]


def _answering(settings: Settings, within_seconds: float) -> Channel:
    """A channel to a target that answers: a probe of a dead target would only prove that it is dead."""
    channel = open_channel(settings.endpoint)
    try:
        answers = first_answer(channel.socket, channel.echo, within_seconds=within_seconds)
    finally:
        channel.socket.close()
    if answers:
        return open_channel(settings.endpoint)  # a new one: late answers to these questions are not part of the measurement
    endpoint = settings.endpoint
    raise Failure(
        asked=f"probe {endpoint.target}",
        found=f"no answer to {endpoint.protocol} echo within {within_seconds:g} s",
        where=f"{channel.address}{f' port {endpoint.port}' if endpoint.port else ''}",
        remedy="check that the target runs, that it answers echo requests, and that this host has a way to it (source, interface)",
    )


def _judged(recording: samples.Recording, limits: Limits, *, running: bool) -> dict[str, t.Any]:
    measurement = analyse(recording, running=running)
    verdict = judge(measurement, limits)
    return {**dataclasses.asdict(measurement), **dataclasses.asdict(limits), "verdict": dataclasses.asdict(verdict)}


def _probe_facts(session: Session) -> dict[str, t.Any]:
    state = session.state()
    facts: dict[str, t.Any] = {"id": session.identifier, "state": state}
    if state == "absent":
        return facts
    prober = session.prober()
    facts.update(record=session.record, pid=prober.pid if prober and state == "running" else None)
    if state == "running":
        header = session.recording().header
        facts.update(address=header.address, realtime=header.realtime, scheduling=header.scheduling)
    return facts
