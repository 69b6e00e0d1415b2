# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions change their driver, and who is in the way of that."""

from __future__ import annotations

import errno
import os
import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import at_boot, binding, functions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.concern import PciDrivers, WantedDriver
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.fakes.debian_without_systemd import make_debian_host, read_state
from ansible_collections.baremetal.vmsite.tests.fakes.ip_link import store
from ansible_collections.baremetal.vmsite.tests.fakes.modprobe import install_modprobe
from ansible_collections.baremetal.vmsite.tests.unit.host.as_the_door_does import carry_out
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import kill_at_every_boundary, tree
from ansible_collections.baremetal.vmsite.tests.unit.host.sriov import sriov_host
from ansible_collections.baremetal.vmsite.tests.unit.host.sriov.sriov_host import FIRST, OWN_PROCESS, SECOND, VF0, VF1, PciHost
from ansible_collections.baremetal.vmsite.tests.unit.host.stand_in_kernel import run_installed


def host(place: pathlib.Path, hook: t.Callable[[int, str], None] | None = None) -> PciHost:
    """Two NICs, the first with two VFs; vfio-pci is a module that is not loaded yet. The host in this directory, if there is one."""
    fresh = not any(place.iterdir())
    root = sriov_host.host(place, hook)
    if fresh:
        install_modprobe(place, ("igb", "igbvf", "vfio-pci", "mlx5_core"))
        shutil.rmtree(place / "sys/bus/pci/drivers/vfio-pci")
        shutil.rmtree(place / "sys/module/vfio_pci")
        root.kernel.write(root.real(f"/sys/bus/pci/devices/{FIRST}/sriov_numvfs"), "2")
    return root


@pytest.fixture
def root(tmp_path: pathlib.Path) -> PciHost:
    place = tmp_path / "host"
    place.mkdir()
    return host(place)


def door(root: HostRoot, persistent: bool = True, **drivers: str | None) -> PciDrivers:
    """Functions by the names vf0, vf1, second."""
    addresses = {"vf0": VF0, "vf1": VF1, "first": FIRST, "second": SECOND}
    return PciDrivers(root, [WantedDriver(addresses[name], driver) for name, driver in drivers.items()], OWN_PROCESS, persistent)


def driver(root: HostRoot, pci: str = VF0) -> str | None:
    return functions.driver_of(root, pci)


