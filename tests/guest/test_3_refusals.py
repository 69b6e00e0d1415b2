# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only a kernel can refuse: a clear error each time, and the host as it was."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.guest.guest import GUEST, NAME, differences, hardware, on
from ansible_collections.baremetal.vmsite.tests.guest.outcomes import note, refuses

PART = "5"
NODE1 = "/sys/devices/system/node/node1"


@pytest.fixture(scope="module")
def before() -> dict[str, object]:
    return hardware()


@pytest.fixture(autouse=True)
def _host_stays_as_it_is(before: dict[str, object]) -> t.Iterator[None]:
    yield
    note(PART, "state afterwards", "tests/guest/hardware_snapshot.py", differences(before, hardware()), "as before")


def refused(case: str, module: str, planned: str, **options: t.Any) -> None:
    refuses(PART, case, module, options, GUEST.door(NAME, module, **options), planned)


def test_pages_that_do_not_fit() -> None:
    total_kib = int(on(f'grep -o "MemTotal: *[0-9]*" {NODE1}/meminfo').split()[-1])
    count = total_kib // 2048 - 8
    refused("some of the pages can be had", "hugepages", f" of {count} pages", pages=[{"size_kib": 2048, "node": 1, "count": count}])


def test_pages_in_use() -> None:
    refused("shrinking pages in use", "hugepages", "held by ovs-vswitchd", pages=[{"size_kib": 2048, "node": 1, "count": 0}])


def test_more_vfs_than_the_nic_has() -> None:
    refused("VF count over the limit", "sriov", "at most 7", functions=[{"pci": "0000:21:00.0", "count": 8}])


def test_a_vf_held_open_through_vfio() -> None:
    refused("a VF held open through vfio", "sriov", "ovs-vswitchd", functions=[{"pci": "0000:41:00.0", "count": 1}])


def test_the_management_nic() -> None:
    netdev = on('ip -o route show default | head -n 1 | grep -o "dev [^ ]*" | cut -d" " -f2')
    address = on(f"basename $(dirname $(readlink -f /sys/class/net/{netdev}/device))")
    refused("the management NIC", "pci_driver", "connection", devices=[{"pci": address, "driver": "vfio-pci"}])


def test_the_nic_of_a_default_route() -> None:
    netdev = on("ls /sys/bus/pci/devices/0000:22:00.0/net")
    on(f"ip link set {netdev} up; ip address add 192.0.2.1/24 dev {netdev}; ip route add default via 192.0.2.254 dev {netdev} metric 5000")
    try:
        refused("the NIC of a default route", "sriov", "default route", functions=[{"pci": "0000:22:00.0", "count": 2}])
    finally:
        on(f"ip route del default dev {netdev}; ip address del 192.0.2.1/24 dev {netdev}; ip link set {netdev} down")


def test_a_shared_group() -> None:
    shares = "[ $(ls $group/devices | wc -l) -gt 1 ] && [ -e $device/driver ] && ! grep -q ^0x06 $device/class"  # 06: a bridge
    shared = on(
        f"cd /sys/kernel/iommu_groups; for group in *; do for device in $group/devices/*; do {shares} && basename $device; done; done; true"
    )
    refused("a shared IOMMU group", "pci_driver", "its IOMMU group", devices=[{"pci": shared.splitlines()[0], "driver": "vfio-pci"}])


def test_too_little_memory_for_dpdk() -> None:
    refused(
        "too little memory for dpdk-init",
        "ovs_dpdk",
        "hugepages",
        other_config={"dpdk-init": True, "dpdk-socket-mem": [2048, 2048]},
        restart="when_needed",
    )
