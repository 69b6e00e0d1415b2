# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interrupts stay on the housekeeping CPUs: those that are there, those that come, and after a boot."""

from __future__ import annotations

import errno
import json
import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import boot_note
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.irqs import at_boot, interrupts, irqbalance
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.irqs.concern import IrqAffinity
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.fakes.debian_without_systemd import make_debian_host, read_state
from ansible_collections.baremetal.vmsite.tests.fakes.irq_kernel import IrqKernel, install_irqbalance
from ansible_collections.baremetal.vmsite.tests.unit.host import as_the_door_does
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import kill_at_every_boundary, tree
from ansible_collections.baremetal.vmsite.tests.unit.host.stand_in_kernel import KernelRoot, run_installed

ALL = set(range(40))
HOUSEKEEPING = {0, 1, 36}
AFFINITY = "0-1,36"
BANNED = "2-35,37-39"
DEFAULTS = '# the package\'s own\nIRQBALANCE_ARGS="--foreground"\n#IRQBALANCE_BANNED_CPULIST=\n'


IrqHost = KernelRoot[IrqKernel]


def power_on(kernel: IrqKernel) -> None:
    shutil.rmtree(kernel.root / "proc/irq", ignore_errors=True)
    kernel.start("0-39")
    kernel.add(4, None, ALL)
    kernel.add(9, "acpi", ALL)
    kernel.add(24, "ens1-TxRx-0", {1})
    kernel.add(25, "ens1-TxRx-1", {36, 37})
    kernel.add(26, "ens1-TxRx-2", {38, 39})


def host(place: pathlib.Path, hook: t.Callable[[int, str], None] | None = None) -> IrqHost:
    """The host in this directory; a fresh one if the directory is empty."""
    root = IrqHost(place, IrqKernel(place, ALL), hook)
    if not any(place.iterdir()):
        make_debian_host(place)
        install_irqbalance(place, DEFAULTS)
        power_on(root.kernel)
    return root


@pytest.fixture
def root(tmp_path: pathlib.Path) -> IrqHost:
    place = tmp_path / "host"
    place.mkdir()
    return host(place)


def carry_out(root: HostRoot, affinity: str = AFFINITY, persistent: bool = True) -> ChangeSet:
    return as_the_door_does.carry_out(IrqAffinity(root, affinity, persistent))


def test_check_apply_check(root: IrqHost) -> None:
    before = tree(root.path)
    predicted = IrqAffinity(root, AFFINITY).plan()
    assert tree(root.path) == before
    applied = carry_out(root)
    assert applied.result() == predicted.result()
    assert [(change.what, change.wanted) for change in applied][:6] == [
        ("/proc/irq/default_smp_affinity", AFFINITY),
        ("IRQ 9 (acpi)", AFFINITY),
        ("IRQ 25 (ens1-TxRx-1)", "36"),
        ("IRQ 26 (ens1-TxRx-2)", AFFINITY),
        ("/etc/default/irqbalance IRQBALANCE_BANNED_CPULIST", BANNED),
        ("irqbalance (55) banned CPUs", BANNED),
    ]
    assert {number: root.kernel.affinity(number) for number in (9, 24, 25, 26)} == {9: HOUSEKEEPING, 24: {1}, 25: {36}, 26: HOUSEKEEPING}
    assert root.kernel.affinity(4) == ALL, "an interrupt without a handler takes the default when it gets one"
    assert root.read("/proc/irq/default_smp_affinity") == "00000010,00000003"
    named = {change.what for change in applied}
    assert {f"/{path}" for path in set(tree(root.path)) - set(before)} <= named


def test_the_timer_runs_and_is_there_after_a_reboot(root: IrqHost) -> None:
    carry_out(root)
    log = read_state(pathlib.Path(root.path))["log"]
    assert isinstance(log, list)
    assert "daemon-reload" in log
    assert f"start {at_boot.TIMER}" in log
    assert root.readlink(f"/etc/systemd/system/timers.target.wants/{at_boot.TIMER}") == f"/etc/systemd/system/{at_boot.TIMER}"
    root.run(["systemctl", "stop", at_boot.TIMER], changes=True)
    assert [change.what for change in carry_out(root)] == [f"unit {at_boot.TIMER} state"]


def test_without_systemd_the_files_are_written_all_the_same(root: IrqHost) -> None:
    shutil.rmtree(root.real("/run/systemd"))
    shutil.rmtree(root.real("/proc/55"))
    carry_out(root)
    assert root.exists(f"/etc/systemd/system/{at_boot.TIMER}")
    assert read_state(pathlib.Path(root.path))["log"] == []


