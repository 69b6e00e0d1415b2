# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused because someone would be cut off: the connection, the default route, the users of VFs."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import binding
from ansible_collections.baremetal.vmsite.tests.fakes.ip_link import store
from ansible_collections.baremetal.vmsite.tests.unit.host.as_the_door_does import carry_out
from ansible_collections.baremetal.vmsite.tests.unit.host.sriov.sriov_host import (
    FIRST,
    OWN_PROCESS,
    SECOND,
    VF0,
    VF1,
    PciHost,
    concern,
    function,
    host,
)

ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


@pytest.fixture
def root(tmp_path: pathlib.Path) -> PciHost:
    place = tmp_path / "host"
    place.mkdir()
    return host(place)


def write(root: PciHost, path: str, text: str) -> None:
    file = pathlib.Path(root.real(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def refused(root: PciHost, *entries: dict[str, t.Any]) -> Failure:
    boundaries = root.write_boundaries
    with pytest.raises(Failure) as caught:
        concern(root, *entries).plan()
    assert root.write_boundaries == boundaries
    return caught.value


def connected_at(root: PciHost, netdev: str, address: str = "192.0.2.10") -> None:
    """sudo between sshd's child and the module has dropped the variable, as it does."""
    write(root, f"/proc/{OWN_PROCESS}/status", "Name:\tpython3\nPPid:\t90\n")
    write(root, f"/proc/{OWN_PROCESS}/environ", "HOME=/\0")
    write(root, "/proc/90/status", "Name:\tsudo\nPPid:\t80\n")
    write(root, "/proc/80/environ", f"HOME=/\0SSH_CONNECTION=192.0.2.1 40000 {address} 22\0")
    store(pathlib.Path(root.path), "addresses", [{"ifname": netdev, "addr_info": [{"local": address.split("%")[0], "scope": "global"}]}])


def stand_on(root: PciHost, upper: str, lower: str) -> None:
    """C(upper) is a bond, bridge or VLAN over C(lower)."""
    directory = pathlib.Path(root.real(f"/sys/class/net/{upper}"))
    directory.mkdir(exist_ok=True)
    (directory / f"lower_{lower}").symlink_to(f"../{lower}")
    pathlib.Path(root.real(f"/sys/class/net/{lower}/upper_{upper}")).symlink_to(f"../{upper}")


def test_the_nic_of_this_connection(root: PciHost) -> None:
    connected_at(root, "ens1")
    failure = refused(root, function(FIRST, 2))
    assert failure.found == "this connection comes in at 192.0.2.10 on ens1"
    assert failure.asked == f"{FIRST} VFs = 2"
    assert concern(root, function(SECOND, 2)).plan()


def test_a_nic_that_changes_nothing_is_not_refused(root: PciHost) -> None:
    carry_out(concern(root, function(FIRST, 2)))
    connected_at(root, "ens1")
    assert not concern(root, function(FIRST, 2)).plan()
    assert "trust" in refused(root, function(FIRST, 2, [{"index": 0, "trust": True}])).asked


def test_the_way_back_of_this_connection(root: PciHost) -> None:
    connected_at(root, "lo")
    store(pathlib.Path(root.path), "routes", [{"dst": "192.0.2.1", "dev": "ens1"}])
    assert refused(root, function(FIRST, 2)).found == "this connection leaves for 192.0.2.1 by ens1"


def test_a_scoped_address_names_its_netdev(root: PciHost) -> None:
    connected_at(root, "ens2", "fe80::1%ens1")
    assert concern(root, function(SECOND, 2)).plan()
    connected_at(root, "ens1", "fe80::1%ens1")
    assert "fe80::1%ens1 on ens1" in refused(root, function(FIRST, 2)).found


def test_the_nic_under_bond_and_bridge(root: PciHost) -> None:
    stand_on(root, "bond0", "ens1")
    stand_on(root, "br0", "bond0")
    connected_at(root, "br0")
    assert refused(root, function(FIRST, 2)).found == "this connection comes in at 192.0.2.10 on br0, which stands on ens1"


def test_any_port_of_open_vswitch_may_carry_its_bridge(root: PciHost) -> None:
    stand_on(root, "ovs-system", "ens1")
    os.mkdir(root.real("/sys/class/net/br-ex"))
    connected_at(root, "br-ex")
    assert refused(root, function(FIRST, 2)).found.endswith("on br-ex, which stands on ens1")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/proc/net/route", ROUTES + "ens1\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"),
        ("/proc/net/ipv6_route", f"{'0' * 32} 00 {'0' * 32} 00 fe80{'0' * 27}1 00000400 00000001 00000000 00000003     ens1\n"),
    ],
)
def test_the_nic_of_the_default_route(root: PciHost, path: str, text: str) -> None:
    write(root, path, text)
    assert "default route leaves by ens1" in refused(root, function(FIRST, 2)).found
    assert concern(root, function(SECOND, 2)).plan()


