# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What a physical function and its VFs are now, and how that state is brought back when a change fails half-way."""

from __future__ import annotations

import dataclasses
import functools
import time
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import binding, functions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.attributes import Attributes, read_attributes, set_attribute
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.numvfs import set_count
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.network_devices import NETWORK_CLASS

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

IFF_UP = 0x1  # linux/if.h
LINK_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class State:
    """C(vfs): index -> attributes, as far as there is a netdev to ask. C(overrides): index -> driver_override, only where one is set."""

    pci: str
    netdev: str | None
    total: int | None
    count: int | None
    drivers_autoprobe: bool
    up: bool
    vfs: dict[int, Attributes]
    overrides: dict[int, str]


def read_state(root: HostRoot, pci: str) -> State:
    netdevs = functions.netdevs_of(root, pci)
    netdev = netdevs[0] if netdevs else None
    count = functions.number(root, pci, "sriov_numvfs")
    overrides = {index: functions.override_of(root, vf) for index, vf in functions.virtual_functions_of(root, pci).items()}
    return State(
        pci=pci,
        netdev=netdev,
        total=functions.number(root, pci, "sriov_totalvfs"),
        count=count,
        drivers_autoprobe=functions.number(root, pci, "sriov_drivers_autoprobe") != 0,
        up=netdev is not None and is_up(root, netdev),
        vfs=read_attributes(root, netdev) if netdev and count else {},
        overrides={index: name for index, name in overrides.items() if name},
    )


def is_up(root: HostRoot, netdev: str) -> bool:
    return bool(int(root.read_optional(f"{NETWORK_CLASS}/{netdev}/flags") or "0", 16) & IFF_UP)


def set_up(root: HostRoot, netdev: str) -> None:
    """Up, and a moment for the link: drivers take no rate without one. A link that does not come is the rate's failure, not this one's."""
    root.run(["ip", "link", "set", "dev", netdev, "up"], changes=True)
    deadline = time.monotonic() + LINK_SECONDS
    while root.read_optional(f"{NETWORK_CLASS}/{netdev}/carrier") != "1" and time.monotonic() < deadline:
        time.sleep(0.2)


def set_autoprobe(root: HostRoot, pci: str, wanted: bool) -> None:
    root.write_value(f"{functions.directory(pci)}/sriov_drivers_autoprobe", str(int(wanted)))


def set_attributes(root: HostRoot, pci: str, wanted: t.Mapping[int, Attributes]) -> None:
    """Set what differs now: a VF that has just been made has nothing of what it had before."""
    netdevs = functions.netdevs_of(root, pci)
    if not netdevs or not wanted:
        return
    current = read_attributes(root, netdevs[0])
    for index, attributes in wanted.items():
        for words in attributes.differing(current.get(index, Attributes())).values():
            set_attribute(root, netdevs[0], index, words)


def restore(root: HostRoot, state: State) -> list[str]:
    """Bring the function back to this state as far as it can be done; return what could not be, one phrase each."""
    steps: list[tuple[str, t.Callable[[], None]]] = []
    if functions.number(root, state.pci, "sriov_drivers_autoprobe") != int(state.drivers_autoprobe):
        steps.append(("drivers_autoprobe", lambda: set_autoprobe(root, state.pci, state.drivers_autoprobe)))
    if state.count is not None:
        steps.append((f"{state.count} VFs", lambda: set_count(root, state.pci, state.count or 0)))
    steps.append(("the attributes of its VFs", lambda: set_attributes(root, state.pci, state.vfs)))
    steps += [(f"VF {index} on {name}", functools.partial(_bind_again, root, state, index)) for index, name in state.overrides.items()]
    if state.netdev and not state.up and is_up(root, state.netdev):
        netdev = state.netdev
        steps.append((f"{netdev} down", lambda: _set_down(root, netdev)))
    missing = []
    for what, step in steps:
        try:
            step()
        except Failure as failure:
            missing.append(f"{state.pci}: {what} ({failure.found})")
    return missing


def _set_down(root: HostRoot, netdev: str) -> None:
    root.run(["ip", "link", "set", "dev", netdev, "down"], changes=True)


def _bind_again(root: HostRoot, state: State, index: int) -> None:
    address = functions.virtual_functions_of(root, state.pci).get(index)
    if address:
        binding.bind(root, address, state.overrides[index])
