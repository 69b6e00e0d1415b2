# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The addresses that a physical function gives to its VFs, known before they are there.

PCI Express Base Specification, SR-IOV capability (First VF Offset, VF Stride); Linux drivers/pci/iov.c, pci_iov_virtfn_bus and _devfn, and
Documentation/ABI/testing/sysfs-bus-pci (sriov_offset, sriov_stride).
"""

from __future__ import annotations

FUNCTIONS_PER_BUS = 256  # 32 devices with 8 functions: the low byte of a routing ID


def index_of(address: str, physical: str, offset: int | None, stride: int | None, total: int | None) -> int | None:
    """The number of the VF of C(physical) that has, or would have, this address; None if it has none such."""
    if not offset or not total or address.split(":")[0] != physical.split(":")[0]:
        return None
    distance = _routing_id(address) - _routing_id(physical) - offset
    if total == 1 or not stride:
        return 0 if distance == 0 else None
    index, rest = divmod(distance, stride)
    return index if rest == 0 and 0 <= index < total else None


def _routing_id(address: str) -> int:
    """Bus, device and function of C(domain:bus:device.function) as one number."""
    _domain, bus, rest = address.split(":")
    device, function = rest.split(".")
    return int(bus, 16) * FUNCTIONS_PER_BUS + int(device, 16) * 8 + int(function)
