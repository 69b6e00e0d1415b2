# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VFs are made, changed, kept and brought back."""

from __future__ import annotations

import errno
import os
import pathlib
import subprocess
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import binding, functions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov import at_boot, numvfs, state
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.concern import SriovFunctions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.wanted import read_options
from ansible_collections.baremetal.vmsite.tests.fakes.ip_link import store
from ansible_collections.baremetal.vmsite.tests.unit.host.as_the_door_does import carry_out
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import kill_at_every_boundary, tree
from ansible_collections.baremetal.vmsite.tests.unit.host.sriov.sriov_host import (
    FIRST,
    SECOND,
    VF0,
    VF1,
    PciHost,
    concern,
    function,
    host,
)

EVERYTHING = {
    "index": 0,
    "mac": "02:11:22:33:44:01",
    "vlan": 100,
    "qos": 3,
    "spoof_check": False,
    "trust": True,
    "max_tx_rate": 100,
    "min_tx_rate": None,
}


@pytest.fixture
def root(tmp_path: pathlib.Path) -> PciHost:
    place = tmp_path / "host"
    place.mkdir()
    return host(place)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numvfs, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(state, "LINK_SECONDS", 0.0)


def count(root: HostRoot, pci: str = FIRST) -> str:
    return root.read(f"/sys/bus/pci/devices/{pci}/sriov_numvfs")


def test_check_apply_check(root: PciHost) -> None:
    door = concern(root, function(vfs=[EVERYTHING], drivers_autoprobe=False))
    before = tree(root.path)
    predicted = door.plan()
    assert tree(root.path) == before
    assert root.write_boundaries == 0
    applied = carry_out(door)
    assert applied.result() == predicted.result()
    assert {change.what.removeprefix(FIRST): change.wanted for change in applied if change.what.startswith(FIRST)} == {
        " drivers_autoprobe": False,
        " VFs": 2,
        " link": "up",
        " VF 0 mac": "02:11:22:33:44:01",
        " VF 0 vlan": 100,
        " VF 0 qos": 3,
        " VF 0 spoof_check": False,
        " VF 0 trust": True,
        " VF 0 max_tx_rate": 100,
        " VF 0 min_tx_rate": 0,
    }
    assert not concern(root, function(vfs=[EVERYTHING], drivers_autoprobe=False)).plan()
    vf = door.facts()["functions"][0]["vfs"][0]
    assert (vf["pci"], vf["driver"], vf["mac"], vf["iommu_group"]) == (VF0, None, "02:11:22:33:44:01", "100")


def test_every_file_that_differs_afterwards_was_named(root: PciHost) -> None:
    before = tree(root.path)
    named = {change.what for change in carry_out(concern(root, function()))}
    new_outside_the_kernel = {f"/{path}" for path in set(tree(root.path)) - set(before) if not path.startswith("sys/")}
    assert new_outside_the_kernel == {what for what in named if what.startswith("/")}


def test_another_count_goes_through_0_and_sets_the_attributes_again(root: PciHost) -> None:
    carry_out(concern(root, function(count=2, vfs=[EVERYTHING])))
    with pytest.raises(OSError, match="busy"):
        root.kernel.write(root.real(f"/sys/bus/pci/devices/{FIRST}/sriov_numvfs"), "4")
    changes = carry_out(concern(root, function(count=4, vfs=[EVERYTHING])))
    assert [change.what for change in changes] == [f"{FIRST} VFs", at_boot.TABLE]
    assert count(root) == "4"


def test_a_function_that_stays_as_it_is_is_not_touched(root: PciHost) -> None:
    carry_out(concern(root, function(SECOND, 3)))
    written: list[str] = []
    watched = host(pathlib.Path(root.path), lambda _number, what: written.append(what))
    carry_out(concern(watched, function(FIRST, 1), function(SECOND, 3)))
    assert [what for what in written if SECOND in what] == []


def test_no_vfs_any_more(root: PciHost) -> None:
    before = tree(root.path)
    carry_out(concern(root, function(count=2)))
    carry_out(concern(root, function(count=0)))
    assert count(root) == "0"
    assert tree(root.path) == before


def test_only_for_now(root: PciHost) -> None:
    carry_out(concern(root, function(), persistent=False))
    assert not root.exists(at_boot.TABLE)
    assert count(root) == "2"


