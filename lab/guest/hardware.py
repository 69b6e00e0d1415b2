# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The definition as QEMU's arguments: what a rack's server has and the lab's hosts cannot have."""

from __future__ import annotations

from pathlib import Path

from .definition import (
    CPUS_PER_NODE,
    EXPANDER_BUS,
    MACHINE_TYPE,
    MANAGEMENT_MAC,
    MEMORY_MIB_PER_NODE,
    NAME,
    NICS,
    NODES,
    SSH_ADDRESS,
    SSH_PORT,
)


def hardware(disk: Path, console: Path) -> list[str]:
    """Of the guest with its disk in the qcow2 file `disk`. What its serial console prints is added to the file `console`."""
    return [*_processors_and_memory(), *_disk(disk), *_management_nic(), *_nics(), *_console(console)]


def _processors_and_memory() -> list[str]:
    arguments = [
        # Software emulation: it needs no help of this machine's processor, and is the same everywhere.
        *("-accel", "tcg,thread=multi,tb-size=512"),
        # Interrupt remapping by the IOMMU needs the split irqchip.
        *("-machine", f"{MACHINE_TYPE},kernel-irqchip=split"),
        # Without AVX, which costs more to emulate than it saves, and without nested virtualization, which nothing here needs.
        *("-cpu", "max,-avx,-avx2,-svm"),
        *("-smp", f"{NODES * CPUS_PER_NODE},sockets={NODES},cores={CPUS_PER_NODE},threads=1"),
        *("-m", str(NODES * MEMORY_MIB_PER_NODE)),
    ]
    for node in range(NODES):
        first = node * CPUS_PER_NODE
        arguments += ["-object", f"memory-backend-ram,id=memory{node},size={MEMORY_MIB_PER_NODE}M"]
        arguments += ["-numa", f"node,nodeid={node},cpus={first}-{first + CPUS_PER_NODE - 1},memdev=memory{node}"]
    arguments += ["-numa", "dist,src=0,dst=1,val=21"]
    # It must come before every device that it translates for.
    return [*arguments, "-device", "intel-iommu,intremap=on,caching-mode=on,device-iotlb=on"]


def _disk(disk: Path) -> list[str]:
    # writeback: what the guest has flushed is in this machine's page cache and survives a killed QEMU, as it would survive a power cut.
    # cache=unsafe drops the guest's flushes, and QEMU would take the image's tables with it.
    return [
        *("-drive", f"file={disk},format=qcow2,if=none,id=disk,cache=writeback,discard=unmap"),
        *("-device", "virtio-blk-pci,drive=disk,bootindex=1"),
    ]


def _management_nic() -> list[str]:
    # An empty romfile: no NIC boots from the network, so no boot ROMs are needed.
    return [
        *("-netdev", f"user,id=management,hostfwd=tcp:{SSH_ADDRESS}:{SSH_PORT}-:22"),
        *("-device", f"virtio-net-pci,netdev=management,mac={MANAGEMENT_MAC},romfile="),
    ]


def _nics() -> list[str]:
    """Each on a hub of its own: with link, and nobody on the other side."""
    arguments = []
    for node, bus in enumerate(EXPANDER_BUS):
        arguments += ["-device", f"pxb-pcie,id=expander{node},bus_nr={bus},bus=pcie.0,numa_node={node}"]
    for number, nic in enumerate(NICS, 1):
        arguments += ["-device", f"pcie-root-port,id=port{number},bus=expander{nic.node},chassis={number},slot={number}"]
        arguments += ["-netdev", f"hubport,id=net{number},hubid={number}"]
        arguments += ["-device", f"igb,netdev=net{number},bus=port{number},mac={nic.mac},romfile="]
    return arguments


def _console(console: Path) -> list[str]:
    return [
        *("-name", NAME, "-display", "none", "-vga", "none"),
        # Not cut at the next start: after a power cut the end of the story is what one wants to read.
        *("-chardev", f"file,id=console,path={console},append=on", "-serial", "chardev:console"),
    ]
