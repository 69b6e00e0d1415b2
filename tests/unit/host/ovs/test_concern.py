# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole concern against a real Open vSwitch with DPDK (tests/fakes/ovs_without_a_machine.py says what is real)."""

from __future__ import annotations

import dataclasses
import pathlib
import struct
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs import database
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.concern import OvsDpdk, Wanted
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.ports import bridges_from
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.fakes.ovs_without_a_machine import BUILDS, OvsWithoutAMachine, missing
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import kill_at_every_boundary, tree
from ansible_collections.baremetal.vmsite.tests.unit.host.ovs.conftest import OvsRoot, make_sys

WITHOUT_HUGEPAGES = "--legacy-mem --no-huge -m 256 --no-pci --no-telemetry --no-shconf"
FAILS = "--no-huge --no-pci"  # contradicts the --in-memory that Open vSwitch adds
SETTINGS: dict[str, t.Any] = {
    "dpdk-init": True,
    "dpdk-extra": WITHOUT_HUGEPAGES,
    "pmd-cpu-mask": "0x01",
    "pmd-sleep-max": 500,
    "per-port-memory": True,
}
PORTS: list[dict[str, t.Any]] = [
    {"name": "nic", "kind": "dpdk", "devargs": "net_null0,no-rx=1", "n_rxq": 2},
    {"name": "vm1", "kind": "vhost_user_client", "socket": "/var/lib/vhost_sockets/vm1.sock", "tag": 5},
    {"name": "storage", "kind": "internal", "trunks": [7, 6]},
]


def wanted(settings: dict[str, t.Any] | None = None, ports: list[dict[str, t.Any]] | None = None, **options: t.Any) -> Wanted:
    bridges = bridges_from([{"name": "br-data", "fail_mode": "standalone", "ports": PORTS if ports is None else ports}])
    return Wanted(other_config=SETTINGS | (settings or {}), bridges=bridges, **{"timeout": 30, **options})


def converge(root: HostRoot, want: Wanted, verified_within: float | None = None) -> OvsDpdk:
    """What the door does. C(verified_within): seconds, where it is known to fail and waiting is of no use."""
    concern = OvsDpdk(root, want)
    changes = concern.plan()
    if changes:
        concern.apply(changes)
        assert not list(concern.plan())
    OvsDpdk(root, want if verified_within is None else dataclasses.replace(want, timeout=verified_within)).verify()
    return concern


def whats(concern: OvsDpdk) -> list[str]:
    return [change.what for change in concern.plan()]


