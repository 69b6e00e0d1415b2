# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guest is. Everything a reader may want to change stands here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Name in the inventory, host name, and name of the virtual machine.
NAME = "guest1"
# Debian 13 in the guest: the Open vSwitch, DPDK and libvirt that a site would install today.
SUITE = "trixie"
DISK_GIB = 10

# Programs of the machine itself, as Debian packages. Only missing ones are installed.
MACHINE_PACKAGES = (
    "mmdebstrap",
    "debian-archive-keyring",
    "fdisk",
    "e2fsprogs",
    "mount",
    "util-linux",
    "iproute2",
    "openssh-client",
)

# Where QEMU comes from. igb, the NIC with virtual functions, is not in Debian 12's own QEMU 7.2; the packages of its backports fit no other
# Debian. They are unpacked below the cache, not installed.
QEMU_MACHINE_SUITE = "bookworm"
QEMU_SUITE = "bookworm-backports"
QEMU_PACKAGES = ("qemu-system-x86", "qemu-utils")
# The machine type is part of the hardware: with its version, another QEMU builds the same one.
MACHINE_TYPE = "pc-q35-10.0"

# Two CPUs on each of two NUMA nodes: 0 and 1, 2 and 3.
NODES = 2
CPUS_PER_NODE = 2
MEMORY_MIB_PER_NODE = 3072


@dataclass(frozen=True)
class Nic:
    """A physical function (igb, up to seven virtual functions) behind a root port of its own."""

    mac: str
    node: int


# In the guest they are ens1 to ens4, PCI addresses 0000:21:00.0, 0000:22:00.0, 0000:41:00.0 and 0000:42:00.0.
NICS = (
    Nic("52:54:00:aa:00:01", 0),
    Nic("52:54:00:aa:00:02", 0),
    Nic("52:54:00:aa:00:03", 1),
    Nic("52:54:00:aa:00:04", 1),
)
# PCI bus of the expander of each node; what hangs below it has higher numbers.
EXPANDER_BUS = (32, 64)
MANAGEMENT_MAC = "52:54:00:00:00:01"
# What QEMU's user network gives its only machine by DHCP: the guest's address as it sees itself, and as its inventory has it.
MANAGEMENT_ADDRESS = "10.0.2.15"

# ssh of the guest, on this machine alone.
SSH_ADDRESS = "127.0.0.1"
SSH_PORT = 2290
# Under software emulation a login takes seconds, and a busy kernel may say nothing for half a minute.
CONNECT_SECONDS = 30
SILENT_SECONDS = 60

# From QEMU's start to a login with all units started. 40 s on two quiet cores, 100 s beside other work.
BOOT_SECONDS = 240
# About one boot in twenty does not come up: some were without their network, in one CPU 3 got no timer interrupts ("rcu_preempt kthread timer
# wakeup didn't happen" on the console). Why is not known. Such a boot is repeated once, counted and printed.
BOOT_ATTEMPTS = 2
# From the kill of QEMU to its end: the kernel frees the guest's memory, and may have to wait for a disk.
KILL_SECONDS = 30

# State that must not outlive a boot of the machine, and the ssh configuration (so that inventories can name it).
RUNTIME = Path("/run/baremetal-vmsite-guest")
