# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a host's /sys and /proc: plain files, as a kernel shows them to a reader. It proves how files are read, nothing more.

It copies the layout of Documentation/ABI/stable/sysfs-devices-system-cpu, .../sysfs-devices-node and .../testing/sysfs-bus-pci, and the
behaviour that an offline CPU has no topology directory (drivers/base/topology.c creates it when the CPU comes online).
"""

from __future__ import annotations

import pathlib

CPU = "sys/devices/system/cpu"
NODE = "sys/devices/system/node"


class SysfsHost:
    """Writes below C(root). Everything is text, so that a test can also write what no kernel should."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")

    def link(self, path: str, target: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)

    def cpu_lists(self, present: str, online: str | None = None, possible: str | None = None) -> None:
        self.write(f"{CPU}/present", present)
        self.write(f"{CPU}/online", present if online is None else online)
        self.write(f"{CPU}/possible", present if possible is None else possible)

    def cpu(self, number: int, siblings: str, package: int = 0, core: int | None = None, **attributes: object) -> None:
        """An online CPU. Further C(attributes) are files below its directory, C(__) standing for a slash."""
        directory = f"{CPU}/cpu{number}"
        self.write(f"{directory}/topology/thread_siblings_list", siblings)
        self.write(f"{directory}/topology/physical_package_id", str(package))
        self.write(f"{directory}/topology/core_id", str(number if core is None else core))
        for name, value in attributes.items():
            self.write(f"{directory}/{name.replace('__', '/')}", str(value))

    def node(self, number: int, cpus: str, memory_kib: int | None = 16 << 20, distances: str | None = None) -> None:
        self.write(f"{NODE}/node{number}/cpulist", cpus)
        if memory_kib is not None:
            self.write(f"{NODE}/node{number}/meminfo", f"Node {number} MemTotal:       {memory_kib} kB\nNode {number} MemFree: 0 kB")
        if distances is not None:
            self.write(f"{NODE}/node{number}/distance", distances)

    def hugepages(self, node: int, size_kib: int, total: int = 0, free: int = 0) -> None:
        directory = f"{NODE}/node{node}/hugepages/hugepages-{size_kib}kB"
        self.write(f"{directory}/nr_hugepages", str(total))
        self.write(f"{directory}/free_hugepages", str(free))
        self.write(f"{directory}/surplus_hugepages", "0")

    def pci_nic(self, address: str, name: str | None, numa_node: int | None, local_cpus: str | None, bridges: tuple[str, ...] = ()) -> None:
        """A network function below C(bridges), the root port first."""
        chain = "/".join((f"pci{address.rsplit(':', 2)[0]}:00", *bridges, address))
        device = f"sys/devices/{chain}"
        self.write(f"{device}/class", "0x020000")
        if numa_node is not None:
            self.write(f"{device}/numa_node", str(numa_node))
        if local_cpus is not None:
            self.write(f"{device}/local_cpulist", local_cpus)
        self.link(f"sys/bus/pci/devices/{address}", f"../../../devices/{chain}")
        if name:
            self.write(f"{device}/net/{name}/address", "02:00:00:00:00:01")
            self.link(f"sys/class/net/{name}", f"../../devices/{chain}/net/{name}")
            self.link(f"{device}/net/{name}/device", f"../../../{address}")

    def pci_bridge(self, address: str, numa_node: int) -> None:
        device = f"sys/devices/pci{address.rsplit(':', 2)[0]}:00/{address}"
        self.write(f"{device}/class", "0x060400")
        self.write(f"{device}/numa_node", str(numa_node))
        self.link(f"sys/bus/pci/devices/{address}", f"../../../devices/pci{address.rsplit(':', 2)[0]}:00/{address}")
