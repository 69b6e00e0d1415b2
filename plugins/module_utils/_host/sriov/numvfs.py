# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The number of VFs: written as the kernel wants it, its error codes as causes, and read back.

Linux, drivers/pci/iov.c: sriov_numvfs_store (ERANGE, ENOENT, EBUSY; a driver may enable fewer without an error), sriov_enable (EIO, ENOMEM,
EINVAL). A change between two numbers other than 0 is refused with EBUSY, so the count goes through 0.
"""

from __future__ import annotations

import errno
import time
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import functions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.binding import settle

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

SETTLE_SECONDS = 10.0

# Error code -> (what it means here, what to do).
CAUSES = {
    errno.EBUSY: (
        "VFs are there already that something else has just made, or the driver keeps VFs that a guest has",
        "find out what else writes sriov_numvfs (udev rule, NetworkManager, a CNI operator), stop it, and run again",
    ),
    errno.ENOMEM: (
        "no room for the VFs: the firmware left too little memory space (BARs) or too few bus numbers below the slot",
        "switch SR-IOV, ARI and 64-bit decoding (above 4G) on in the firmware, or boot with pci=realloc, or pci=assign-busses; or ask for fewer",
    ),
    errno.ERANGE: ("more VFs than sriov_totalvfs", "ask for fewer, or raise the limit in the NIC's firmware"),
    errno.EIO: (
        "the NIC contradicts itself about its VFs, or does not answer",
        "update its firmware, see whether the card sits well; then power-cycle the host: a reboot may not reset the card",
    ),
    errno.ENOENT: (
        "no driver is bound to it, or its driver cannot make VFs",
        "bind the NIC to its kernel driver; a function on vfio-pci makes no VFs unless vfio-pci was told to",
    ),
    errno.ENOSPC: ("the NIC is out of interrupts (MSI-X) for so many VFs", "ask for fewer, or give the PF fewer queues"),
    errno.EINVAL: ("the driver or firmware takes no such number", "ask for fewer, or raise the limit in the NIC's firmware"),
    errno.EPERM: ("the kernel or the NIC's firmware forbids it", "run with become; switch SR-IOV on in the NIC's own configuration tool"),
    errno.ENODEV: ("the NIC is gone, or the function that it depends on is", "look at the kernel's log for this address"),
    errno.EOPNOTSUPP: ("the driver makes no VFs in its present mode", "look at the port's eswitch mode (devlink dev eswitch show)"),
}


def set_count(root: HostRoot, pci: str, count: int) -> None:
    """Make it C(count) VFs, through 0 where needed. Raises Failure with the cause; the caller puts back what was before."""
    current = functions.number(root, pci, "sriov_numvfs")
    if current == count:
        return
    if current:
        _write(root, pci, 0)
    if count:
        _write(root, pci, count)
        settle(root)


def _write(root: HostRoot, pci: str, count: int) -> None:
    attribute = f"{functions.directory(pci)}/sriov_numvfs"
    try:
        root.write_value(attribute, str(count))
    except Failure as refused:
        code = getattr(refused.__cause__, "errno", None)
        cause, remedy = CAUSES.get(code or 0, ("", refused.remedy))
        raise Failure(
            asked=f"{count} VFs on {pci}",
            found=f"{refused.found}{f': {cause}' if cause else ''}",
            where=attribute,
            remedy=f"{remedy}; the kernel's log says more",
        ) from refused
    _wait_for(root, pci, count, attribute)


def _wait_for(root: HostRoot, pci: str, count: int, attribute: str) -> None:
    """The links to the VFs are there when the write returns; where a platform adds VFs later (no_vf_scan), soon after."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        got = functions.number(root, pci, "sriov_numvfs")
        linked = len(functions.virtual_functions_of(root, pci))
        if got == count == linked:
            return
        if got != count or time.monotonic() > deadline:
            raise Failure(
                asked=f"{count} VFs on {pci}",
                found=f"the write was taken, but {got} are enabled and {linked} have appeared",
                where=attribute,
                remedy="ask for as many as the driver gives, or look at the kernel's log for what it could not make",
            )
        time.sleep(0.1)
