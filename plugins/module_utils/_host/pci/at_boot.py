# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Drivers at boot: a table of functions and drivers, and the program that binds them before network and kubelet start, after the VFs are made."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot_unit import DATA, PROGRAMS, EarlyProgram, written_by

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot_unit import BootUnit
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

UNIT = "vmsite-pci-driver.service"
TABLE = f"{DATA}/pci-driver.table"
PROGRAM_PATH = f"{PROGRAMS}/pci-driver-at-boot"
DOOR = "baremetal.vmsite.pci_driver"
WRITTEN_BY = written_by(DOOR)

PROGRAM = f"""\
#!/usr/bin/env python3
{WRITTEN_BY}
\"\"\"Bind each function of the table to its driver: pci-driver-at-boot [SECONDS], how long to wait for a function to appear.\"\"\"
import os
import subprocess
import sys
import time

ROOT = os.environ.get("VMSITE_ROOT", "")
PCI = ROOT + "/sys/bus/pci"


def driver_of(address):
    link = PCI + "/devices/" + address + "/driver"
    return os.path.basename(os.readlink(link)) if os.path.islink(link) else "none"


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def bind(address, driver, patience):
    device = PCI + "/devices/" + address
    deadline = time.monotonic() + patience
    while not os.path.isdir(device):
        if time.monotonic() > deadline:
            raise OSError("no such function within %g s" % patience)
        time.sleep(0.5)
    if driver != "none" and not os.path.isdir(PCI + "/drivers/" + driver):
        subprocess.run(["modprobe", "--", driver], check=False)  # what it cannot load, the probe below does not find
    write(device + "/driver_override", driver)
    if driver_of(address) == driver:
        return
    if driver_of(address) != "none":
        write(device + "/driver/unbind", address)
    if driver != "none":
        write(PCI + "/drivers_probe", address)
    if driver_of(address) != driver:
        raise OSError("driver %s did not take it, it is on %s" % (driver, driver_of(address)))


try:  # the VFs may have been made a moment ago, and udev may still be loading their driver
    subprocess.run(["udevadm", "settle", "--timeout=60"], check=False)
except OSError as error:
    print(error, file=sys.stderr)
failed = False
with open(ROOT + "{TABLE}") as table:
    lines = [line.split() for line in table if line.strip() and not line.startswith("#")]
for address, driver in lines:
    try:
        bind(address, driver, float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
    except OSError as error:
        print("%s: %s" % (address, error), file=sys.stderr)
        failed = True
sys.exit(failed)
"""

AT_BOOT = EarlyProgram(
    unit=UNIT,
    description="PCI functions on their drivers, before the network",
    door=DOOR,
    table=TABLE,
    path=PROGRAM_PATH,
    text=PROGRAM,
    reason="a reboot forgets driver overrides: a unit sets them before network and kubelet start",
    after=("vmsite-sriov.service",),
)


def boot_unit(root: HostRoot, wanted: t.Mapping[str, str | None]) -> BootUnit:
    """C(wanted): function -> driver; a function for the kernel's own choice needs nothing at boot."""
    return AT_BOOT.boot_unit(root, [f"{address} {driver}" for address, driver in sorted(wanted.items()) if driver is not None])
