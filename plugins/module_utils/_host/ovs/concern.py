# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Open vSwitch with DPDK on one host: settings, bridges and ports in the database, and a process that has taken them."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import Change, ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs import attachment, database, dataplane, keys, layout, preflight
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs import daemon as process
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.ports import Bridge, Port, mistakes

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

DPDK_INIT = "dpdk-init"

_PROCESS = "process ovs-vswitchd"
_IN_FORCE = {
    keys.LIVE: "in force at once",
    keys.AT_START: "read when ovs-vswitchd starts",
    keys.AT_DPDK_INIT: "read when DPDK is initialised",
}

_Difference = tuple[t.Optional[str], t.Optional[str], bool]  # current, wanted, and whether the process takes it only after a restart

# Seconds. By now ovs-vswitchd has acted on its settings: ovs-vsctl and systemd wait for that. The rest is the way of its answer into the database.
_SETTLED = 3


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a user wants. C(other_config): known keys in any accepted spelling. C(timeout): seconds for each thing that is waited for."""

    other_config: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    extra_other_config: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    bridges: t.Sequence[Bridge] = ()
    purge_ports: bool = False
    restart_when_needed: bool = False
    choose_dpdk_build: bool = True
    timeout: float = 30


@dataclasses.dataclass
class _Work:
    """What C(plan) found to be done, for C(apply)."""

    snapshot: database.Snapshot
    daemon: process.Daemon | None
    changes: ChangeSet = dataclasses.field(default_factory=ChangeSet)
    settings: dict[str, str | None] = dataclasses.field(default_factory=dict)  # by the name that the installed version knows
    record: str | None = None  # the new text of process.RECORD, if it changes
    build: bool = False
    layout: layout.Commands = dataclasses.field(default_factory=list)
    restart_reasons: list[str] = dataclasses.field(default_factory=list)
    restart: bool = False  # needed and allowed
    initialise: bool = False  # DPDK will be initialised by the process that runs

    @property
    def restart_is_left_to_others(self) -> bool:
        return bool(self.restart_reasons) and not self.restart


class OvsDpdk(Concern):
    """Raises Failures for everything that can be refused before a write.

    Ordinarily everything is one transaction. If DPDK is to be initialised or the process restarted, the settings come first with dpdk-init=try,
    which a process survives if it fails; the rest follows when DPDK is proven to run, and otherwise the settings are put back.
    """

    def __init__(self, root: HostRoot, wanted: Wanted) -> None:
        self._root = root
        self._wanted = wanted
        self._settings, self._setting_failures = keys.wanted_keys(dict(wanted.other_config), dict(wanted.extra_other_config))
        self._bridges = {bridge.name for bridge in wanted.bridges}
        self._work: _Work | None = None

    def plan(self) -> ChangeSet:
        work = _Work(database.read(self._root), process.running(self._root))
        self._compare_build(work)
        lost = self._lost_ports(work)
        self._compare_settings(work)
        work.layout = layout.compare(work.snapshot, self._wanted.bridges, self._wanted.purge_ports, work.changes)
        if not work.restart_is_left_to_others:
            work.layout += attachment.attach_again(lost, work.changes)
        raise_all(self._refusals(work))
        self._work = work
        return work.changes

    def apply(self, changes: ChangeSet) -> None:
        work = self._planned()
        if work.snapshot.missing:
            raise work.snapshot.missing
        raise_all(preflight.functions_that_are_not_made(self._root, self._wanted.bridges))
        if work.restart or work.initialise:
            memory, extra = self._after("dpdk-socket-mem", work.snapshot), self._after("dpdk-extra", work.snapshot)
            raise_all(preflight.memory_that_is_not_there(self._root, memory, extra or "", work.daemon if work.restart else None))
        previous_build = process.chosen_build(self._root)
        if work.build:
            process.choose_build(self._root, process.DPDK_BUILD)
        if work.restart or work.initialise:
            self._bring_up(work, previous_build)
        rest = self._setting_commands(work) + work.layout
        if rest:
            alive = process.running(self._root) is not None
            database.transact(self._root, rest, wait=self._wanted.timeout if alive else None)

    def verify(self) -> None:
        """Wait until the data plane is as described, at most C(timeout). What only a restart by others brings is not waited for."""
        work = self._planned()
        if work.restart_is_left_to_others:
            return
        wants_dpdk = self._wants_dpdk(work.snapshot)
        found: list[Failure] = []

        def sound() -> bool:
            found[:] = dataplane.problems(dataplane.read(self._root), self._bridges, wants_dpdk)
            return not found

        if not process.wait_for(sound, self._wanted.timeout):
            raise_all(found)

    def facts(self) -> dict[str, t.Any]:
        work = self._planned()
        seen = dataplane.read(self._root)
        return {
            "dataplane": {**dataplane.summary(seen, self._bridges), "verified": bool(seen.daemon) and not work.restart_is_left_to_others}
        }

    # Planning

    def _compare_build(self, work: _Work) -> None:
        if not self._wanted.choose_dpdk_build or not process.has_builds(self._root):
            return
        chosen = process.chosen_build(self._root)
        reason = "only this build has DPDK"
        work.build = work.changes.compare("build of ovs-vswitchd", chosen, process.DPDK_BUILD, reason)
        if work.daemon and work.daemon.executable != process.DPDK_BUILD:
            work.restart_reasons.append(f"the process runs {work.daemon.executable}, not {process.DPDK_BUILD}")

    def _lost_ports(self, work: _Work) -> list[tuple[Port, str]]:
        """Ports that a living process has failed to attach, and whether it can at all. A process that starts anew looks for every port."""
        if work.daemon is None or not work.snapshot.dpdk_initialized:
            return []
        lost = attachment.not_attached(work.snapshot, self._wanted.bridges)
        work.restart_reasons += attachment.restart_reasons(self._root, work.daemon, lost)
        return lost

    def _compare_settings(self, work: _Work) -> None:
        """Compare every key, and find out whether the process can take the new values as it runs."""
        in_force = process.InForce.read(work.snapshot.external_ids, work.daemon)
        differing, remembered = self._differing(work, in_force)
        work.restart_reasons += [
            f"{key}: the process was started with {value!r}, not {self._after(key, work.snapshot)!r}"
            for key, value in remembered.items()
            if value != process.FAILED
        ]
        initialised = work.daemon is not None and work.snapshot.dpdk_initialized
        self._compare_initialisation(work, in_force, initialised)
        self._compare_process(work)
        for key, (current, wanted, late) in differing.items():
            work.changes.add(
                Change(
                    f"other_config:{key}",
                    current,
                    wanted,
                    _IN_FORCE[keys.effect(key)],
                    "service_restart" if late and not work.restart else "nothing",
                )
            )
        self._compare_record(work, process.InForce(in_force.instance, remembered), in_force, differing)
        if not work.restart:
            announced = {key for key, (_current, _wanted, late) in differing.items() if late}
            for reason in work.restart_reasons:
                if reason.partition(":")[0] not in announced:
                    work.changes.restart_pending(reason)

    def _differing(self, work: _Work, in_force: process.InForce) -> tuple[dict[str, _Difference], dict[str, str | None]]:
        """Differences by key, and what the process was started with for every key whose new value it has not taken."""
        snapshot, version = work.snapshot, database.version(self._root)
        remembered = dict(in_force.values)
        differing: dict[str, _Difference] = {}
        for key, wanted in self._settings.items():
            name = keys.key_in(version, key)
            current = keys.canonical_or_same(key, snapshot.other_config.get(name))
            if current == wanted:
                continue
            late = self._is_read_already(key, wanted, work)
            if late:
                late = remembered.setdefault(key, current) != wanted
            differing[key] = (current, wanted, late)
            work.settings[name] = wanted
        return differing, {key: value for key, value in remembered.items() if value != self._after(key, snapshot)}

    @staticmethod
    def _is_read_already(key: str, wanted: str | None, work: _Work) -> bool:
        """Whether the process that runs has read this key for the last time."""
        if work.daemon is None or (key == DPDK_INIT and wanted in ("true", "try")):  # who has DPDK has it, whatever the database says
            return False
        effect = keys.effect(key)
        return effect == keys.AT_START or (effect == keys.AT_DPDK_INIT and work.snapshot.dpdk_initialized)

    def _compare_process(self, work: _Work) -> None:
        snapshot, daemon = work.snapshot, work.daemon
        work.restart = bool(work.restart_reasons) and (self._wanted.restart_when_needed or not snapshot.bridges)
        if snapshot.missing:
            if work.build:
                work.changes.add(Change(_PROCESS, None, "restarted", "the package starts the build without DPDK first"))
        elif daemon is None:
            work.restart = True
            work.changes.add(Change(_PROCESS, "not running", "running", "nothing forwards packets without it"))
        elif work.restart:
            work.changes.add(Change(_PROCESS, f"pid {daemon.pid}", "restarted", "; ".join(work.restart_reasons)))

    def _compare_initialisation(self, work: _Work, in_force: process.InForce, initialised: bool) -> None:
        if work.daemon is None or initialised or not self._wants_dpdk(work.snapshot):
            return
        if work.restart_reasons and any("the process runs" in reason for reason in work.restart_reasons):
            return
        if in_force.values.get(DPDK_INIT) == process.FAILED or work.snapshot.other_config.get(DPDK_INIT) in ("true", "try"):
            work.restart_reasons.append("dpdk-init: DPDK is not initialised, and a process tries that only once")
        else:
            work.initialise = True

    def _compare_record(
        self, work: _Work, record: process.InForce, before: process.InForce, differing: t.Mapping[str, _Difference]
    ) -> None:
        """The record changes only with the values it is about; one that another process left stays until it is needed again."""
        if dict(record.values) == dict(before.values) or not differing:
            return
        work.record = record.text()
        current = work.snapshot.external_ids.get(process.RECORD)
        reason = "remembers what the running process was started with"
        work.changes.add(Change(f"external_ids:{process.RECORD}", current, work.record, reason))

    def _refusals(self, work: _Work) -> list[Failure]:
        root, snapshot, bridges = self._root, work.snapshot, self._wanted.bridges
        purged = [port.name for port in layout.to_purge(snapshot, bridges)] if self._wanted.purge_ports else []
        return [
            *self._setting_failures,
            *mistakes(bridges),
            *preflight.masks_beyond_cpus(root, self._settings),
            *preflight.devices_that_are_missing(root, bridges),
            *preflight.ports_of_others(snapshot, bridges),
            *preflight.devices_that_others_have(snapshot, bridges, purged),
            *preflight.ports_without_dpdk(bridges, self._wants_dpdk(snapshot)),
            *preflight.patch_peers_that_are_missing(snapshot, bridges),
            *preflight.cutting_ourselves_off(root, snapshot, bridges, work.restart and work.daemon is not None),
        ]

    # Applying

    def _bring_up(self, work: _Work, previous_build: str | None) -> None:
        """Settings first, then a process that has taken them; on failure everything is put back as it was, and the failure says so."""
        wants_dpdk = self._wants_dpdk(work.snapshot)
        first = dict(work.settings)
        if wants_dpdk and self._settings.get(DPDK_INIT) == "true":
            first[DPDK_INIT] = "try"
        commands = self._setting_commands(dataclasses.replace(work, settings=first))
        try:
            if commands:
                database.transact(self._root, commands, wait=None if work.restart else self._wanted.timeout)
        except database.NotActedOn:
            pass  # whether the process lives and has DPDK is looked at below
        refused = process.restart(self._root, self._wanted.timeout) if work.restart else None
        before = work.daemon.instance if work.daemon and work.restart else None
        if refused is None and process.wait_for(lambda: self._came_up(wants_dpdk, before), _SETTLED):
            work.settings = {DPDK_INIT: "true"} if first.get(DPDK_INIT) == "try" else {}
            work.record = None
            return
        raise self._put_back(work, first, previous_build, refused)

    def _came_up(self, wants_dpdk: bool, before: str | None = None) -> bool:
        """A process lives that is not the one before. While it starts, the database still tells of the last one."""
        daemon = process.running(self._root)
        if daemon is None or daemon.instance == before:
            return False
        return database.read(self._root).dpdk_initialized or not wants_dpdk

    def _put_back(self, work: _Work, written: t.Mapping[str, str | None], previous_build: str | None, refused: str | None) -> Failure:
        survivor = process.running(self._root)
        found = "the process died" if survivor is None else "the process runs, but DPDK is not initialised"
        said = f"{found}; {refused + '; ' if refused else ''}its log says: {process.last_errors(self._root)}"
        before = work.snapshot
        previous = {key: before.other_config.get(key) for key in written}
        if previous.get(DPDK_INIT) == "try":  # an earlier run was killed right here: what was in force before it stands in its record
            recorded = process.InForce.of_any(before.external_ids).values
            previous.update({key: value for key, value in recorded.items() if value != process.FAILED})
        commands = [database.set_map("Open_vSwitch", ".", "other_config", key, value) for key, value in previous.items()]
        record = before.external_ids.get(process.RECORD)
        if survivor and not work.restart:
            record = process.InForce(survivor.instance, {DPDK_INIT: process.FAILED}).text()
        commands.append(database.set_map("Open_vSwitch", ".", "external_ids", process.RECORD, record))
        database.transact(self._root, commands, wait=None)
        if work.build and previous_build:
            process.choose_build(self._root, previous_build)
        if work.restart or survivor is None:
            process.forget_failed_starts(self._root)
            refused = process.restart(self._root, self._wanted.timeout)
            had_dpdk = work.daemon is not None and before.dpdk_initialized
            runs = refused is None and process.wait_for(lambda: self._came_up(had_dpdk), self._wanted.timeout)
            again = "ovs-vswitchd was restarted with them and runs" if runs else "ovs-vswitchd does not run with them either"
        else:
            again = "ovs-vswitchd went on running; it tries DPDK again only after a restart"
        return Failure(
            asked="ovs-vswitchd with " + ", ".join(f"{key}={value}" for key, value in written.items()),
            found=f"{said}. The previous settings are back, {again}; bridges and ports were not touched",
            where=process.UNIT,
            remedy="mend what the log names, usually hugepages or dpdk-extra, and run again",
        )

    def _setting_commands(self, work: _Work) -> layout.Commands:
        commands = [database.set_map("Open_vSwitch", ".", "other_config", key, value) for key, value in sorted(work.settings.items())]
        if work.record is not None:
            commands.append(database.set_map("Open_vSwitch", ".", "external_ids", process.RECORD, work.record))
        return commands

    # What will be

    def _after(self, key: str, snapshot: database.Snapshot) -> str | None:
        """The value of a key when all is written."""
        return self._settings[key] if key in self._settings else keys.canonical_or_same(key, snapshot.other_config.get(key))

    def _wants_dpdk(self, snapshot: database.Snapshot) -> bool:
        return self._after(DPDK_INIT, snapshot) in ("true", "try")

    def _planned(self) -> _Work:
        if self._work is None:
            self.plan()
        return t.cast(_Work, self._work)
