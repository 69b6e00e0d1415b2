# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What must not be unbound from its driver, and what a user may not give to user space: each with who or what is in the way.

A group is given to user space as a whole, so every other member of it must be without a driver, or on one that does no DMA of its own
(Linux: Documentation/driver-api/vfio.rst; drivers/iommu/iommu.c iommu_group_claim_dma_owner; drivers with driver_managed_dma).
"""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import functions

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

BRIDGE_CLASS = "0x06"
WITHOUT_DMA = ("pci-stub", "pcieport", "pciback")
NO_IOMMU_MODE = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"


def is_for_user_space(driver: str | None) -> bool:
    """vfio-pci and its variants (mlx5_vfio_pci and others)."""
    return driver is not None and "vfio" in driver


def is_bridge(root: HostRoot, address: str) -> bool:
    return (root.read_optional(f"{functions.directory(address)}/class") or "").startswith(BRIDGE_CLASS)


def group_is_in_the_way(root: HostRoot, address: str, wanted: t.Mapping[str, str]) -> str | None:
    """Why this function cannot go to vfio; None if it can. C(wanted): function -> driver, of everything that changes in this call."""
    group = functions.iommu_group_of(root, address)
    if group is None:
        if (root.read_optional(NO_IOMMU_MODE) or "").strip() in ("Y", "1"):
            return None
        return "it has no IOMMU group: the IOMMU is off"
    others = []
    for member in functions.group_members(root, group):
        driver = wanted[member] if member in wanted else functions.driver_of(root, member)
        if member == address or is_bridge(root, member) or driver in (None, "none") or is_for_user_space(driver) or driver in WITHOUT_DMA:
            continue
        others.append(f"{member} on {driver}")
    return f"its IOMMU group {group} has other members with a driver of the host: {', '.join(others)}" if others else None


def mounted(root: HostRoot, address: str) -> list[str]:
    """Where file systems on disks behind this function are mounted, and swap; device mapper and RAID are followed down."""
    places: dict[str, str] = {}
    for line in (root.read_optional("/proc/self/mountinfo") or "").splitlines():
        words, _separator, rest = line.partition(" - ")
        source = rest.split()[1] if len(rest.split()) > 1 else ""
        if source.startswith("/dev/"):
            places.setdefault(source, f"{source} is mounted on {words.split()[4]}")
    for line in (root.read_optional("/proc/swaps") or "").splitlines()[1:]:
        source = line.split()[0]
        if source.startswith("/dev/"):
            places.setdefault(source, f"{source} is swap")
    return [said for source, said in places.items() if address in _functions_below(root, source)]


def _functions_below(root: HostRoot, source: str) -> set[str]:
    """The PCI functions that the block device stands on."""
    link = root.readlink(source)
    ahead = [(link or source).rsplit("/", 1)[-1]]
    seen: set[str] = set()
    found: set[str] = set()
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        path = root.readlink(f"/sys/class/block/{name}") or ""
        found |= {part for part in path.split("/") if functions.is_address(part)}
        ahead += root.names(f"/sys/class/block/{name}/slaves")
        parent = path.rstrip("/").split("/")[-2:-1]
        if parent and root.exists(f"/sys/class/block/{parent[0]}/slaves"):
            ahead.append(parent[0])  # a partition of a device that stands on others
    return found