def test_check_apply_check(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    content, files = ovs.content(), tree(root.path)
    predicted = whats(OvsDpdk(root, wanted()))
    assert (ovs.content(), tree(root.path), root.write_boundaries) == (content, files, 0)
    assert predicted == [*(f"other_config:{key}" for key in SETTINGS), "bridge br-data", "port nic", "port vm1", "port storage"]
    pid = ovs.pid
    concern = converge(root, wanted())
    assert not concern.plan()
    assert ovs.pid == pid, "DPDK was initialised by the process that ran, without a restart"
    assert root.write_boundaries == 2, "settings to initialise DPDK, then everything else in one transaction"
    assert ovs.vsctl("get", "Open_vSwitch", ".", "other_config:pmd-maxsleep").strip() == '"500"', "3.1's name of pmd-sleep-max"
    seen = concern.facts()["dataplane"]
    assert seen["verified"] and seen["dpdk_initialized"] and seen["pid"] == pid
    assert {(queue["port"], queue["queue"], queue["core"]) for queue in seen["rx_queues"]} == {("nic", 0, 0), ("nic", 1, 0), ("vm1", 0, 0)}
    assert [pool["size"] for pool in seen["mempools"]] == [2 * 2048 + 2 * 2048 + 2 * 32 + 16384]


def test_a_live_change_is_one_transaction_and_drift_is_mended(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    converge(root, wanted())
    before, content = root.write_boundaries, ovs.content()
    ovs.vsctl(
        "--",
        "set",
        "Interface",
        "nic",
        "options:n_rxq=1",
        "--",
        "set",
        "Port",
        "vm1",
        "tag=9",
        "--",
        "remove",
        "Port",
        "storage",
        "trunks",
        "7",
    )
    ovs.vsctl("set", "Open_vSwitch", ".", "other_config:max-idle=5", "other_config:pmd-cpu-mask=1")  # another spelling is no drift
    drift = ["other_config:max-idle", "port nic options:n_rxq", "port vm1 tag", "port storage trunks"]
    want = wanted({"max-idle": None})
    assert whats(OvsDpdk(root, want)) == drift
    converge(root, want)
    assert root.write_boundaries == before + 1
    ovs.vsctl("set", "Open_vSwitch", ".", "other_config:pmd-cpu-mask=0x1")
    assert ovs.content() == content


def test_a_restart_is_reported_until_it_has_happened(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    converge(root, wanted())
    pid = ovs.pid
    want = wanted({"per-port-memory": False})
    result = OvsDpdk(root, want).plan().result()
    assert result["restart_required"] and result["restart_reasons"] == ["other_config:per-port-memory: read when DPDK is initialised"]
    concern = converge(root, want)
    assert ovs.pid == pid and ovs.restarts() == 1
    pending = concern.plan().result()
    assert not pending["changed"] and pending["restart_required"]
    assert pending["restart_reasons"] == ["per-port-memory: the process was started with 'true', not 'false'"]
    assert not concern.facts()["dataplane"]["verified"]
    assert not converge(root, wanted()).plan().result()["restart_required"], "back to what the process was started with: nothing is pending"
    converge(root, want)
    ovs.start()
    assert not OvsDpdk(root, want).plan().result()["restart_required"], "someone restarted it"


def test_an_allowed_restart_happens_once_and_is_predicted(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    converge(root, wanted())
    pid = ovs.pid
    want = wanted({"dpdk-extra": f"{WITHOUT_HUGEPAGES} --log-level=5"}, restart_when_needed=True)
    assert whats(OvsDpdk(root, want)) == ["process ovs-vswitchd", "other_config:dpdk-extra", "external_ids:vmsite-in-force"]
    assert not OvsDpdk(root, want).plan().result()["restart_required"], "it is done, not left to do"
    concern = converge(root, want)
    assert ovs.pid != pid and ovs.restarts() == 2
    assert not concern.plan().result()["restart_required"] and concern.facts()["dataplane"]["verified"]


def test_settings_that_kill_the_restarted_process_are_put_back(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    converge(root, wanted())
    content = ovs.content()
    with pytest.raises(Failure) as caught:
        converge(root, wanted({"dpdk-extra": FAILS}, restart_when_needed=True))
    assert "not compatible with --in-memory" in caught.value.found
    assert "previous settings are back, ovs-vswitchd was restarted with them and runs" in caught.value.found
    assert ovs.content() == content
    assert not converge(root, wanted()).plan().result()["restart_required"]


def test_a_failed_first_initialisation_leaves_the_process_alive_and_is_remembered(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    ovs.vsctl("add-br", "br-old", "--", "set", "Bridge", "br-old", "datapath_type=netdev")  # so that a restart would disturb someone
    content, pid = ovs.content(), ovs.pid
    with pytest.raises(Failure) as caught:
        converge(root, wanted({"dpdk-extra": FAILS}))
    assert "went on running" in caught.value.found
    assert (ovs.content(), ovs.pid) == (content, pid)
    good = OvsDpdk(root, wanted()).plan().result()
    assert good["restart_required"], "this process does not try DPDK again"
    converge(root, wanted(restart_when_needed=True))
    assert ovs.pid != pid


def test_a_dead_process_is_seen_although_the_database_says_initialised(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    converge(root, wanted())
    ovs.crash()
    assert ovs.vsctl("get", "Open_vSwitch", ".", "dpdk_initialized").strip() == "true"
    assert whats(OvsDpdk(root, wanted())) == ["process ovs-vswitchd"]
    with pytest.raises(Failure, match="no living process"):
        OvsDpdk(root, wanted(timeout=0.1)).verify()
    converge(root, wanted())


def test_the_build_without_dpdk_is_replaced(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    ovs.choose("plain")
    ovs.start()
    assert whats(OvsDpdk(root, wanted()))[:2] == ["build of ovs-vswitchd", "process ovs-vswitchd"], "no bridge, so no one is disturbed"
    converge(root, wanted())
    assert root.readlink("/etc/alternatives/ovs-vswitchd") == BUILDS["dpdk"]


@pytest.mark.parametrize(
    ("settings", "ports", "error"),
    [
        ({}, [{"name": "nic", "kind": "dpdk", "devargs": "net_nonsense0"}], "Error attaching device 'net_nonsense0' to DPDK"),
        (
            {"dpdk-extra": WITHOUT_HUGEPAGES.replace("256", "48")},
            [{"name": "nic", "kind": "dpdk", "devargs": "net_null0"}],
            "could not add",
        ),
        ({}, [{"name": "data0", "kind": "system"}], "could not open network device data0"),
    ],
)
def test_an_interface_that_does_not_come_up_is_an_error_with_its_text(
    root: OvsRoot, settings: dict[str, t.Any], ports: list[dict[str, t.Any]], error: str
) -> None:
    want = wanted(settings, ports, timeout=1)
    concern = OvsDpdk(root, want)
    concern.apply(concern.plan())
    with pytest.raises(Failure) as caught:
        concern.verify()
    assert error in caught.value.found
    assert whats(OvsDpdk(root, want)) == [f"port {ports[0]['name']} device"], "it is still to be done"


def test_a_device_that_came_late_is_attached_again(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    """A device that reads packets from a file: it can come later without the kernel telling the process, which would then look by itself."""
    packets = ovs.base / "packets"
    want = wanted({}, [{"name": "late", "kind": "dpdk", "devargs": f"net_pcap0,rx_pcap={packets}"}])
    concern = OvsDpdk(root, want)
    concern.apply(concern.plan())
    with pytest.raises(Failure, match="Error attaching device"):
        OvsDpdk(root, dataclasses.replace(want, timeout=0.5)).verify()
    packets.write_bytes(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))  # the head of a file without packets (pcap-savefile(5))
    pid = ovs.pid
    assert whats(OvsDpdk(root, want)) == ["port late device"]
    converge(root, want)
    assert (ovs.pid, whats(OvsDpdk(root, want))) == (pid, [])


def bind(root: HostRoot, driver: str, address: str) -> None:
    link = pathlib.Path(root.real(f"/sys/bus/pci/devices/{address}/driver"))
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(f"../../../bus/pci/drivers/{driver}")


def test_a_process_that_began_without_vfio_needs_a_restart_for_a_device_on_vfio(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    bind(root, "vfio-pci", "0000:21:10.0")
    want = wanted({}, [{"name": "vf", "kind": "dpdk", "devargs": "0000:21:10.0"}])
    concern = OvsDpdk(root, want)
    concern.apply(concern.plan())
    reason = "port vf: DPDK takes its device from vfio, which was not there when DPDK was initialised"
    pending = OvsDpdk(root, want).plan().result()
    assert (pending["changed"], pending["restart_reasons"]) == (False, [reason])
    allowed = dataclasses.replace(want, restart_when_needed=True)
    assert whats(OvsDpdk(root, allowed)) == ["process ovs-vswitchd", "port vf device"]
    bind(root, "mlx5_core", "0000:21:10.0")
    assert whats(OvsDpdk(root, allowed)) == ["port vf device"], "DPDK drives it together with this driver, without vfio"


def test_queues_that_nobody_polls_are_an_error(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    converge(root, wanted())
    ovs.vsctl("set", "Open_vSwitch", ".", "other_config:pmd-cpu-mask=0x8000000000000000")
    with pytest.raises(Failures) as caught:
        OvsDpdk(root, Wanted(bridges=wanted().bridges, timeout=0.5)).verify()
    assert [failure.asked for failure in caught.value.failures] == [
        "PMD threads on CPU 63 (pmd-cpu-mask)",
        "receive queue 0 of nic is polled",
        "receive queue 1 of nic is polled",
        "receive queue 0 of vm1 is polled",
    ]


def test_a_pool_that_was_cut_silently_is_an_error(root: OvsRoot) -> None:
    """The shared pool wants 262144 buffers, 752 MiB; Open vSwitch halves it until it fits, and says nothing."""
    with pytest.raises(Failure, match="262144 packet buffers of 3008 bytes for nic") as caught:
        converge(
            root, wanted({"per-port-memory": False}, [{"name": "nic", "kind": "dpdk", "devargs": "net_null0,no-rx=1"}]), verified_within=1
        )
    assert "too little memory when the pool was made" in caught.value.found


def test_all_mistakes_are_named_at_once_and_nothing_is_written(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    content = ovs.content()
    ports = [
        {"name": "a", "kind": "dpdk", "devargs": "net_af_packet0,iface=data9"},
        {"name": "b", "kind": "dpdk", "devargs": "0000:99:00.0"},
        {"name": "c", "kind": "patch", "peer": "nowhere"},
    ]
    with pytest.raises(Failures) as caught:
        OvsDpdk(root, wanted({"pmd-cpu-mask": "0xf0", "dpdk-init": False, "typo": 1}, ports)).plan()
    assert [failure.found for failure in caught.value.failures] == [
        "a key that is not known",
        "CPU 4, 5, 6, 7 is not online; online are 0-1",
        "no network interface data9; there are data0, mgmt0",
        "no PCI device 0000:99:00.0",
        "DPDK is not initialised by these settings",
        "its peer nowhere is neither listed nor there",
    ]
    assert (ovs.content(), root.write_boundaries) == (content, 0)


def test_a_vf_that_is_not_made_yet_is_planned_and_not_driven(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    physical = pathlib.Path(root.real("/sys/bus/pci/devices/0000:21:00.0"))
    physical.mkdir(parents=True)
    for name, value in (("totalvfs", 7), ("offset", 128), ("stride", 2)):
        (physical / f"sriov_{name}").write_text(f"{value}\n")
    content = ovs.content()
    concern = OvsDpdk(root, wanted({}, [{"name": "vf", "kind": "dpdk", "devargs": "0000:21:10.0"}]))
    planned = concern.plan()
    assert "port vf" in {change.what for change in planned}
    with pytest.raises(Failure) as caught:
        concern.apply(planned)
    assert caught.value.found == "no PCI device 0000:21:10.0; 0000:21:00.0 makes it when it has that many VFs"
    assert (ovs.content(), root.write_boundaries) == (content, 0)


def test_memory_that_is_not_there_is_refused_before_a_write(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    content = ovs.content()
    concern = OvsDpdk(root, wanted({"dpdk-extra": "--no-pci", "dpdk-socket-mem": "2048,64"}))
    with pytest.raises(Failures) as caught:
        concern.apply(concern.plan())
    assert [failure.found for failure in caught.value.failures] == ["1024 MiB in free hugepages", "0 MiB in free hugepages"]
    assert (ovs.content(), root.write_boundaries) == (content, 0)


def test_a_device_or_socket_that_another_port_has_is_refused(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    converge(root, wanted())
    ports = [{**PORTS[0], "name": "other"}, {**PORTS[1], "name": "vm2"}]
    with pytest.raises(Failures) as caught:
        OvsDpdk(root, wanted(ports=ports)).plan()
    assert [failure.found for failure in caught.value.failures] == [
        "port nic of bridge br-data has it",
        "port vm1 of bridge br-data has it",
    ]
    converge(root, wanted(ports=ports, purge_ports=True))


def test_only_our_own_ports_are_purged(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    converge(root, wanted())
    ovs.vsctl("add-port", "br-data", "foreign", "--", "set", "Interface", "foreign", "type=internal")
    for name, table in (("hook1", "Port"), ("hook2", "Interface")):
        ovs.vsctl("add-port", "br-data", name, "--", "set", "Interface", name, "type=internal")
        ovs.vsctl("set", table, name, "external_ids:vmsite-owner=libvirt-hook")
    assert not OvsDpdk(root, wanted(ports=PORTS[:2])).plan(), "without purge_ports nothing is removed"
    want = wanted(ports=PORTS[:2], purge_ports=True)
    assert whats(OvsDpdk(root, want)) == ["port storage"]
    converge(root, want)
    assert set(ovs.vsctl("list-ports", "br-data").split()) == {"nic", "vm1", "foreign", "hook1", "hook2"}
    with pytest.raises(Failure, match="it is the port of a running VM"):
        OvsDpdk(root, wanted(ports=[{"name": "hook2", "kind": "internal"}])).plan()


def test_a_transaction_that_is_refused_leaves_everything_as_it_was(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    content = ovs.content()
    commands = [["set", "Open_vSwitch", ".", "other_config:max-idle=7"], ["set", "Bridge", "nowhere", "fail_mode=secure"]]
    with pytest.raises(Failure, match="the transaction was not taken"):
        database.transact(root, commands, wait=5)
    assert ovs.content() == content


def test_quotes_and_blanks_survive(root: OvsRoot, ovs: OvsWithoutAMachine) -> None:
    text = 'a "quoted", spaced=\\value: [1] {x} \N{SNOWMAN}'
    want = Wanted(extra_other_config={"note": text}, timeout=5)
    converge(root, want)
    assert database.read(root).other_config["note"] == text
    converge(root, Wanted(extra_other_config={"note": None}, timeout=5))
    assert "note" not in database.read(root).other_config


def test_a_restart_below_the_own_connection_is_refused(root: OvsRoot, ovs: OvsWithoutAMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    converge(root, wanted())
    target = "ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.preflight.management.management_interface"
    monkeypatch.setattr(target, lambda _root, _pid: "br-data")
    with pytest.raises(Failure, match="this connection comes in over br-data, which rides on Open vSwitch"):
        OvsDpdk(root, wanted({"per-port-memory": False}, restart_when_needed=True)).plan()
    assert OvsDpdk(root, wanted({"per-port-memory": False})).plan(), "without the restart it may be written"


def test_a_host_without_open_vswitch_gets_a_prediction_and_no_write(tmp_path: pathlib.Path) -> None:
    make_sys(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    root = HostRoot(str(tmp_path))
    concern = OvsDpdk(root, wanted())
    changes = concern.plan()
    assert [change.what for change in changes][:2] == ["build of ovs-vswitchd", "process ovs-vswitchd"]
    assert [change.what for change in changes][-3:] == ["port nic", "port vm1", "port storage"]
    assert concern.facts()["dataplane"]["pid"] is None
    with pytest.raises(Failure, match="no program ovs-vsctl"):
        concern.apply(changes)
    assert root.write_boundaries == 0


@pytest.mark.parametrize("restart", [False, True], ids=["first-time", "restart"])
def test_killed_at_every_write(tmp_path: pathlib.Path, short_directory: pathlib.Path, restart: bool) -> None:
    reason = missing()
    if reason:
        pytest.skip(reason)

    def make_root(place: pathlib.Path, hook: t.Callable[[int, str], None]) -> OvsRoot:
        ovs = OvsWithoutAMachine(short_directory / place.name.removeprefix("killed-"))
        if not ovs.base.exists():
            ovs.install("plain")
            ovs.start()
            make_sys(place)
            if restart:
                converge(OvsRoot(place, ovs), wanted())
        return OvsRoot(place, ovs, hook)

    changed = {"dpdk-extra": f"{WITHOUT_HUGEPAGES} --log-level=5", "max-idle": 500} if restart else {}
    want = wanted(changed, PORTS[:2] if restart else PORTS, restart_when_needed=True, purge_ports=True)
    try:
        boundaries = kill_at_every_boundary(tmp_path, make_root, lambda root: OvsDpdk(root, want))
        hosts = [OvsWithoutAMachine(base) for base in short_directory.iterdir()]
        assert boundaries == (3 if restart else 4)
        assert len(hosts) == boundaries + 2 and len({host.content() for host in hosts}) == 1
    finally:
        for base in list(short_directory.iterdir()):
            OvsWithoutAMachine(base).remove()
