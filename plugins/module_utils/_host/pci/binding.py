# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Bind one PCI function to a driver, by driver_override: it concerns this function alone, where C(new_id) would take all of its kind.

Documentation/ABI/testing/sysfs-bus-pci: an override also matches where the PF's sriov_drivers_autoprobe is 0 (drivers/pci/pci-driver.c,
pci_device_can_probe); a line feed alone clears it; C(none) is the name that no driver has. drivers_probe is answered with success even if no
driver took the function, so the result is read.
"""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import functions

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

PROBE = "/sys/bus/pci/drivers_probe"
NO_DRIVER = "none"
SETTLE_SECONDS = 30


def bind(root: HostRoot, address: str, override: str | None) -> None:
    """Give the function to the driver C(override) names, to none at all (C(NO_DRIVER)), or with None to the kernel's own choice.

    For the kernel's own choice the override goes last but one: as long as it is there, a run that was killed is seen to be unfinished.
    """
    directory = functions.directory(address)
    wanted = None if override == NO_DRIVER else override
    if override is not None and functions.override_of(root, address) != override:
        root.write_value(f"{directory}/driver_override", override)
    if override is not None and functions.driver_of(root, address) == wanted:
        return
    if functions.driver_of(root, address):
        root.write_value(f"{directory}/driver/unbind", address)
    if override == NO_DRIVER:
        return
    if override is None:
        if functions.override_of(root, address) is not None:
            root.write_value(f"{directory}/driver_override", "\n")
        load_own_driver(root, address)
    if functions.driver_of(root, address) is None:  # loading a driver has probed it already
        root.write_value(PROBE, address)
    found = functions.driver_of(root, address)
    if override is not None and found != override:
        raise Failure(
            asked=f"{address} on driver {override}",
            found=f"the driver did not take it; it is now on {found or 'no driver'}",
            where=directory,
            remedy="look at the kernel's log for this address; for vfio-pci: switch the IOMMU on in firmware and kernel",
        )


def settle(root: HostRoot) -> None:
    """Let udev end what new functions set off: it loads their driver after they have appeared, and a driver that is still probing cannot be
    taken off (its unbind file is not there yet). What has not ended after the time-out shows in what is read next."""
    if root.has_program("udevadm"):
        root.run(["udevadm", "settle", f"--timeout={SETTLE_SECONDS}"], changes=False, timeout=2 * SETTLE_SECONDS, check=False)


def own_drivers(root: HostRoot, address: str) -> list[str]:
    """The modules that the kernel would load for this function by itself; none for a VF whose PF has drivers_autoprobe off."""
    above = functions.physical_function_of(root, address)
    if above and functions.number(root, above, "sriov_drivers_autoprobe") == 0:
        return []
    modalias = (root.read_optional(f"{functions.directory(address)}/modalias") or "").strip()
    if not modalias or not root.has_program("modprobe"):
        return []
    done = root.run(["modprobe", "--resolve-alias", modalias], changes=False, check=False)
    return done.out.split() if done.rc == 0 else []


def load_own_driver(root: HostRoot, address: str) -> None:
    for module in own_drivers(root, address):
        if not root.is_dir(f"/sys/module/{module.replace('-', '_')}"):
            load_driver(root, module)


def load_driver(root: HostRoot, name: str) -> None:
    root.run(["modprobe", "--", name], changes=True)


def can_load(root: HostRoot, name: str) -> bool:
    """Whether there is such a module; loads nothing."""
    if not root.has_program("modprobe"):
        return False
    return root.run(["modprobe", "--dry-run", "--quiet", "--", name], changes=False, check=False).rc == 0
