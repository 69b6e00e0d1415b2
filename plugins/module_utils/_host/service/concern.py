# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""One service of a host as one concern: packages, artifacts, files, units and readiness. Here it is read and planned; transaction.py applies."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service import artifact, files, unit_actions, validation
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.packages import package_manager
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.readiness import wait_until_ready
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.record import Records
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.swap import Stage, Swap
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.transaction import Plan, Transaction
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.unit import read_units

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.record import Pending
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.unit import UnitState
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import Package, Service


class SiteService(Concern):
    def __init__(self, root: HostRoot, service: Service) -> None:
        self.root = root
        self.service = service
        self._planned: Plan | None = None
        self._readiness_output = ""

    def plan(self) -> ChangeSet:
        changes = ChangeSet()
        records = Records(self.root, self.service.name)
        states = self._states()
        pending = records.pending()
        missing = self._compare_packages(changes)
        found = files.Differences()
        needs = self._needs(states)
        files.compare_directories(self.root, self.service, changes, found)
        artifact.compare_artifacts(self.root, self.service, records.artifacts(), changes, found, needs)
        files.compare_files(self.root, self.service, changes, found, needs)
        changed = [*(package.name for package in missing), *found.swapped()]
        units = unit_actions.compare_units(self.service, states, changed, pending, changes)
        self._compare_leftovers(pending, changes)
        self._refuse(missing, found, states, changed)
        validated = not missing and self._validate_ahead(found)
        self._planned = Plan(missing, found, units, states, pending, validated)
        return changes

    def apply(self, changes: ChangeSet) -> None:
        if self._planned is None:
            raise RuntimeError("apply needs the plan that it is to carry out")
        plan, self._planned = self._planned, None
        Transaction(self.root, self.service, plan).run()

    def verify(self) -> None:
        self._readiness_output = wait_until_ready(self.root, self.service)

    def facts(self) -> dict[str, t.Any]:
        units = [
            {"name": state.name, "present": state.present, "active": state.active, "enabled": state.file_state}
            for state in self._states().values()
        ]
        return {"packages": self._versions(), "units": units, "readiness_output": self._readiness_output}

    def _states(self) -> dict[str, UnitState]:
        return read_units(self.root, [unit.name for unit in self.service.units])

    def _versions(self) -> dict[str, str | None]:
        names = [package.name for package in self.service.packages]
        return package_manager(self.root).installed(names) if names else {}

    def _compare_packages(self, changes: ChangeSet) -> list[Package]:
        versions = self._versions()
        missing = []
        for package in self.service.packages:
            current = versions[package.name]
            wanted = package.version or current or "installed"
            if changes.compare(f"package {package.name}", current or files.ABSENT, wanted, "packages"):
                missing.append(package)
        return missing

    def _needs(self, states: dict[str, UnitState]) -> files.Needs:
        """What a changed path needs before it is in force, beyond what this call does itself."""
        running = [unit for unit in self.service.units if states[unit.name].is_active and unit.state != "stopped"]

        def needs(path: str) -> str:
            waits = not self.service.may_restart and any(unit.is_concerned_by(path) for unit in running)
            return "service_restart" if waits else "nothing"

        return needs

    def _compare_leftovers(self, pending: Pending | None, changes: ChangeSet) -> None:
        if Swap(self.root, self.service.name).left(self.service.paths()) or (pending is not None and not pending.waiting):
            changes.compare(f"run of {self.service.name}", "unfinished", "finished", "an earlier run was killed")

    def _refuse(self, missing: list[Package], found: files.Differences, states: dict[str, UnitState], changed: list[str]) -> None:
        problems = files.place_problems(self.root, self.service, found, bool(missing))
        problems += artifact.source_problems(self.root, found.artifacts)
        if missing:
            manager = package_manager(self.root)
            if not manager.sources():
                problems.append(manager.refused(missing, "not installed, and there is nowhere to install from"))
        else:
            problems += files.owner_problems(self.root, self.service)
        problems += unit_actions.unit_problems(self.service, states, changed, bool(missing))
        raise_all(problems)

    def _validate_ahead(self, found: files.Differences) -> bool:
        """Show the new files to the validators before anything is touched, so that check mode refuses what a real run would."""
        paths = [file.path for file in found.files]
        stage = Stage(self.root, self.service.name, "check")
        in_place = all(stage.has_room(path) for path in paths)
        if not (self.service.validators and found.swapped() and in_place):
            return False
        if not validation.can_run_now(self.root, self.service, [item.path for item in found.artifacts]):
            return False
        try:
            validation.stage_files(found.files, stage)
            validation.run_validators(self.root, self.service, paths, stage)
        finally:
            stage.remove(paths)
        return True
