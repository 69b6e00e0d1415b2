# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""PCI functions as sysfs shows them: driver, netdevs, physical and virtual functions, IOMMU group. Reads only.

Sources: Documentation/ABI/testing/sysfs-bus-pci, .../sysfs-kernel-iommu_groups, Documentation/PCI/pci-iov-howto.rst.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.virtual_addresses import index_of
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.network_devices import PCI_ADDRESS, PCI_DEVICES

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

PCI_DRIVERS = "/sys/bus/pci/drivers"
MAKE_FIRST = "make the VFs first (baremetal.vmsite.sriov)"
IOMMU_GROUPS = "/sys/kernel/iommu_groups"


def is_address(text: str) -> bool:
    return PCI_ADDRESS.fullmatch(text) is not None


def directory(address: str) -> str:
    return f"{PCI_DEVICES}/{address}"


def exists(root: HostRoot, address: str) -> bool:
    return root.is_dir(directory(address))


def driver_of(root: HostRoot, address: str) -> str | None:
    return _last(root.readlink(f"{directory(address)}/driver"))


def override_of(root: HostRoot, address: str) -> str | None:
    """The name in driver_override; the kernel shows C((null)) where there is none."""
    text = (root.read_optional(f"{directory(address)}/driver_override") or "").strip()
    return None if text in ("", "(null)") else text


def netdevs_of(root: HostRoot, address: str) -> list[str]:
    """The netdevs of a function in this network namespace."""
    return root.names(f"{directory(address)}/net")


def physical_function_of(root: HostRoot, address: str) -> str | None:
    """The PF of a VF; None for anything else."""
    return _last(root.readlink(f"{directory(address)}/physfn"))


def virtual_functions_of(root: HostRoot, address: str) -> dict[int, str]:
    """Index -> address of the VFs of a PF."""
    found = {}
    for name in root.names(directory(address)):
        match = re.fullmatch(r"virtfn(\d+)", name)
        target = _last(root.readlink(f"{directory(address)}/{name}")) if match else None
        if match and target:
            found[int(match[1])] = target
    return dict(sorted(found.items()))


def maker_of(root: HostRoot, address: str) -> str | None:
    """The PF that would give this address to one of its VFs; None if no function of the host would."""
    for path in root.glob(f"{PCI_DEVICES}/*/sriov_totalvfs"):
        physical = path.split("/")[-2]
        offset, stride, total = (number(root, physical, f"sriov_{name}") for name in ("offset", "stride", "totalvfs"))
        if index_of(address, physical, offset, stride, total) is not None:
            return physical
    return None


def is_possible(root: HostRoot, address: str) -> bool:
    """It is there, or it is a VF that is still to be made: what a plan may name. To be driven it must be there."""
    return exists(root, address) or maker_of(root, address) is not None


def who_makes(root: HostRoot, address: str) -> str:
    """Of a VF that is still to be made, for a message."""
    return f"{maker_of(root, address)} makes it when it has that many VFs"


def iommu_group_of(root: HostRoot, address: str) -> str | None:
    """The group's name: a number, another one after a reboot."""
    return _last(root.readlink(f"{directory(address)}/iommu_group"))


def group_members(root: HostRoot, group: str) -> list[str]:
    return root.names(f"{IOMMU_GROUPS}/{group}/devices")


def number(root: HostRoot, address: str, attribute: str) -> int | None:
    text = (root.read_optional(f"{directory(address)}/{attribute}") or "").strip()
    return int(text) if re.fullmatch(r"-?\d+", text) else None


def _last(link: str | None) -> str | None:
    return link.rstrip("/").rsplit("/", 1)[-1] if link else None