def test_only_for_now(root: IrqHost) -> None:
    carry_out(root, persistent=False)
    assert root.kernel.affinity(26) == HOUSEKEEPING
    assert root.read("/etc/default/irqbalance") == DEFAULTS[:-1]
    assert not root.exists(at_boot.PROGRAM_PATH)


# Interrupts that the kernel keeps to itself


@pytest.mark.parametrize("refusal", [errno.EIO, errno.EPERM])
def test_a_managed_interrupt_is_named_and_no_error(root: IrqHost, refusal: int) -> None:
    root.kernel.managed_refusal = refusal
    root.kernel.add(30, "nvme0q1", {5, 6}, managed=True)
    carry_out(root)
    assert not IrqAffinity(root, AFFINITY).plan()
    facts = IrqAffinity(root, AFFINITY).facts()
    assert facts == {"interrupts": 5, "unmovable": [{"irq": 30, "names": "nvme0q1", "affinity": "5-6", "effective": "5"}]}


def test_a_newer_kernel_tells_before_it_is_asked(root: IrqHost) -> None:
    root.kernel.add(30, "nvme0q1", {5, 6}, managed=True, read_only=True)
    assert "IRQ 30 (nvme0q1)" not in [change.what for change in carry_out(root)]
    assert not root.exists(interrupts.RECORD)
    assert [entry["irq"] for entry in IrqAffinity(root, AFFINITY).facts()["unmovable"]] == [30]


def test_another_device_behind_a_number_that_refused_is_tried_again(root: IrqHost) -> None:
    root.kernel.add(30, "nvme0q1", {5, 6}, managed=True)
    carry_out(root)
    shutil.rmtree(root.real("/proc/irq/30"))
    (pathlib.Path(root.path) / "fake/managed/30").unlink()
    root.kernel.add(30, "ens9", {5, 6})
    assert [change.what for change in carry_out(root)] == ["IRQ 30 (ens9)"]


@pytest.mark.parametrize("text", ["[1]", "{", ""])
def test_a_record_that_cannot_be_read_is_none(root: IrqHost, text: str) -> None:
    root.make_dir(boot_note.DIRECTORY)
    root.write_file(interrupts.RECORD, text)
    root.kernel.add(30, "nvme0q1", {5, 6}, managed=True)
    carry_out(root)
    assert json.loads(root.read(interrupts.RECORD)) == {"30": "nvme0q1"}


# Errors


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (errno.ENOSPC, "ENOSPC: .*: these CPUs have no interrupt vector left"),
        (errno.EINVAL, "none of these CPUs can take it"),
        (errno.EBUSY, "it is being moved already"),
    ],
)
def test_a_refused_mask_says_why_and_the_others_are_put_back(root: IrqHost, code: int, cause: str) -> None:
    root.kernel.refusals[26] = code
    before = {path: text for path, text in tree(root.path).items() if path.startswith("proc/irq")}
    with pytest.raises(Failure, match=cause) as caught:
        carry_out(root)
    assert caught.value.asked == f"IRQ 26 (ens1-TxRx-2) on CPUs {AFFINITY}"
    assert "the masks were put back as they were" in caught.value.remedy
    assert {path: text for path, text in tree(root.path).items() if path.startswith("proc/irq")} == before


def test_an_interrupt_that_is_gone_meanwhile_is_no_error(root: IrqHost) -> None:
    root.kernel.refusals[26] = errno.ENOENT
    door = IrqAffinity(root, AFFINITY)
    door.apply(door.plan())
    assert [change.what for change in door.plan()] == ["IRQ 26 (ens1-TxRx-2)"]


def test_all_mistakes_are_named_at_once(root: IrqHost) -> None:
    with pytest.raises(Failures) as caught:
        IrqAffinity(root, "40-41").plan()
    assert [failure.found for failure in caught.value.failures] == ["CPUs 0-39; there is no 40-41", "none of them is online, of 0-39"]
    with pytest.raises(Failure, match="none of them is online"):
        IrqAffinity(root, "").plan()
    with pytest.raises(Failure, match="neither a CPU nor a range"):
        IrqAffinity(root, "zero").plan()
    assert root.write_boundaries == 0