def test_other_routes_are_none_of_this(root: PciHost) -> None:
    write(root, "/proc/net/route", ROUTES + "ens1\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n")
    unreachable = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200 lo\n"
    write(root, "/proc/net/ipv6_route", unreachable + unreachable.replace("00200200 lo", "00000201 ens1"))
    assert concern(root, function(FIRST, 2)).plan()


def test_a_vf_that_carries_the_default_route(root: PciHost) -> None:
    carry_out(concern(root, function(FIRST, 2)))
    write(root, "/proc/net/route", ROUTES + "ens1v1\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n")
    assert refused(root, function(FIRST, 4)).found == "the default route leaves by ens1v1, a VF of it"


def test_a_vf_that_a_vm_has(root: PciHost) -> None:
    carry_out(concern(root, function(FIRST, 2), function(SECOND, 2)))
    binding.bind(root, VF0, "vfio-pci")
    assert concern(root, function(FIRST, 3)).plan(), "bound to vfio-pci alone is no use"
    root.kernel.process(4711, "qemu-system-x86", ("/dev/kvm", "/dev/vfio/100"), ("qemu", "-name", "guest=web1,debug-threads=on"))
    failure = refused(root, function(FIRST, 3))
    assert failure.found == f"{VF0}: vfio-pci is held open by VM web1 (qemu-system-x86 4711)"
    assert failure.asked == f"3 VFs on {FIRST} instead of 2, which removes them all first"
    assert concern(root, function(SECOND, 3)).plan()


def test_a_vf_that_a_process_has_through_its_own_device(root: PciHost) -> None:
    carry_out(concern(root, function(FIRST, 2)))
    binding.bind(root, VF1, "vfio-pci")
    os.makedirs(root.real(f"/sys/bus/pci/devices/{VF1}/vfio-dev/vfio0"))
    root.kernel.process(815, "ovs-vswitchd", ("/dev/vfio/devices/vfio0",))
    assert refused(root, function(FIRST, 0)).found == f"{VF1}: vfio-pci is held open by ovs-vswitchd (815)"


def test_a_vf_in_the_network_namespace_of_a_pod(root: PciHost) -> None:
    carry_out(concern(root, function(FIRST, 2)))
    root.kernel.move_netdev_away(VF0)
    root.kernel.process(900, "pause", namespace="4026532")
    root.kernel.process(901, "nginx", namespace="4026532")
    assert refused(root, function(FIRST, 0)).found == f"{VF0}: its netdev is in another network namespace"
    store(pathlib.Path(root.path), "namespaces", {"net:[4026532]": [{"ifname": "net1", "parentbus": "pci", "parentdev": VF0}]})
    assert refused(root, function(FIRST, 0)).found == f"{VF0}: its netdev net1 is in the network namespace of pause (900), nginx (901)"


def test_a_vf_in_a_named_network_namespace(root: PciHost) -> None:
    carry_out(concern(root, function(FIRST, 1)))
    root.kernel.move_netdev_away(VF0)
    write(root, "/run/netns/blue", "")
    store(pathlib.Path(root.path), "namespaces", {"blue": [{"ifname": "net1", "parentbus": "pci", "parentdev": VF0}]})
    assert refused(root, function(FIRST, 0)).found == f"{VF0}: its netdev net1 is in the network namespace blue"


def test_vfs_with_an_address_or_in_a_bridge_all_at_once(root: PciHost) -> None:
    carry_out(concern(root, function(FIRST, 2)))
    by_itself = {"local": "fe80::1", "scope": "link"}
    addresses = [{"ifname": "ens1v0", "addr_info": [{"local": "198.51.100.7", "scope": "global"}, by_itself]}]
    store(pathlib.Path(root.path), "addresses", [*addresses, {"ifname": "ens1v1", "addr_info": [by_itself]}])
    assert refused(root, function(FIRST, 0)).found == f"{VF0}: netdev ens1v0 has the address 198.51.100.7"
    stand_on(root, "br0", "ens1v1")
    with pytest.raises(Failures) as caught:
        concern(root, function(FIRST, 0)).plan()
    assert [failure.found for failure in caught.value.failures][1:] == [f"{VF1}: netdev ens1v1 carries br0"]


def test_a_vf_in_use_keeps_its_mac_and_takes_another_vlan(root: PciHost) -> None:
    carry_out(concern(root, function(FIRST, 1)))
    binding.bind(root, VF0, "vfio-pci")
    root.kernel.process(4711, "dpdk-testpmd", ("/dev/vfio/100",))
    failure = refused(root, function(FIRST, 1, [{"index": 0, "mac": "02:00:00:00:00:01"}]))
    assert failure.asked == f"another MAC for {FIRST} VF 0, which resets it"
    carry_out(concern(root, function(FIRST, 1, [{"index": 0, "vlan": 5}])))