def test_what_someone_changed_by_hand_is_named_and_mended(root: PciHost) -> None:
    door = concern(root, function(vfs=[EVERYTHING]))
    carry_out(door)
    root.run(["ip", "link", "set", "dev", "ens1", "vf", "0", "vlan", "7", "qos", "0"], changes=True)
    root.write_file(at_boot.TABLE, "make 0000:99:00.0 1 -\n")
    root.set_mode(at_boot.PROGRAM_PATH, 0o644)
    link = f"/etc/systemd/system/multi-user.target.wants/{at_boot.UNIT}"
    root.remove(link)
    changes = carry_out(door)
    assert [(change.what, change.current) for change in changes][:2] == [(f"{FIRST} VF 0 vlan", 7), (f"{FIRST} VF 0 qos", 0)]
    assert [change.what for change in changes][2:] == [at_boot.TABLE, f"{at_boot.PROGRAM_PATH} mode", link]


# Error codes become causes, and what was before is put back


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (errno.EBUSY, "VFs are there already that something else has just made"),
        (errno.ENOMEM, "too little memory space (BARs) or too few bus numbers"),
        (errno.ERANGE, "more VFs than sriov_totalvfs"),
        (errno.EIO, "the NIC contradicts itself"),
        (errno.ENOENT, "its driver cannot make VFs"),
        (errno.ENOSPC, "out of interrupts (MSI-X)"),
        (errno.EINVAL, "takes no such number"),
        (errno.EPERM, "firmware forbids it"),
        (errno.ENODEV, "the NIC is gone"),
        (errno.EOPNOTSUPP, "makes no VFs in its present mode"),
    ],
)
def test_a_refused_count_says_why_and_everything_is_put_back(root: PciHost, code: int, cause: str) -> None:
    carry_out(concern(root, function(FIRST, 2, [{"index": 0, "vlan": 100}]), function(SECOND, 2)))
    binding.bind(root, VF1, "vfio-pci")
    before = tree(root.path)
    root.kernel.refusals[SECOND, 4] = code
    door = concern(root, function(FIRST, 4, [{"index": 0, "mac": "02:00:00:00:00:09"}], drivers_autoprobe=False), function(SECOND, 4))
    with pytest.raises(Failure) as caught:
        door.apply(door.plan())
    assert caught.value.asked == f"4 VFs on {SECOND}"
    assert errno.errorcode[code] in caught.value.found
    assert cause in caught.value.found
    assert "every function was put back as it was" in caught.value.remedy
    assert tree(root.path) == before
    assert functions.driver_of(root, VF1) == "vfio-pci"


def test_fewer_vfs_than_asked_is_no_success(root: PciHost) -> None:
    root.kernel.enables_at_most[FIRST] = 3
    before = tree(root.path)
    door = concern(root, function(count=5))
    with pytest.raises(Failure, match="the write was taken, but 3 are enabled") as caught:
        door.apply(door.plan())
    assert "put back" in caught.value.remedy
    assert tree(root.path) == before


def test_what_cannot_be_put_back_is_named(root: PciHost) -> None:
    carry_out(concern(root, function(count=2)))
    root.kernel.refusals = {(FIRST, 4): errno.ENOMEM, (FIRST, 2): errno.EIO}
    door = concern(root, function(count=4))
    with pytest.raises(Failure) as caught:
        door.apply(door.plan())
    assert f"could not be put back: {FIRST}: 2 VFs (EIO" in caught.value.remedy


@pytest.mark.parametrize(
    ("answer", "word", "found", "remedy"),
    [
        ("unsupported", "trust", "Operation not supported", "this driver cannot set it"),
        ("refused", "vlan", "Invalid argument", "takes no such value"),
    ],
)
def test_a_refused_attribute_says_why_and_everything_is_put_back(root: PciHost, answer: str, word: str, found: str, remedy: str) -> None:
    store(pathlib.Path(root.path), answer, word)
    before = tree(root.path)
    door = concern(root, function(vfs=[EVERYTHING]))
    with pytest.raises(Failure) as caught:
        door.apply(door.plan())
    assert word in caught.value.asked
    assert found in caught.value.found
    assert remedy in caught.value.remedy
    assert tree(root.path) == before


def test_a_rate_needs_a_link(root: PciHost) -> None:
    store(pathlib.Path(root.path), "no-link", 1)
    os.rename(root.real("/fake/no-link.json"), root.real("/fake/no-link"))
    before = tree(root.path)
    door = concern(root, function(vfs=[EVERYTHING]))
    with pytest.raises(Failure, match="max_tx_rate 100") as caught:
        door.apply(door.plan())
    assert "a rate needs a link" in caught.value.remedy
    assert tree(root.path) == before


