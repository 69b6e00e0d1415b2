# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OVS-DPDK on the lab's hosts: real hugepages, systemd, AF_PACKET on a real link. Leaves both hosts with the data plane of the demo."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.inventory import fails, finish, succeeds
from ansible_collections.baremetal.vmsite.tests.lab.libvirt_hosts import door, on, start_door

pytestmark = pytest.mark.lab

HOSTS = {"compute1": "10.99.0.11", "compute2": "10.99.0.12"}
SETTINGS: dict[str, t.Any] = {
    "dpdk-init": True,
    "dpdk-extra": "--no-pci --no-telemetry",
    "dpdk-socket-mem": [130],
    "pmd-cpu-mask": "0x2",
    "pmd-sleep-max": 500,
    "per-port-memory": True,
}
BRIDGES: list[dict[str, t.Any]] = [
    {"name": "br-data", "ports": [{"name": "dpdk0", "kind": "dpdk", "devargs": "net_af_packet0,iface=data0"}]}
]


def ovs(host: str, check_mode: bool = False, settings: dict[str, t.Any] | None = None, **options: t.Any) -> dict[str, t.Any]:
    return door(host, "ovs_dpdk", check_mode, other_config=SETTINGS | (settings or {}), bridges=BRIDGES, **options)


def content(host: str) -> str:
    """The whole database apart from what changes by itself."""
    dump = on(host, "ovsdb-client dump Open_vSwitch Open_vSwitch other_config external_ids bridges; ovs-vsctl show")
    return dump + on(host, "ovs-vsctl --columns=name,type,options,mtu_request list Interface")


def process(host: str) -> str:
    return on(host, "cat /run/openvswitch/ovs-vswitchd.pid")


@pytest.fixture(scope="module", autouse=True)
def data_plane() -> t.Iterator[None]:
    for host, address in HOSTS.items():
        on(host, "systemctl start openvswitch-switch")
        succeeds(ovs(host, restart="when_needed"))
        on(host, f"ip address replace {address}/24 dev br-data; ip link set br-data up")
    yield
    for host in HOSTS:
        succeeds(ovs(host, restart="when_needed"))


def crossing() -> bool:
    return " 0% packet loss" in on("compute1", "ping -c 5 -i 0.2 -W 2 10.99.0.12", check=False)


@pytest.mark.parametrize("host", HOSTS)
def test_a_second_run_changes_nothing_and_a_check_writes_nothing(host: str) -> None:
    before, pid = content(host), process(host)
    again = succeeds(ovs(host))
    assert not again["changed"] and not again["restart_required"] and again["dataplane"]["verified"]
    predicted = succeeds(ovs(host, check_mode=True, settings={"max-idle": 500, "dpdk-socket-mem": [128]}))
    assert [change["what"] for change in predicted["changes"][:2]] == ["other_config:dpdk-socket-mem", "other_config:max-idle"]
    assert predicted["restart_required"]
    assert (content(host), process(host)) == (before, pid)


def test_packets_cross_between_the_bridges_through_polling_threads() -> None:
    def packets() -> int:
        return sum(int(count) for count in re.findall(r"packets received: (\d+)", on("compute2", "ovs-appctl dpif-netdev/pmd-stats-show")))

    before = packets()
    assert crossing()
    assert packets() >= before + 5


def test_more_memory_than_there_is_is_refused_and_nothing_is_touched() -> None:
    before, pid = content("compute1"), process("compute1")
    said = fails(ovs("compute1", settings={"dpdk-socket-mem": [16384]}, restart="when_needed"))
    assert "16384 MiB on node 0" in said and "held by ovs-vswitchd" in said
    assert (content("compute1"), process("compute1")) == (before, pid)


