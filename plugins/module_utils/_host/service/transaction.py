# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Carries out the plan of a service so that a failure puts back what was, and a kill leaves what the next run needs to finish.

Order: packages, directories, staged files, validators, pending record, swap, units, readiness, enablement, and last the record goes.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service import artifact, files, unit_actions, validation
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.packages import package_manager
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.readiness import wait_until_ready
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.record import Pending, Records
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.swap import Swap
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.unit import Systemd, UnitState, read_units
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import Link

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import Package, Service


@dataclasses.dataclass
class Plan:
    """The typed form of a change set. C(states) are the units before; C(validated): the validators have seen all new files."""

    packages: list[Package]
    differences: files.Differences
    units: unit_actions.UnitActions
    states: dict[str, UnitState]
    pending: Pending | None
    validated: bool

    @property
    def earlier(self) -> dict[str, str]:
        """What a killed run recorded of the files before it."""
        return self.pending.previous if self.pending else {}


class Transaction:
    def __init__(self, root: HostRoot, service: Service, plan: Plan) -> None:
        self.root = root
        self.service = service
        self.plan = plan
        self.records = Records(root, service.name)
        self.swap = Swap(root, service.name)
        self.systemd = Systemd(root)
        self._held_back: list[str] = []

    def run(self) -> None:
        """Raises Failure(s). Until the first file is swapped nothing is in place but packages and directories."""
        actions, changing = self.plan.units, self.plan.differences.swapped()
        try:
            self._install()
            self._make_directories()
            members = self._stage()
        except BaseException:
            self.swap.new.remove(changing)
            self._let_go()
            raise
        pending = self._record(members)
        try:
            self._put(pending)
            self._let_go()
            unit_actions.carry_out(self.systemd, self.service, actions, self._states)
            wait_until_ready(self.root, self.service)
        except (Failure, Failures, OSError) as error:
            raise_all(self._explained(error) + self._restore(pending))
        self.systemd.enable(actions.enable)
        self.systemd.disable(actions.disable)
        self._finish()

    def _states(self) -> dict[str, UnitState]:
        return read_units(self.root, [unit.name for unit in self.service.units])

    def _install(self) -> None:
        """Install packages while the units that they bring are held back."""
        if not self.plan.packages:
            return
        manager = package_manager(self.root)
        if manager.starts_services:
            self._held_back = [unit.name for unit in self.service.units if not self.plan.states[unit.name].present]
        for name in self._held_back:
            self.systemd.hold_back(name)
        manager.install(self.plan.packages)
        raise_all(files.owner_problems(self.root, self.service))

    def _let_go(self) -> None:
        while self._held_back:
            self.systemd.let_go(self._held_back.pop())

    def _make_directories(self) -> None:
        for directory in self.plan.differences.directories:
            self.root.make_dir(directory.path, directory.ownership.mode, directory.ownership.owner, directory.ownership.group)

    def _stage(self) -> artifact.Known:
        """Everything new is complete and accepted after this; returns what is to be recorded of artifacts."""
        found = self.plan.differences
        members = artifact.stage_artifacts(self.root, found.artifacts, self.swap.new)
        validation.stage_files(found.files, self.swap.new)
        for link in found.links:
            self.root.link(link.target, self.swap.new.open(link.path))
        if self.service.validators and found.swapped() and not self.plan.validated:
            staged = [item.path for item in found.staged() if not isinstance(item, Link)]
            validation.run_validators(self.root, self.service, staged, self.swap.new)
        return members

    def _record(self, members: artifact.Known) -> Pending:
        """Say what is about to happen, before the first file is swapped."""
        changing = self.plan.differences.swapped()
        pending = Pending(self.swap.what_was(changing, self.plan.earlier), self.plan.units.due, waiting=False)
        if changing or pending.due:
            self.records.write_pending(pending)
        if members:
            self.records.write_artifacts({**self.records.artifacts(), **members})
        return pending

    def _put(self, pending: Pending) -> None:
        found = self.plan.differences
        self.swap.keep(found.swapped(), pending.previous, self.plan.earlier)
        for item in found.staged():
            self.swap.put(item.path)
        for path in found.absent:
            self.root.remove(path)
        for path, ownership in found.modes:
            self.root.set_mode(path, ownership.mode, ownership.owner, ownership.group)

    def _finish(self) -> None:
        if self.plan.units.due and not self.service.may_restart:
            self.records.write_pending(Pending({}, self.plan.units.due, waiting=True))
        else:
            self.records.remove_pending()
        self.swap.clean(self.service.paths())

    def _restore(self, pending: Pending) -> list[Failure]:
        """Put the previous files back and run the units with them again. Returns what even that met."""
        failures = []
        try:
            self._let_go()
            self.swap.restore(pending.previous)
            self.systemd.read_definitions_again()
            failures = self._units_as_before()
            self.records.remove_pending()
            self.swap.clean(self.service.paths())
        except (Failure, Failures, OSError) as error:
            failures += self._explained(error)
        return failures

    def _units_as_before(self) -> list[Failure]:
        now, actions, failures = self._states(), self.plan.units, []
        for unit in self.service.units:
            ran, runs = self.plan.states[unit.name].is_active, now[unit.name].active not in ("inactive", "failed")
            touched = unit.name in (*actions.start, *actions.stop, *actions.restart, *actions.reload)
            try:
                if ran and touched:
                    self.systemd.restart(unit.name)
                elif not ran and runs and touched:
                    self.systemd.stop(unit.name)
            except Failure as failure:
                failures.append(failure)
        return failures

    def _explained(self, error: Failure | Failures | OSError) -> list[Failure]:
        if isinstance(error, OSError):
            found = f"{error.strerror or error}"
            error = Failure(asked=f"change {self.service.name}", found=found, where=str(error.filename), remedy="look at the kernel's log")
        failures = error.failures if isinstance(error, Failures) else [error]
        return [
            Failure(
                asked=failure.asked,
                found=validation.without_secrets(failure.found, self.service),
                where=failure.where,
                remedy=f"{failure.remedy}; the previous files were put back",
            )
            for failure in failures
        ]