def test_a_boot_file_that_cannot_be_written_puts_the_vfs_back(root: PciHost) -> None:
    def full(_number: int, what: str) -> None:
        if what == f"replace {at_boot.PROGRAM_PATH}":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = tree(root.path)
    door = concern(host(pathlib.Path(root.path), full), function())
    with pytest.raises(Failure) as caught:
        door.apply(door.plan())
    assert caught.value.where == at_boot.PROGRAM_PATH
    assert "free space" in caught.value.remedy
    assert tree(root.path) == before


# Bad input


def test_all_mistakes_of_the_options_are_named_at_once(root: PciHost) -> None:
    with pytest.raises(Failures) as caught:
        concern(
            root,
            function("eth0", -1),
            function(FIRST, 1, [{"index": 1, "mac": "nonsense"}, {"index": 0, "mac": "03:00:00:00:00:01"}]),
            function(FIRST, 2, [{"index": 0, "vlan": 4095}, {"index": 0, "qos": 8}, {"index": 1, "min_tx_rate": 9, "max_tx_rate": 5}]),
        )
    found = [f"{failure.asked}: {failure.found}" for failure in caught.value.failures]
    assert found == [
        f"physical function {FIRST}: listed twice",
        "eth0: no PCI address",
        "eth0: -1 VFs: a negative number",
        f"{FIRST} VF 1: 1 VFs are asked for",
        f"{FIRST} VF 1 mac nonsense: no MAC address",
        f"{FIRST} VF 0 mac 03:00:00:00:00:01: no address of one station",
        f"{FIRST}: VF 0: listed twice",
        f"{FIRST} VF 0 vlan 4095: no VLAN",
        f"{FIRST} VF 0 qos 8: no priority",
        f"{FIRST} VF 0 qos 8: no vlan",
        f"{FIRST} VF 1 rate 9 to 5 Mbit/s: no range",
    ]


def test_a_mac_belongs_to_one_vf() -> None:
    twice = [{"index": 0, "mac": "02:00:00:00:00:0A"}, {"index": 1, "mac": "02:00:00:00:00:0a"}]
    with pytest.raises(Failure, match="MAC 02:00:00:00:00:0a; found: listed twice"):
        read_options([function(vfs=twice)])


def test_everything_the_host_cannot_do_is_named_at_once(root: PciHost) -> None:
    root.kernel.add_nic("0000:61:00.0", "ens3", total=0)
    root.kernel.add_nic("0000:71:00.0", "ens4", group=4)
    root.kernel.write(root.real("/sys/bus/pci/devices/0000:71:00.0/driver/unbind"), "0000:71:00.0")
    carry_out(concern(root, function(FIRST, 1)))
    boundaries = root.write_boundaries
    with pytest.raises(Failures) as caught:
        concern(
            root,
            function("0000:99:00.0", 1),
            function("0000:61:00.0", 1),
            function(SECOND, 8),
            function(VF0, 1),
            function("0000:71:00.0", 1),
        ).plan()
    assert [failure.found for failure in caught.value.failures] == [
        f"it is a VF of {FIRST}",
        "at most 7",
        "it has no sriov_totalvfs: the NIC or its firmware offers no SR-IOV",
        "no driver is bound to it, and only its driver can make VFs",
        f"no such device; those that can have VFs: {FIRST}, {SECOND}, 0000:71:00.0",
    ]
    assert root.write_boundaries == boundaries


# Reboot and kill


def boot(root: PciHost) -> subprocess.CompletedProcess[str]:
    """What systemd does with the unit: run the program with nothing but its environment."""
    environment = {"PATH": f"{root.path}/usr/sbin:/usr/sbin:/usr/bin:/bin", "VMSITE_ROOT": root.path}
    program = ["sh", root.real(at_boot.PROGRAM_PATH), root.real(at_boot.TABLE), "0"]
    return subprocess.run(program, env=environment, capture_output=True, text=True, check=False)


def reboot(root: PciHost) -> None:
    """The kernel has forgotten; the plain files stand for attributes, so the program's own order is what is seen afterwards."""
    for pci in (FIRST, SECOND):
        if count(root, pci) != "0":
            root.kernel.write(root.real(f"/sys/bus/pci/devices/{pci}/sriov_numvfs"), "0")
    for netdev in ("ens1", "ens2"):
        root.run(["ip", "link", "set", "dev", netdev, "down"], changes=True)