# irqbalance


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, f"{irqbalance.VARIABLE}=2-3\n"),
        ("A=1", f"A=1\n{irqbalance.VARIABLE}=2-3\n"),
        ("# IRQBALANCE_BANNED_CPULIST=7\nB=2", f"# IRQBALANCE_BANNED_CPULIST=7\nB=2\n{irqbalance.VARIABLE}=2-3\n"),
        ('A=1\nIRQBALANCE_BANNED_CPULIST="9"\nB=2\nIRQBALANCE_BANNED_CPULIST=8', f"A=1\n{irqbalance.VARIABLE}=2-3\nB=2\n"),
    ],
)
def test_only_our_line_of_the_environment_file_is_ours(before: str | None, after: str) -> None:
    assert irqbalance.with_assignment(before, "2-3") == after


def test_irqbalance_on_red_hat(root: IrqHost) -> None:
    root.remove("/etc/default/irqbalance")
    root.make_dir("/etc/sysconfig")
    root.write_file("/etc/sysconfig/irqbalance", "IRQBALANCE_BANNED_CPULIST='5'\n")
    change = next(change for change in IrqAffinity(root, AFFINITY).plan() if "sysconfig" in change.what)
    assert (change.current, change.wanted) == ("5", BANNED)


def test_no_irqbalance_no_file(root: IrqHost) -> None:
    root.remove("/etc/default/irqbalance")
    shutil.rmtree(root.real("/proc/55"))
    carry_out(root)
    assert not root.exists("/etc/default/irqbalance")
    pathlib.Path(root.real("/usr/bin/irqbalance")).write_text("")
    pathlib.Path(root.real("/usr/bin/irqbalance")).chmod(0o755)
    carry_out(root)
    assert root.read("/etc/default/irqbalance") == f"{irqbalance.VARIABLE}={BANNED}"


def test_an_irqbalance_that_runs_with_the_old_list_is_restarted(root: IrqHost) -> None:
    carry_out(root)
    pathlib.Path(root.real("/proc/55/environ")).write_text(f"{irqbalance.VARIABLE}=7\0")
    changes = carry_out(root)
    assert [(change.what, change.current) for change in changes] == [("irqbalance (55) banned CPUs", "7")]
    assert f"{irqbalance.VARIABLE}={BANNED}" in root.read("/proc/55/environ")


# Reboot, hotplug and kill


def look_again(root: IrqHost, monkeypatch: pytest.MonkeyPatch) -> int:
    """What the timer starts: the installed program with the unit's own argument, its writes going to the stand-in kernel."""
    service = root.read(f"/etc/systemd/system/{at_boot.NAME}.service")
    argv = next(line for line in service.splitlines() if line.startswith("ExecStart=")).split()[1:]
    return run_installed(root, at_boot.PROGRAM_PATH, ["irq-affinity", *argv], monkeypatch)


def test_after_a_reboot_and_for_what_comes_later(root: IrqHost, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out(root)
    power_on(root.kernel)
    root.kernel.add(30, "nvme0q1", {5, 6}, managed=True)
    assert look_again(root, monkeypatch) == 0
    assert [change.what for change in IrqAffinity(root, AFFINITY).plan()] == ["IRQ 30 (nvme0q1)"]
    root.kernel.add(31, "ens9-TxRx-0", ALL)
    assert look_again(root, monkeypatch) == 0
    assert root.kernel.affinity(31) == HOUSEKEEPING
    assert {number: root.kernel.affinity(number) for number in (24, 25, 26)} == {24: {1}, 25: {36}, 26: HOUSEKEEPING}


def test_the_program_says_what_it_could_not_move(
    root: IrqHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    carry_out(root)
    power_on(root.kernel)
    root.kernel.refusals[25] = errno.ENOSPC
    assert look_again(root, monkeypatch) == 1
    assert "IRQ 25: [Errno 28]" in capsys.readouterr().err
    assert root.kernel.affinity(26) == HOUSEKEEPING


def test_killed_at_every_write(tmp_path: pathlib.Path) -> None:
    def with_managed(place: pathlib.Path, hook: t.Callable[[int, str], None]) -> IrqHost:
        fresh = not any(place.iterdir())
        root = host(place, hook)
        if fresh:
            root.kernel.add(30, "nvme0q1", {5, 6}, managed=True)
        return root

    def check(root: HostRoot) -> None:
        assert root.read("/etc/default/irqbalance") in (DEFAULTS[:-1], f"{DEFAULTS}{irqbalance.VARIABLE}={BANNED}")
        program = root.read_optional(at_boot.PROGRAM_PATH)
        assert program is None or program + "\n" == at_boot.PROGRAM

    assert kill_at_every_boundary(tmp_path, with_managed, lambda root: IrqAffinity(root, AFFINITY), check) == 17
