# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""PCI functions on the drivers that the site wants: bound by driver_override, kept over reboots, put back if something fails half-way.

A VF that is not there yet, but that a physical function will make at this address, is planned and cannot be applied: so check mode can say what
comes after baremetal.vmsite.sriov.

Refused before anything is written: a group that user space cannot have, a function that carries the connection, the default route or a mounted
disk, one that someone uses, and one whose VFs would go with its driver.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, after_restoring, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import binding, functions, obstacles
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.at_boot import boot_unit
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.carriers import carriers
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.users import users_of

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot_unit import BootUnit
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ASKED = "the site asks for it"
OWN_CHOICE = "the kernel's own choice"
DRIVER_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclasses.dataclass(frozen=True)
class WantedDriver:
    """C(driver) None is the kernel's own choice, C(none) no driver at all."""

    pci: str
    driver: str | None


class PciDrivers(Concern):
    """C(process) is the one whose connection must not be cut. C(persistent) False leaves what is there for boot alone."""

    def __init__(self, root: HostRoot, wanted: t.Sequence[WantedDriver], process: int, persistent: bool = True) -> None:
        self._root = root
        self._wanted = sorted((WantedDriver(entry.pci.lower(), entry.driver) for entry in wanted), key=lambda entry: entry.pci)
        self._process = process
        self._persistent = persistent

    def plan(self) -> ChangeSet:
        raise_all(self._mistakes())
        changes = ChangeSet()
        for driver in self._named_drivers():
            loaded = "loaded" if self._is_loaded(driver) else "not loaded"
            changes.compare(f"driver {driver}", loaded, "loaded", "a function is to be bound to it")
        for entry in self._wanted:
            self._compare(entry, changes)
        raise_all(self._in_the_way(changes))
        if self._persistent:
            self._boot().compare(changes)
        return changes

    def apply(self, changes: ChangeSet) -> None:
        named = {change.what for change in changes}
        touched = [entry for entry in self._wanted if named & {_override(entry), _driver(entry)}]
        raise_all([self._not_made(entry) for entry in touched if not functions.exists(self._root, entry.pci)])
        before = {
            entry.pci: (functions.override_of(self._root, entry.pci), functions.driver_of(self._root, entry.pci)) for entry in touched
        }
        try:
            for driver in sorted(what.split(" ", 1)[1] for what in named if what.startswith("driver ")):
                binding.load_driver(self._root, driver)
            if touched:
                binding.settle(self._root)
            for entry in touched:
                binding.bind(self._root, entry.pci, entry.driver)
            if self._persistent:
                self._boot().apply(changes)
        except Failure as failure:
            missing = [phrase for pci, state in before.items() for phrase in self._restore(pci, *state)]
            raise after_restoring(failure, missing, "every function was put back as it was") from failure

    def facts(self) -> dict[str, t.Any]:
        return {"devices": [self._fact(entry.pci) for entry in self._wanted]}

    def _compare(self, entry: WantedDriver, changes: ChangeSet) -> None:
        override = functions.override_of(self._root, entry.pci)
        driver = functions.driver_of(self._root, entry.pci)
        changes.compare(_override(entry), override, entry.driver, ASKED)
        if entry.driver is not None:
            changes.compare(_driver(entry), driver or binding.NO_DRIVER, entry.driver, ASKED)
        elif override is not None or obstacles.is_for_user_space(driver):
            changes.compare(_driver(entry), driver or binding.NO_DRIVER, OWN_CHOICE, ASKED)
        elif driver is None and binding.own_drivers(self._root, entry.pci):
            changes.compare(_driver(entry), binding.NO_DRIVER, OWN_CHOICE, "the host has a driver for it that does not have it")

    def _restore(self, pci: str, override: str | None, driver: str | None) -> list[str]:
        """Bind to what had it, then take away an override that was not there."""
        try:
            if driver is None:
                binding.bind(self._root, pci, binding.NO_DRIVER)
            elif functions.driver_of(self._root, pci) != driver:
                binding.bind(self._root, pci, driver)
            if functions.override_of(self._root, pci) != override:
                self._root.write_value(f"{functions.directory(pci)}/driver_override", override or "\n")
        except Failure as failure:
            return [f"{pci} on {driver or 'no driver'} ({failure.found})"]
        return []

    def _boot(self) -> BootUnit:
        return boot_unit(self._root, {entry.pci: entry.driver for entry in self._wanted})

    def _named_drivers(self) -> list[str]:
        return sorted({entry.driver for entry in self._wanted if entry.driver is not None} - {binding.NO_DRIVER})

    def _is_loaded(self, driver: str) -> bool:
        return self._root.is_dir(f"{functions.PCI_DRIVERS}/{driver}")

    # What is refused before anything is written

    def _mistakes(self) -> list[Failure]:
        addresses = [entry.pci for entry in self._wanted]
        mistakes = [
            _mistake(pci, "listed twice", "devices", "list it once")
            for pci in sorted({pci for pci in addresses if addresses.count(pci) > 1})
        ]
        for entry in self._wanted:
            if not functions.is_address(entry.pci):
                mistakes.append(_mistake(entry.pci, "no PCI address", "devices", "write it with its domain, like 0000:21:00.0"))
            elif not functions.is_possible(self._root, entry.pci):
                found = "no such device, and no physical function would make a VF at this address"
                mistakes.append(_mistake(entry.pci, found, functions.directory(entry.pci), "correct the address"))
            elif obstacles.is_bridge(self._root, entry.pci):
                mistakes.append(
                    _mistake(entry.pci, "a bridge, whose devices would go with it", functions.directory(entry.pci), "name a device")
                )
        for driver in self._named_drivers():
            if not DRIVER_NAME.fullmatch(driver):
                mistakes.append(_mistake(f"driver {driver!r}", "no driver's name", "devices", "write it like vfio-pci"))
            elif not self._is_loaded(driver) and not binding.can_load(self._root, driver):
                remedy = "correct the name, or install the package with the kernel's further modules"
                mistakes.append(_mistake(f"driver {driver}", "not loaded, and no module of this name", functions.PCI_DRIVERS, remedy))
        return mistakes

    def _in_the_way(self, changes: ChangeSet) -> list[Failure]:
        """Only for a function that really changes hands."""
        named = {change.what for change in changes}
        moved = [entry for entry in self._wanted if _driver(entry) in named and functions.exists(self._root, entry.pci)]
        bound = [entry.pci for entry in moved if functions.driver_of(self._root, entry.pci)]
        reasons = carriers(self._root, self._process) if bound else {}
        users = users_of(self._root, bound) if bound else {}
        wanted = {entry.pci: entry.driver or OWN_CHOICE for entry in self._wanted}
        failures = []
        for entry in moved:
            found = [(reasons[entry.pci], "use another device, or do this from the console")] if entry.pci in reasons else []
            found += [(said, "stop or move what uses it first") for said in users.get(entry.pci, ())]
            found += [(said, "unmount it first") for said in obstacles.mounted(self._root, entry.pci)]
            count = functions.number(self._root, entry.pci, "sriov_numvfs")
            if count:
                found.append((f"it has {count} VFs, which would go with its driver", "remove its VFs first (baremetal.vmsite.sriov)"))
            group = obstacles.group_is_in_the_way(self._root, entry.pci, wanted) if obstacles.is_for_user_space(entry.driver) else None
            if group:
                remedy = (
                    "give the others to vfio-pci in the same call, use another slot, or switch the IOMMU and ACS on in firmware and kernel"
                )
                found.append((group, remedy))
            asked = f"{entry.pci} on {entry.driver or OWN_CHOICE}"
            failures += [_mistake(asked, said, functions.directory(entry.pci), remedy) for said, remedy in found]
        return failures

    def _not_made(self, entry: WantedDriver) -> Failure:
        found = f"no such device; {functions.who_makes(self._root, entry.pci)}"
        return _mistake(entry.pci, found, functions.directory(entry.pci), functions.MAKE_FIRST)

    def _fact(self, pci: str) -> dict[str, t.Any]:
        group = functions.iommu_group_of(self._root, pci)
        return {
            "pci": pci,
            "driver": functions.driver_of(self._root, pci),
            "driver_override": functions.override_of(self._root, pci),
            "iommu_group": group,
            "group_members": functions.group_members(self._root, group) if group else [],
        }


def _override(entry: WantedDriver) -> str:
    return f"{entry.pci} driver_override"


def _driver(entry: WantedDriver) -> str:
    return f"{entry.pci} driver"


def _mistake(asked: str, found: str, where: str, remedy: str) -> Failure:
    return Failure(asked=asked, found=found, where=where, remedy=remedy)
