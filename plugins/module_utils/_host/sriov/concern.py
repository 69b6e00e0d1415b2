# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""SR-IOV on one host: how many VFs each physical function has, their attributes, and that a reboot brings them back.

Refused before anything is written: what the hardware or driver does not have, the NIC that the host is reached by, and VFs that someone uses.
A failure half-way puts every function back as it was.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, after_restoring, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import functions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.carriers import carriers
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.users import users_of
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov import state
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.at_boot import boot_unit
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.attributes import Attributes
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.numvfs import set_count

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.state import State
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.wanted import WantedFunction

ASKED = "the site asks for it"


class SriovFunctions(Concern):
    """C(process) is the one whose connection must not be cut. C(persistent) False leaves what is there for boot alone."""

    def __init__(self, root: HostRoot, wanted: t.Sequence[WantedFunction], process: int, persistent: bool = True) -> None:
        self._root = root
        self._wanted = wanted
        self._process = process
        self._boot = boot_unit(root, wanted) if persistent else None

    def plan(self) -> ChangeSet:
        raise_all(self._impossible())
        changes = ChangeSet()
        states = {function.pci: state.read_state(self._root, function.pci) for function in self._wanted}
        for function in self._wanted:
            self._compare(function, states[function.pci], changes)
        raise_all([*self._cuts_the_host_off(changes), *self._in_use(changes, states)])
        if self._boot:
            self._boot.compare(changes)
        return changes

    def apply(self, changes: ChangeSet) -> None:
        touched = self._touched(changes)
        before = [state.read_state(self._root, function.pci) for function in touched]
        named = {change.what for change in changes}
        try:
            for function in touched:
                self._set(function, named)
            if self._boot:
                self._boot.apply(changes)
        except Failure as failure:
            missing = [phrase for each in before for phrase in state.restore(self._root, each)]
            raise after_restoring(failure, missing, "every function was put back as it was") from failure

    def facts(self) -> dict[str, t.Any]:
        return {"functions": [self._fact(state.read_state(self._root, function.pci)) for function in self._wanted]}

    def _compare(self, function: WantedFunction, current: State, changes: ChangeSet) -> None:
        if function.drivers_autoprobe is not None:
            changes.compare(_autoprobe(function), current.drivers_autoprobe, function.drivers_autoprobe, ASKED)
        changes.compare(_count(function), current.count, function.count, ASKED)
        if function.needs_link:
            changes.compare(_link(function), "up" if current.up else "down", "up", "a rate can only be set on a port that is up")
        for index, attributes in function.vfs.items():
            now = dataclasses.asdict(current.vfs.get(index, Attributes()))
            for field, value in dataclasses.asdict(attributes).items():
                if value is not None:
                    changes.compare(f"{_vf(function.pci, index)} {field}", now[field], value, ASKED)

    def _set(self, function: WantedFunction, named: set[str]) -> None:
        if _autoprobe(function) in named and function.drivers_autoprobe is not None:
            state.set_autoprobe(self._root, function.pci, function.drivers_autoprobe)
        if _count(function) in named:
            set_count(self._root, function.pci, function.count)
        netdevs = functions.netdevs_of(self._root, function.pci)
        if _link(function) in named and netdevs:
            state.set_up(self._root, netdevs[0])
        state.set_attributes(self._root, function.pci, function.vfs)

    def _touched(self, changes: ChangeSet) -> list[WantedFunction]:
        named = {change.what.split(" ", 1)[0] for change in changes}
        return [function for function in self._wanted if function.pci in named]

    # What is refused before anything is written

    def _impossible(self) -> list[Failure]:
        mistakes = []
        for function in self._wanted:
            where = functions.directory(function.pci)
            asked = f"{function.count} VFs on {function.pci}"
            if not functions.exists(self._root, function.pci):
                able = [path.split("/")[-2] for path in self._root.glob("/sys/bus/pci/devices/*/sriov_totalvfs")]
                found = f"no such device; those that can have VFs: {', '.join(able) or 'none'}"
                mistakes.append(Failure(asked=asked, found=found, where=where, remedy="correct the address"))
                continue
            total = functions.number(self._root, function.pci, "sriov_totalvfs")
            if total is None:
                above = functions.physical_function_of(self._root, function.pci)
                found = f"it is a VF of {above}" if above else "it has no sriov_totalvfs: the NIC or its firmware offers no SR-IOV"
                remedy = "name the physical function" if above else "switch SR-IOV on in the firmware, or name another NIC"
                mistakes.append(Failure(asked=asked, found=found, where=where, remedy=remedy))
            elif function.count > total:
                remedy = "ask for fewer, or raise the limit in the NIC's firmware"
                mistakes.append(Failure(asked=asked, found=f"at most {total}", where=f"{where}/sriov_totalvfs", remedy=remedy))
            elif function.count and functions.driver_of(self._root, function.pci) is None:
                found = "no driver is bound to it, and only its driver can make VFs"
                mistakes.append(Failure(asked=asked, found=found, where=f"{where}/driver", remedy="bind it to its kernel driver"))
            elif function.vfs and not functions.netdevs_of(self._root, function.pci):
                found = f"it has no netdev; its driver is {functions.driver_of(self._root, function.pci) or 'none'}"
                remedy = "bind it to its kernel driver: VF attributes are set on the physical function's netdev"
                mistakes.append(Failure(asked=f"VF attributes on {function.pci}", found=found, where=where, remedy=remedy))
        return mistakes

    def _cuts_the_host_off(self, changes: ChangeSet) -> list[Failure]:
        touched = self._touched(changes)
        reasons = carriers(self._root, self._process) if touched else {}
        return [
            Failure(
                asked=", ".join(f"{change.what} = {change.wanted}" for change in changes if change.what.startswith(f"{function.pci} ")),
                found=reasons[function.pci],
                where=functions.directory(function.pci),
                remedy="use another NIC for VFs, or make them from the console and before the network starts",
            )
            for function in touched
            if function.pci in reasons
        ]

    def _in_use(self, changes: ChangeSet, states: dict[str, State]) -> list[Failure]:
        """VFs vanish when the count changes; a new MAC resets a VF under its user."""
        named = {change.what for change in changes}
        lost: dict[str, str] = {}
        for function in self._touched(changes):
            for index, address in functions.virtual_functions_of(self._root, function.pci).items():
                if _count(function) in named:
                    lost[address] = (
                        f"{function.count} VFs on {function.pci} instead of {states[function.pci].count}, which removes them all first"
                    )
                elif f"{_vf(function.pci, index)} mac" in named:
                    lost[address] = f"another MAC for {_vf(function.pci, index)}, which resets it"
        users = users_of(self._root, lost) if lost else {}
        return [
            Failure(
                asked=lost[address],
                found=f"{address}: {', '.join(found)}",
                where=functions.directory(address),
                remedy="stop or move what uses it first",
            )
            for address, found in users.items()
        ]

    def _fact(self, found: State) -> dict[str, t.Any]:
        addresses = functions.virtual_functions_of(self._root, found.pci)
        return {
            "pci": found.pci,
            "netdev": found.netdev,
            "driver": functions.driver_of(self._root, found.pci),
            "total": found.total,
            "count": found.count,
            "vfs": [
                {
                    "index": index,
                    "pci": address,
                    "netdevs": functions.netdevs_of(self._root, address),
                    "driver": functions.driver_of(self._root, address),
                    "iommu_group": functions.iommu_group_of(self._root, address),
                    **dataclasses.asdict(found.vfs.get(index, Attributes())),
                }
                for index, address in addresses.items()
            ],
        }


def _count(function: WantedFunction) -> str:
    return f"{function.pci} VFs"


def _autoprobe(function: WantedFunction) -> str:
    return f"{function.pci} drivers_autoprobe"


def _link(function: WantedFunction) -> str:
    return f"{function.pci} link"


def _vf(pci: str, index: int) -> str:
    return f"{pci} VF {index}"