@pytest.mark.parametrize("guarded", [True, False], ids=["with-try", "without-try"])
def test_settings_that_the_process_cannot_start_with_are_put_back_and_packets_cross_again(guarded: bool) -> None:
    """Without dpdk-init among the settings ovs-vswitchd aborts, and systemd starts it over and over."""
    before = content("compute1")
    bad = {"dpdk-extra": "--no-pci --no-telemetry -m 999999"}
    options: dict[str, t.Any] = {"other_config": (SETTINGS | bad) if guarded else bad, "bridges": BRIDGES, "restart": "when_needed"}
    said = fails(door("compute1", "ovs_dpdk", **options))
    assert "-m and --socket-mem cannot be specified at the same time" in said
    assert "previous settings are back, ovs-vswitchd was restarted with them and runs" in said
    assert content("compute1") == before
    on("compute1", "ip address replace 10.99.0.11/24 dev br-data; ip link set br-data up")
    assert crossing()


def test_every_kind_of_port_that_needs_no_nic_comes_up_and_goes_again() -> None:
    """Two bridges joined by patch ports, with a port of OVS itself, one of the kernel, and a VM's that has no VM yet."""
    before = content("compute1")
    on("compute1", "ip link add vmsite-a type veth peer name vmsite-b; ip link set vmsite-a up; ip link set vmsite-b up")
    edge = {
        "name": "br-edge",
        "ports": [
            {"name": "edge-to-data", "kind": "patch", "peer": "data-to-edge"},
            {"name": "edge-host", "kind": "internal", "tag": 7},
            {"name": "vmsite-a", "kind": "system", "trunks": [7, 8]},
            {"name": "vh-nobody", "kind": "vhost_user_client", "socket": "/var/lib/vhost_sockets/nobody.sock"},
        ],
    }
    data = BRIDGES[0] | {"ports": [*BRIDGES[0]["ports"], {"name": "data-to-edge", "kind": "patch", "peer": "edge-to-data"}]}
    try:
        options: dict[str, t.Any] = {"other_config": SETTINGS, "bridges": [data, edge]}
        made = succeeds(door("compute1", "ovs_dpdk", **options))
        assert made["dataplane"]["verified"]
        assert not succeeds(door("compute1", "ovs_dpdk", check_mode=True, **options))["changed"]
        kinds = on("compute1", "ovs-vsctl --format=csv --no-headings --columns=name,type,error list Interface").splitlines()
        found = {name: (kind, error) for name, kind, error in (line.split(",") for line in kinds)}
        assert found["edge-to-data"] == found["data-to-edge"] == ("patch", "[]")
        assert found["edge-host"] == ("internal", "[]")
        assert found["vmsite-a"][1] == "[]"
        assert found["vh-nobody"] == ("dpdkvhostuserclient", "[]")
        assert on("compute1", "ovs-vsctl get Port vmsite-a trunks -- get Port edge-host tag").splitlines() == ["[7, 8]", "7"]
    finally:
        on("compute1", "ovs-vsctl --if-exists del-br br-edge -- --if-exists del-port br-data data-to-edge; ip link delete vmsite-a")
    assert content("compute1") == before


def test_a_virtio_user_port_without_its_other_end_is_named() -> None:
    """It stays described in the database, as any port that does not come up, so that it works once its other end is there."""
    before = content("compute1")
    port = {"name": "vu-nobody", "kind": "virtio_user", "socket": "/run/vmsite-nobody.sock"}
    try:
        bridges = [{"name": "br-data", "ports": [*BRIDGES[0]["ports"], port]}]
        said = fails(finish(start_door("compute1", "ovs_dpdk", {"other_config": SETTINGS, "bridges": bridges, "timeout": 5})))
        assert "vu-nobody" in said and "/run/vmsite-nobody.sock" in said
    finally:
        on("compute1", "ovs-vsctl --if-exists del-port br-data vu-nobody")
    assert content("compute1") == before


def test_a_killed_process_is_noticed_and_started() -> None:
    on("compute1", "systemctl kill --signal=KILL ovs-vswitchd; systemctl stop ovs-vswitchd")
    predicted = succeeds(ovs("compute1", check_mode=True))
    assert "process ovs-vswitchd" in [change["what"] for change in predicted["changes"]]
    succeeds(ovs("compute1"))
    on("compute1", "ip address replace 10.99.0.11/24 dev br-data; ip link set br-data up")
    assert crossing()
