# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A boot that does not come up is counted, printed and repeated once; a second one is an error with the end of the console."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.baremetal.vmsite.lab.commands import LabError
from ansible_collections.baremetal.vmsite.lab.guest import boot, machine
from ansible_collections.baremetal.vmsite.lab.guest.qemu import Qemu
from ansible_collections.baremetal.vmsite.lab.progress import Progress


@dataclasses.dataclass
class Power:
    """A QEMU that can be started and killed, and boots of which the first `bad` do not come up."""

    bad: int = 0
    is_on: bool = False
    boots: int = 0
    disks: list[Path] = dataclasses.field(default_factory=list)

    def start(self, qemu: Qemu, disk: Path) -> None:
        assert not self.is_on
        self.is_on = True
        self.disks.append(disk)

    def kill(self) -> bool:
        was_on, self.is_on = self.is_on, False
        return was_on

    def wait(self, progress: Progress) -> None:
        self.boots += 1
        if self.boots <= self.bad:
            raise LabError("no login")


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Power]:
    power = Power()
    monkeypatch.setattr(machine, "running", lambda: 1 if power.is_on else None)
    monkeypatch.setattr(machine, "start", power.start)
    monkeypatch.setattr(machine, "kill", power.kill)
    monkeypatch.setattr(boot, "wait_until_it_answers", power.wait)
    monkeypatch.setattr(machine, "CONSOLE", tmp_path / "console.log")
    monkeypatch.setattr(boot, "FAILED_BOOTS", tmp_path / "failed_boots")
    (tmp_path / "console.log").write_text("early line\n" + "filler\n" * 40 + "Kernel panic\n")
    yield power


def bring_up(tmp_path: Path) -> int:
    return boot.bring_up(Qemu(tmp_path), tmp_path / "overlay.qcow2", Progress())


def test_a_good_boot_is_not_counted(power: Power, tmp_path: Path) -> None:
    assert bring_up(tmp_path) == 0
    assert boot.failed_boots() == []


def test_a_running_guest_is_not_started(power: Power, tmp_path: Path) -> None:
    power.is_on = True
    assert bring_up(tmp_path) == 0
    assert power.disks == []


def test_a_bad_boot_is_counted_printed_and_repeated_on_the_same_disk(
    power: Power, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    power.bad = 1
    assert bring_up(tmp_path) == 1
    assert power.disks == [tmp_path / "overlay.qcow2"] * 2
    assert [line.split(": ", 1)[1] for line in boot.failed_boots()] == ["no login"]
    said = capsys.readouterr().out
    assert "boot 1 of 2 attempts did not come up: no login" in said
    assert "Kernel panic" in said


def test_a_second_bad_boot_is_an_error_with_the_end_of_the_console(power: Power, tmp_path: Path) -> None:
    power.bad = 2
    with pytest.raises(LabError, match="no login") as error:
        bring_up(tmp_path)
    assert power.boots == 2
    assert len(boot.failed_boots()) == 2
    assert "Kernel panic" in str(error.value)
    assert "early line" not in str(error.value)