def write(root: PciHost, path: str, text: str) -> None:
    file = pathlib.Path(root.real(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def refused(concern: PciDrivers) -> str:
    with pytest.raises(Failure) as caught:
        concern.plan()
    return caught.value.found


def test_check_apply_check(root: PciHost) -> None:
    before = tree(root.path)
    predicted = door(root, vf0="vfio-pci").plan()
    assert tree(root.path) == before
    assert root.write_boundaries == 0
    applied = carry_out(door(root, vf0="vfio-pci"))
    assert applied.result() == predicted.result()
    assert [(change.what, change.current, change.wanted) for change in applied][:3] == [
        ("driver vfio-pci", "not loaded", "loaded"),
        (f"{VF0} driver_override", None, "vfio-pci"),
        (f"{VF0} driver", "igbvf", "vfio-pci"),
    ]
    assert (driver(root), driver(root, VF1)) == ("vfio-pci", "igbvf")
    named = {change.what for change in applied}
    assert {f"/{path}" for path in set(tree(root.path)) - set(before) if not path.startswith("sys/")} <= named
    assert door(root, vf0="vfio-pci").facts()["devices"] == [
        {"pci": VF0, "driver": "vfio-pci", "driver_override": "vfio-pci", "iommu_group": "100", "group_members": [VF0]}
    ]


def test_back_to_the_kernels_own_choice_leaves_nothing(root: PciHost) -> None:
    root.kernel.load_driver("vfio-pci")
    before = tree(root.path)
    carry_out(door(root, vf0="vfio-pci", vf1="vfio-pci"))
    changes = carry_out(door(root, vf0=None, vf1=None))
    assert (f"{VF0} driver", "the kernel's own choice") in [(change.what, change.wanted) for change in changes]
    assert driver(root) == "igbvf"
    assert tree(root.path) == before


def test_the_kernels_own_choice_is_loaded_if_need_be(root: PciHost) -> None:
    carry_out(door(root, vf0="vfio-pci"))
    shutil.rmtree(root.real("/sys/bus/pci/drivers/igbvf"))
    shutil.rmtree(root.real("/sys/module/igbvf"))
    carry_out(door(root, vf0=None))
    assert driver(root) == "igbvf"


def test_no_driver_at_all(root: PciHost) -> None:
    carry_out(door(root, vf0="none"))
    assert (driver(root), functions.override_of(root, VF0)) == (None, "none")
    root.kernel.write(root.real("/sys/bus/pci/drivers_probe"), VF0)
    assert driver(root) is None
    carry_out(door(root, vf0=None))
    assert driver(root) == "igbvf"


def test_a_vf_without_driver_goes_to_vfio_although_autoprobe_is_off(root: PciHost) -> None:
    root.kernel.write(root.real(f"/sys/bus/pci/devices/{FIRST}/sriov_numvfs"), "0")
    root.kernel.write(root.real(f"/sys/bus/pci/devices/{FIRST}/sriov_drivers_autoprobe"), "0")
    root.kernel.write(root.real(f"/sys/bus/pci/devices/{FIRST}/sriov_numvfs"), "2")
    assert driver(root) is None
    carry_out(door(root, vf0="vfio-pci"))
    assert driver(root) == "vfio-pci"
    carry_out(door(root, vf0=None))
    assert driver(root) is None, "without autoprobe no driver is the kernel's own choice"


def install_udevadm(root: PciHost) -> None:
    """It notes what it was told, if the first VF still has its driver then."""
    program = pathlib.Path(root.real("/usr/sbin/udevadm"))
    program.write_text(f'#!/bin/sh\n[ -L "$VMSITE_ROOT/sys/bus/pci/devices/{VF0}/driver" ] && echo "$*" >"$VMSITE_ROOT/settled"\n')
    program.chmod(0o755)


def test_udev_ends_its_work_before_a_driver_is_taken_off(root: PciHost) -> None:
    install_udevadm(root)
    carry_out(door(root, vf0="none"))
    assert root.read("/settled") == f"settle --timeout={binding.SETTLE_SECONDS}"


def test_only_for_now(root: PciHost) -> None:
    carry_out(door(root, persistent=False, vf0="vfio-pci"))
    assert not root.exists(at_boot.TABLE)


def test_a_running_systemd_reads_the_new_unit(root: PciHost) -> None:
    make_debian_host(pathlib.Path(root.path))
    carry_out(door(root, vf0="vfio-pci"))
    assert read_state(pathlib.Path(root.path))["log"] == ["daemon-reload"]
    unit = f"/etc/systemd/system/{at_boot.UNIT}"
    text = root.read(unit) + "\n"
    root.write_file(unit, text + "# someone was here\n")
    assert [change.what for change in carry_out(door(root, vf0="vfio-pci"))] == [unit, f"unit {at_boot.UNIT} definition"]
    root.write_file(unit, text + "# someone was here\n")
    root.run(["systemctl", "daemon-reload"], changes=True)
    root.run(["systemctl", "show", at_boot.UNIT], changes=False)
    root.write_file(unit, text)  # as a run that was killed before systemd read it again
    assert [change.what for change in carry_out(door(root, vf0="vfio-pci"))] == [f"unit {at_boot.UNIT} definition"]


def test_a_vf_that_is_not_made_yet_is_planned_and_not_applied(root: PciHost) -> None:
    third = "0000:21:10.4"
    before = tree(root.path)
    concern = PciDrivers(root, [WantedDriver(third, "vfio-pci")], OWN_PROCESS)
    planned = concern.plan()
    assert [(change.what, change.wanted) for change in planned if change.what.startswith(third)] == [
        (f"{third} driver_override", "vfio-pci"),
        (f"{third} driver", "vfio-pci"),
    ]
    with pytest.raises(Failure) as caught:
        concern.apply(planned)
    assert caught.value.found == f"no such device; {FIRST} makes it when it has that many VFs"
    assert tree(root.path) == before
    for count in ("0", "3"):
        root.kernel.write(root.real(f"/sys/bus/pci/devices/{FIRST}/sriov_numvfs"), count)
    carry_out(PciDrivers(root, [WantedDriver(third, "vfio-pci")], OWN_PROCESS))
    assert driver(root, third) == "vfio-pci"


# Refusals


def test_all_mistakes_are_named_at_once(root: PciHost) -> None:
    root.kernel.add_nic("0000:00:1c.0", "none0", total=0, group=9)
    write(root, "/sys/bus/pci/devices/0000:00:1c.0/class", "0x060400\n")
    wanted = [("eth0", "vfio-pci"), (VF0, "nonsense"), (VF0, "a b"), ("0000:99:00.0", None), ("0000:00:1c.0", "vfio-pci")]
    with pytest.raises(Failures) as caught:
        PciDrivers(root, [WantedDriver(*entry) for entry in wanted], OWN_PROCESS).plan()
    assert [f"{failure.asked}: {failure.found}" for failure in caught.value.failures] == [
        f"{VF0}: listed twice",
        "0000:00:1c.0: a bridge, whose devices would go with it",
        "0000:99:00.0: no such device, and no physical function would make a VF at this address",
        "eth0: no PCI address",
        "driver 'a b': no driver's name",
        "driver nonsense: not loaded, and no module of this name",
    ]
    assert root.write_boundaries == 0


def test_a_group_with_a_device_of_the_host_is_not_viable(root: PciHost) -> None:
    root.kernel.add_nic("0000:61:00.0", "ens3", total=0, group=7)
    root.kernel.add_nic("0000:61:00.1", "ens4", total=0, group=7)
    root.kernel.add_nic("0000:60:00.0", "none0", total=0, group=7)
    write(root, "/sys/bus/pci/devices/0000:60:00.0/class", "0x060400\n")

    def both(second: str | None) -> PciDrivers:
        return PciDrivers(root, [WantedDriver("0000:61:00.0", "vfio-pci"), WantedDriver("0000:61:00.1", second)], OWN_PROCESS)

    found = refused(PciDrivers(root, [WantedDriver("0000:61:00.0", "vfio-pci")], OWN_PROCESS))
    assert found == "its IOMMU group 7 has other members with a driver of the host: 0000:61:00.1 on igb"
    assert "0000:61:00.1 on the kernel's own choice" in refused(both(None))
    assert both("none").plan()
    carry_out(both("vfio-pci"))


@pytest.mark.parametrize(("mode", "allowed"), [(None, False), ("N", False), ("Y", True)])
def test_without_an_iommu_there_is_no_vfio(root: PciHost, mode: str | None, allowed: bool) -> None:
    root.kernel.add_nic("0000:61:00.0", "ens3", total=0, group=None)
    if mode:
        write(root, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", f"{mode}\n")
    concern = PciDrivers(root, [WantedDriver("0000:61:00.0", "vfio-pci")], OWN_PROCESS)
    if allowed:
        assert concern.plan()
    else:
        assert refused(concern) == "it has no IOMMU group: the IOMMU is off"


def test_the_nic_of_the_default_route(root: PciHost) -> None:
    write(root, "/proc/net/route", "Iface\nens2\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n")
    assert refused(door(root, second="vfio-pci")) == "the default route leaves by ens2"
    assert door(root, vf0="vfio-pci").plan()


def test_a_physical_function_with_vfs(root: PciHost) -> None:
    assert refused(door(root, first="vfio-pci")) == "it has 2 VFs, which would go with its driver"


def test_a_function_in_use_names_its_user(root: PciHost) -> None:
    store(pathlib.Path(root.path), "addresses", [{"ifname": "ens1v0", "addr_info": [{"local": "198.51.100.7", "scope": "global"}]}])
    assert refused(door(root, vf0="vfio-pci")) == "netdev ens1v0 has the address 198.51.100.7"
    carry_out(door(root, vf1="vfio-pci"))
    root.kernel.process(4711, "qemu-system-x86", ("/dev/vfio/101",), ("qemu", "-name", "db2"))
    assert refused(door(root, vf1=None)) == "vfio-pci is held open by VM db2 (qemu-system-x86 4711)"
    assert not door(root, vf1="vfio-pci").plan()


def test_a_disk_with_a_mounted_file_system(root: PciHost) -> None:
    for link, target in (
        ("sys/class/block/nvme0n1p2", f"../../devices/pci0000:40/{SECOND}/nvme/nvme0/nvme0n1/nvme0n1p2"),
        ("sys/class/block/dm-0", "../../devices/virtual/block/dm-0"),
        ("dev/mapper/system-root", "../dm-0"),
    ):
        (pathlib.Path(root.path) / link).parent.mkdir(parents=True, exist_ok=True)
        (pathlib.Path(root.path) / link).symlink_to(target)
    os.makedirs(root.real("/sys/devices/virtual/block/dm-0/slaves/nvme0n1p2"))
    write(
        root,
        "/proc/self/mountinfo",
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/mapper/system-root rw\n23 1 0:5 / /proc rw - proc proc rw\n",
    )
    assert refused(door(root, second="vfio-pci")) == "/dev/mapper/system-root is mounted on /"
    write(root, "/proc/self/mountinfo", "")
    write(root, "/proc/swaps", "Filename Type Size Used Priority\n/dev/nvme0n1p2 partition 1 0 -2\n")
    assert refused(door(root, second="vfio-pci")) == "/dev/nvme0n1p2 is swap"
    write(root, "/proc/swaps", "Filename Type Size Used Priority\n")
    assert door(root, second="vfio-pci").plan()


# Failure half-way, kill, reboot


def test_a_driver_that_does_not_take_it_puts_everything_back(root: PciHost, monkeypatch: pytest.MonkeyPatch) -> None:
    root.kernel.load_driver("vfio-pci")
    carry_out(door(root, persistent=False, vf1="none"))
    before = tree(root.path)
    real_probe = root.kernel._probe

    def not_vf1_on_vfio(pci: str) -> None:
        if (pci, functions.override_of(root, pci)) != (VF1, "vfio-pci"):
            real_probe(pci)

    monkeypatch.setattr(root.kernel, "_probe", not_vf1_on_vfio)
    concern = door(root, vf0="vfio-pci", vf1="vfio-pci")
    with pytest.raises(Failure, match="the driver did not take it") as caught:
        concern.apply(concern.plan())
    assert caught.value.asked == f"{VF1} on driver vfio-pci"
    assert "every function was put back as it was" in caught.value.remedy
    assert tree(root.path) == before


def test_what_cannot_be_put_back_is_named(root: PciHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_pci: str) -> None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    monkeypatch.setattr(root.kernel, "_probe", gone)
    concern = door(root, vf0="vfio-pci")
    with pytest.raises(Failure) as caught:
        concern.apply(concern.plan())
    assert f"could not be put back: {VF0} on igbvf (ENODEV" in caught.value.remedy


@pytest.mark.parametrize(("wanted", "boundaries"), [("vfio-pci", 11), (None, 7)])
def test_killed_at_every_write(tmp_path: pathlib.Path, wanted: str | None, boundaries: int) -> None:
    def start(place: pathlib.Path, hook: t.Callable[[int, str], None]) -> PciHost:
        fresh = not any(place.iterdir())
        root = host(place, hook)
        if fresh and wanted is None:
            carry_out(door(host(place), vf0="vfio-pci"))
        return root

    def check(root: HostRoot) -> None:
        assert root.read_optional(at_boot.PROGRAM_PATH) in (None, at_boot.PROGRAM[:-1])

    assert kill_at_every_boundary(tmp_path, start, lambda root: door(root, vf0=wanted), check) == boundaries


def boot(root: PciHost, monkeypatch: pytest.MonkeyPatch) -> int:
    """What systemd does with the unit, the program's writes going to the stand-in kernel."""
    install_udevadm(root)
    monkeypatch.setenv("PATH", f"{root.path}/usr/sbin:{os.environ['PATH']}")
    return run_installed(root, at_boot.PROGRAM_PATH, ["pci-driver-at-boot", "0"], monkeypatch)


def reboot(root: PciHost, vfs: str = "2") -> None:
    for pci in (VF0, VF1, SECOND):
        write(root, f"/sys/bus/pci/devices/{pci}/driver_override", "(null)\n")
        if driver(root, pci):
            root.kernel.write(root.real(f"/sys/bus/pci/devices/{pci}/driver/unbind"), pci)
        root.kernel.write(root.real("/sys/bus/pci/drivers_probe"), pci)
    shutil.rmtree(root.real("/sys/bus/pci/drivers/vfio-pci"))
    root.kernel.write(root.real(f"/sys/bus/pci/devices/{FIRST}/sriov_numvfs"), "0")
    root.kernel.write(root.real(f"/sys/bus/pci/devices/{FIRST}/sriov_numvfs"), vfs)


def test_after_a_reboot_the_program_binds_the_same(root: PciHost, monkeypatch: pytest.MonkeyPatch) -> None:
    concern = door(root, vf0="vfio-pci", vf1=None, second="none")
    carry_out(concern)
    reboot(root)
    assert [change.what for change in concern.plan()] == [
        "driver vfio-pci",
        f"{VF0} driver_override",
        f"{VF0} driver",
        f"{SECOND} driver_override",
        f"{SECOND} driver",
    ]
    assert boot(root, monkeypatch) == 0
    assert root.read("/settled") == "settle --timeout=60"
    assert not concern.plan()


def test_at_boot_a_vf_that_is_missing_keeps_no_other_from_its_driver(
    root: PciHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    carry_out(door(root, vf0="vfio-pci", vf1="vfio-pci"))
    reboot(root, vfs="1")
    assert boot(root, monkeypatch) == 1
    assert f"{VF1}: no such function within 0 s" in capsys.readouterr().err
    assert driver(root) == "vfio-pci"


def test_the_unit_comes_after_the_vfs(root: PciHost) -> None:
    carry_out(door(root, vf0="vfio-pci"))
    unit = root.read(f"/etc/systemd/system/{at_boot.UNIT}")
    assert "vmsite-sriov.service" in next(line for line in unit.splitlines() if line.startswith("After="))
    assert "kubelet.service" in next(line for line in unit.splitlines() if line.startswith("Before="))
