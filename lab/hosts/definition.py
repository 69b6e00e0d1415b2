# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab is. Everything a reader may want to change stands here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

# Debian 12 is what the hosts run.
SUITE = "bookworm"

# Programs of the machine itself, as Debian packages. Only missing ones are installed.
MACHINE_PACKAGES = (
    "podman",
    "runc",  # crun refuses the hybrid cgroup layout
    "conmon",
    "mmdebstrap",
    "debian-archive-keyring",
    "iproute2",
    "ethtool",
    "openssh-client",
    "cpio",
)

# Packages that are unpacked for the test VM but not installed on the machine.
TEST_VM_KERNEL = "linux-image-cloud-amd64"
TEST_VM_BUSYBOX = "busybox-static"
TEST_VM_COMPILER = "tcc"  # for its UDP echo server; needs no headers or libraries

# 2 MiB pages. OVS with one pool of packet buffers for all ports takes 456 per host (inventories/lab), with a pool per port 62; a VM of
# 128 MiB takes 64, twice while it migrates. Two hosts with shared pools and four VMs, one of which migrates, need 1232.
HUGEPAGES_2M = 1280

# All hosts together weigh as much as eight ordinary processes; by default they would weigh as much as one.
CGROUP = "vmsite-lab"
CPU_SHARES = 8192
# Of every second, what the prober may run with a real-time priority, so that what it measures is not its own wait for a CPU.
# A kernel that gives groups a budget (CONFIG_RT_GROUP_SCHED) refuses the priority without one. A group that was removed a moment ago
# still counts against the machine's 950000: two of ours must fit.
REAL_TIME_US = 200_000

MANAGEMENT_BRIDGE = "vmsite-mgmt"
MANAGEMENT_ADDRESS = "10.97.0.1/24"
DATA_BRIDGE = "vmsite-data"
# The DPDK driver net_af_packet takes no larger packets.
DATA_MTU = 1500


@dataclass(frozen=True)
class Host:
    """One lab host. Addresses are "A.B.C.D/N"; `data_address` None leaves the data NIC to the roles."""

    name: str
    management_address: str
    data_address: str | None
    has_test_vm_files: bool
    is_prober: bool = False

    @property
    def container(self) -> str:
        return "vmsite-" + self.name

    @property
    def management_ip(self) -> str:
        return self.management_address.split("/")[0]


# Two, unless a benchmark asks for more. Eight with OVS take 520 of the hugepages above.
COMPUTE_HOSTS = int(os.environ.get("VMSITE_LAB_COMPUTE_HOSTS", "2"))

HOSTS = (
    Host("compute1", "10.97.0.11/24", None, True),
    Host("compute2", "10.97.0.12/24", None, True),
    Host("probe1", "10.97.0.13/24", "10.99.0.13/24", False, is_prober=True),
    *(Host(f"compute{number}", f"10.97.0.{11 + number}/24", None, True) for number in range(3, COMPUTE_HOSTS + 1)),
)

# State that must not outlive a boot of the machine, and the ssh configuration (so that inventories can name it).
RUNTIME = Path("/run/baremetal-vmsite")