def test_after_a_reboot_the_program_makes_the_same_vfs(root: PciHost) -> None:
    door = concern(root, function(FIRST, 2, [EVERYTHING], drivers_autoprobe=False), function(SECOND, 1))
    carry_out(door)
    reboot(root)
    done = boot(root)
    assert (done.returncode, done.stderr) == (0, "")
    kept = {FIRST: state.read_state(root, FIRST), SECOND: state.read_state(root, SECOND)}
    assert (kept[FIRST].count, kept[FIRST].drivers_autoprobe, kept[SECOND].count) == (2, False, 1)
    assert kept[FIRST].vfs[0].differing(read_options([function(vfs=[EVERYTHING])])[0].vfs[0]) == {}


def test_at_boot_one_nic_that_fails_keeps_no_other_from_its_vfs(root: PciHost) -> None:
    carry_out(concern(root, function(FIRST, 2, [EVERYTHING]), function(SECOND, 1)))
    reboot(root)
    os.unlink(root.real(f"/sys/bus/pci/devices/{FIRST}/driver"))
    done = boot(root)
    assert done.returncode == 1
    assert f"{FIRST}: no driver within 0 s" in done.stderr
    assert count(root, SECOND) == "1"


def test_at_boot_a_port_that_udev_renames_meanwhile_is_found_under_its_new_name(root: PciHost) -> None:
    carry_out(concern(root, function(FIRST, 2, [EVERYTHING])))
    reboot(root)
    names = [(f"{root.path}/{place}/eth9", f"{root.path}/{place}/ens1") for place in (f"sys/bus/pci/devices/{FIRST}/net", "sys/class/net")]
    for early, late in names:
        os.rename(late, early)
    ip = pathlib.Path(root.real("/usr/sbin/ip"))
    ip.rename(ip.with_name("ip-itself"))
    renames = " && ".join(f"mv {early} {late}" for early, late in names)
    ip.write_text(f'#!/bin/sh\n{{ {renames}; }} 2>/dev/null && {{ echo Cannot find device >&2; exit 1; }}\nexec {ip}-itself "$@"\n')
    ip.chmod(0o755)
    done = boot(root)
    assert (done.returncode, done.stderr) == (0, "")
    assert state.read_state(root, FIRST).vfs[0].differing(read_options([function(vfs=[EVERYTHING])])[0].vfs[0]) == {}


def test_at_boot_vfs_that_are_there_are_left_alone(root: PciHost) -> None:
    carry_out(concern(root, function(FIRST, 2)))
    assert boot(root).returncode == 0
    reboot(root)
    root.kernel.write(root.real(f"/sys/bus/pci/devices/{FIRST}/sriov_numvfs"), "5")
    done = boot(root)
    assert "has 5 VFs, which may be in use: left alone" in done.stderr
    assert count(root) == "5"


def test_the_unit_is_enabled_and_comes_before_network_and_kubelet(root: PciHost) -> None:
    carry_out(concern(root, function()))
    unit = root.read(f"/etc/systemd/system/{at_boot.UNIT}")
    assert root.readlink(f"/etc/systemd/system/multi-user.target.wants/{at_boot.UNIT}") == f"/etc/systemd/system/{at_boot.UNIT}"
    before = next(line for line in unit.splitlines() if line.startswith("Before=")).split("=")[1].split()
    assert {"network-pre.target", "kubelet.service", "libvirtd.service"} <= set(before)
    assert "DefaultDependencies=no" in unit.splitlines()


def test_killed_at_every_write(tmp_path: pathlib.Path) -> None:
    def check(root: HostRoot) -> None:
        for path in (at_boot.TABLE, at_boot.PROGRAM_PATH, f"/etc/systemd/system/{at_boot.UNIT}"):
            text = root.read_optional(path)
            assert text is None or text.splitlines()[-1] in (f"make {SECOND} 1 -", "exit $failed", "WantedBy=multi-user.target")

    def make(root: HostRoot) -> SriovFunctions:
        return concern(root, function(FIRST, 2, [EVERYTHING], drivers_autoprobe=False), function(SECOND, 1))

    assert kill_at_every_boundary(tmp_path, host, make, check) == 16


def test_killed_between_two_counts(tmp_path: pathlib.Path) -> None:
    attributes = [{"index": 0, "trust": True}]

    def with_vfs(place: pathlib.Path, hook: t.Callable[[int, str], None]) -> PciHost:
        fresh = not any(place.iterdir())
        root = host(place, hook)
        if fresh:
            carry_out(concern(host(place), function(FIRST, 2, attributes)))
        return root

    assert kill_at_every_boundary(tmp_path, with_vfs, lambda root: concern(root, function(FIRST, 4, attributes))) == 4
