# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs import ports


def found(*options: dict[str, t.Any]) -> list[str]:
    return [failure.found for failure in ports.mistakes(ports.bridges_from(options))]


def on_bridge(**port: t.Any) -> dict[str, t.Any]:
    return {"name": "br0", "ports": [{"name": "p0", **port}]}


def test_a_sound_description_has_no_mistakes() -> None:
    bridge = {
        "name": "br0",
        "ports": [
            {"name": "nic", "kind": "dpdk", "devargs": "0000:3b:00.0", "mtu": 9000, "n_rxq": 4, "trunks": [10, 11]},
            {"name": "vm1", "kind": "vhost_user_client", "socket": "/var/lib/vhost_sockets/vm1.sock", "tag": 5},
            {"name": "peer", "kind": "virtio_user", "socket": "/run/peer.sock"},
            {"name": "data0", "kind": "system", "mtu": 9000},
            {"name": "storage", "kind": "internal"},
            {"name": "to-br1", "kind": "patch", "peer": "to-br0"},
        ],
    }
    assert found(bridge, {"name": "br1", "ports": [{"name": "to-br0", "kind": "patch", "peer": "to-br1"}]}) == []


@pytest.mark.parametrize(
    ("port", "mistake"),
    [
        ({"kind": "dpdk"}, "no devargs"),
        ({"kind": "vhost_user_client"}, "no socket"),
        ({"kind": "patch"}, "no peer"),
        ({"kind": "internal", "devargs": "net_null0"}, "devargs given"),
        ({"kind": "vhost_user_client", "socket": "/s", "n_rxq": 2}, "n_rxq given"),
        ({"kind": "vhost_user_client", "socket": "vm.sock"}, "socket vm.sock"),
        ({"kind": "system", "mtu": 20}, "mtu 20"),
        ({"kind": "internal", "tag": 5000}, "VLAN 5000"),
        ({"kind": "dpdk", "devargs": "x", "n_rxq": 0}, "n_rxq 0"),
        ({"kind": "internal", "external_ids": {"vmsite-owner": "me"}}, "external_ids vmsite-owner"),
        (
            {"kind": "dpdk", "devargs": "net_af_packet0,iface=data0", "mtu": 9000},
            "mtu 9000 on DPDK's af_packet driver, which carries 1500 at most",
        ),
    ],
)
def test_a_port_that_cannot_be_is_refused(port: dict[str, t.Any], mistake: str) -> None:
    assert found(on_bridge(**port)) == [mistake]


def test_dpdk_needs_the_userspace_datapath() -> None:
    assert found({**on_bridge(kind="dpdk", devargs="net_null0"), "datapath_type": "system"}) == ["datapath_type system"]


def test_nothing_is_listed_twice() -> None:
    nic = {"kind": "dpdk", "devargs": "net_null0"}
    first = {"name": "br0", "ports": [{"name": "p", "kind": "internal"}, {"name": "q", **nic}]}
    second = {"name": "br1", "ports": [{"name": "p", "kind": "internal"}, {"name": "br0", "kind": "internal"}, {"name": "r", **nic}]}
    assert found(first, second) == ["it is listed 2 times"] * 3


def test_all_mistakes_are_named_at_once() -> None:
    assert len(found({"name": "a-name-that-is-too-long", "ports": [{"name": "a b", "kind": "dpdk"}, {"name": "p", "kind": "patch"}]})) == 4


def test_the_kernel_interface_and_the_pci_address_are_read_from_devargs() -> None:
    assert ports.Port("p", "dpdk", devargs="net_af_packet0,blocksz=4096,iface=data0,qpairs=1").af_packet_interface == "data0"
    assert ports.Port("p", "dpdk", devargs="0000:3B:00.1,representor=[0]").pci_address == "0000:3b:00.1"
    assert ports.Port("p", "dpdk", devargs="net_null0").pci_address is None
