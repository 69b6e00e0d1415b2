# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for what Linux does with PCI functions, on plain files below a directory. It imports nothing of the collection.

What it copies:
- drivers/pci/iov.c, sriov_numvfs_store: ERANGE above sriov_totalvfs; nothing happens if the number is the same; ENOENT without a driver; EBUSY
  from one number other than 0 to another; a driver may enable fewer than asked, and the write succeeds. sriov_enable: EIO, ENOMEM, EINVAL.
- drivers/pci/iov.c, pci_iov_virtfn_bus/_devfn: VF addresses by offset and stride (here igb's 128 and 2); virtfnN and physfn links; VFs that are
  made again know nothing of what they were.
- drivers/pci/pci-driver.c: pci_device_can_probe (drivers_autoprobe=0 keeps drivers off a VF unless it has an override), pci_match_device (an
  override matches that driver alone), driver_override_store (a line feed clears it, C((null)) is shown without one).
- drivers/base/bus.c: drivers_probe succeeds also where no driver took the device, EINVAL where there is none; unbind, ENODEV for another's device.
- drivers/vfio/vfio_main.c: a device whose group a process holds open cannot be taken from vfio-pci; here that is a hang, told as an AssertionError.
"""

from __future__ import annotations

import errno
import os
import pathlib
import re
import shutil

DEVICES = "sys/bus/pci/devices"
DRIVERS = "sys/bus/pci/drivers"
OFFSET, STRIDE = 128, 2
NO_OVERRIDE = "(null)"


class PciKernel:
    """All state is in files, so that another process can go on where one was killed. C(refusals): (PF, count) -> error code."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.refusals: dict[tuple[str, int], int] = {}
        self.enables_at_most: dict[str, int] = {}

    # What there is

    def load_driver(self, name: str) -> None:
        for directory in (f"{DRIVERS}/{name}", f"sys/module/{name.replace('-', '_')}"):
            (self.root / directory).mkdir(parents=True, exist_ok=True)

    def add_nic(
        self, address: str, netdev: str, total: int = 7, group: int | None = 1, drivers: tuple[str, str] = ("igb", "igbvf")
    ) -> None:
        """A physical function on its driver; its VFs will be taken by the second of C(drivers). C(total) 0: no SR-IOV."""
        for name in drivers:
            self.load_driver(name)
        self._add_device(address, drivers[0], group)
        self._write(f"{DEVICES}/{address}/fake_netdev", netdev)
        if total:
            for name, value in (("totalvfs", total), ("numvfs", 0), ("offset", OFFSET), ("stride", STRIDE), ("drivers_autoprobe", 1)):
                self._write(f"{DEVICES}/{address}/sriov_{name}", str(value))
            self._write(f"{DEVICES}/{address}/fake_vf_driver", drivers[1])
        self._probe(address)

    def process(
        self, number: int, name: str, open_files: tuple[str, ...] = (), cmdline: tuple[str, ...] = (), namespace: str = "1"
    ) -> None:
        self._write(f"proc/{number}/comm", name)
        (self.root / f"proc/{number}/cmdline").write_text("\0".join((*cmdline, "")))
        self._link(f"proc/{number}/ns/net", f"net:[{namespace}]")
        for descriptor, target in enumerate(open_files, 3):
            self._link(f"proc/{number}/fd/{descriptor}", target)

    def move_netdev_away(self, address: str) -> None:
        """To another network namespace: sysfs shows the class directory still, and nothing in it (net/core/dev.c, fs/kernfs namespaces)."""
        for entry in (self.root / DEVICES / address / "net").iterdir():
            (self.root / "sys/class/net" / entry.name).unlink()
            shutil.rmtree(entry)

    # What a write does

    def write(self, path: str, text: str) -> None:
        """Raises OSError as write(2) would. A path that is none of the PCI core's is an ordinary file."""
        name = str(pathlib.Path(path).relative_to(self.root))
        if name == "sys/bus/pci/drivers_probe":
            self._drivers_probe(text.strip())
            return
        device = re.fullmatch(rf"{DEVICES}/([^/]+)/(sriov_numvfs|driver_override|driver/unbind)", name)
        if device and device[2] == "sriov_numvfs":
            self._set_numvfs(device[1], int(text))
        elif device and device[2] == "driver_override":
            self._write(f"{DEVICES}/{device[1]}/driver_override", text.strip() or NO_OVERRIDE)
        elif device:
            self._unbind(device[1], text.strip())
        else:
            pathlib.Path(path).write_text(f"{text}\n")

    def _set_numvfs(self, address: str, count: int) -> None:
        current = int(self._read(f"{DEVICES}/{address}/sriov_numvfs"))
        if count > int(self._read(f"{DEVICES}/{address}/sriov_totalvfs")):
            raise _error(errno.ERANGE)
        if count == current:
            return
        if self._driver(address) is None:
            raise _error(errno.ENOENT)
        if count and current:
            raise _error(errno.EBUSY)
        if (address, count) in self.refusals:
            raise _error(self.refusals[address, count])
        for index in range(current):
            self._remove_vf(address, index)
        enabled = min(count, self.enables_at_most.get(address, count))
        for index in range(enabled):
            self._add_vf(address, index)
        self._write(f"{DEVICES}/{address}/sriov_numvfs", str(enabled))

    def _drivers_probe(self, address: str) -> None:
        if not (self.root / DEVICES / address).is_dir():
            raise _error(errno.EINVAL)
        if self._driver(address) is None:
            self._probe(address)

    def _unbind(self, address: str, named: str) -> None:
        if named != address or self._driver(address) is None:
            raise _error(errno.ENODEV)
        if self._driver(address) == "vfio-pci":
            group = os.path.basename(os.readlink(self.root / DEVICES / address / "iommu_group"))
            held = [file for file in self.root.glob("proc/*/fd/*") if os.readlink(file) == f"/dev/vfio/{group}"]
            assert not held, f"the kernel would wait for ever: {address} is held open by {held}"
        (self.root / DEVICES / address / "driver").unlink()
        for entry in (self.root / DEVICES / address / "net").glob("*"):
            (self.root / "sys/class/net" / entry.name).unlink()
        shutil.rmtree(self.root / DEVICES / address / "net", ignore_errors=True)

    def _probe(self, address: str) -> None:
        override = self._read(f"{DEVICES}/{address}/driver_override")
        parent = self.root / DEVICES / address / "physfn"
        if (
            parent.is_symlink()
            and override == NO_OVERRIDE
            and self._read(f"{DEVICES}/{parent.readlink().name}/sriov_drivers_autoprobe") == "0"
        ):
            return
        driver = override if override != NO_OVERRIDE else self._read(f"{DEVICES}/{address}/fake_driver")
        if not (self.root / DRIVERS / driver).is_dir():
            return
        self._link(f"{DEVICES}/{address}/driver", f"../../drivers/{driver}")
        if driver != "vfio-pci":
            netdev = self._read(f"{DEVICES}/{address}/fake_netdev")
            for name, value in (("flags", "0x1002"), ("carrier", "0")):
                self._write(f"{DEVICES}/{address}/net/{netdev}/{name}", value)
            self._link(f"sys/class/net/{netdev}", f"../../bus/pci/devices/{address}/net/{netdev}")

    def _add_vf(self, parent: str, index: int) -> None:
        address = vf_address(parent, index)
        group = int(os.path.basename(os.readlink(self.root / DEVICES / parent / "iommu_group"))) * 100 + index
        self._add_device(address, self._read(f"{DEVICES}/{parent}/fake_vf_driver"), group)
        self._link(f"{DEVICES}/{address}/physfn", f"../{parent}")
        self._link(f"{DEVICES}/{parent}/virtfn{index}", f"../{address}")
        self._write(f"{DEVICES}/{address}/fake_netdev", f"{self._read(f'{DEVICES}/{parent}/fake_netdev')}v{index}")
        self._probe(address)

    def _remove_vf(self, parent: str, index: int) -> None:
        address = vf_address(parent, index)
        if self._driver(address):
            self._unbind(address, address)
        group = self.root / DEVICES / address / "iommu_group"
        shutil.rmtree(self.root / "sys/kernel/iommu_groups" / os.path.basename(os.readlink(group)))
        shutil.rmtree(self.root / DEVICES / address)
        (self.root / DEVICES / parent / f"virtfn{index}").unlink()
        for kept in (self.root / "fake").glob(f"{parent}-vf{index}.json"):
            kept.unlink()

    def _add_device(self, address: str, driver: str, group: int | None) -> None:
        self._write(f"{DEVICES}/{address}/class", "0x020000")
        self._write(f"{DEVICES}/{address}/driver_override", NO_OVERRIDE)
        self._write(f"{DEVICES}/{address}/fake_driver", driver)
        self._write(f"{DEVICES}/{address}/modalias", f"pci:{driver}")
        if group is not None:
            self._link(f"{DEVICES}/{address}/iommu_group", f"../../../../kernel/iommu_groups/{group}")
            self._link(f"sys/kernel/iommu_groups/{group}/devices/{address}", f"../../../../bus/pci/devices/{address}")

    def _driver(self, address: str) -> str | None:
        link = self.root / DEVICES / address / "driver"
        return link.readlink().name if link.is_symlink() else None

    def _read(self, path: str) -> str:
        return (self.root / path).read_text().strip()

    def _write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    def _link(self, path: str, target: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)


def vf_address(parent: str, index: int) -> str:
    domain, bus, device, function = re.split(r"[:.]", parent)
    routing_id = (int(bus, 16) << 8) + (int(device, 16) << 3) + int(function) + OFFSET + STRIDE * index
    return f"{domain}:{routing_id >> 8:02x}:{routing_id >> 3 & 0x1F:02x}.{routing_id & 7}"


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
