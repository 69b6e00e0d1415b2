# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot import record
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.concern import KernelArguments
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.unit.host.as_the_door_does import carry_out
from ansible_collections.baremetal.vmsite.tests.unit.host.boot.boot_hosts import (
    FOREIGN,
    HOSTS,
    ISOLATION,
    PAGES,
    WANTED,
    MakeHost,
    lines,
    next_boot,
    running,
)
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import kill_at_every_boundary, tree

EVERY_LOADER = pytest.mark.parametrize("make", HOSTS.values(), ids=HOSTS.keys())


def foreign(line: t.Sequence[str]) -> list[str]:
    return [token for token in line if token not in WANTED and not token.startswith("systemd.machine_id=")]


@EVERY_LOADER
def test_check_apply_check(make: MakeHost, tmp_path: pathlib.Path) -> None:
    root = make(tmp_path)
    door = KernelArguments(root, WANTED)
    before = tree(root.path)
    predicted = door.plan()
    assert tree(root.path) == before
    assert root.write_boundaries == 0
    applied = carry_out(door)
    assert predicted.result() == applied.result()
    assert predicted.result()["reboot_required"]
    assert [token for token in next_boot(root) if token in WANTED] == WANTED
    boundaries = root.write_boundaries
    again = carry_out(door)
    assert not again
    assert root.write_boundaries == boundaries
    assert again.result()["reboot_required"], "it stays so until the host was rebooted"


@EVERY_LOADER
def test_every_line_has_ours_in_order_and_the_others_as_they_were(make: MakeHost, tmp_path: pathlib.Path) -> None:
    root = make(tmp_path)
    before = lines(root)
    carry_out(KernelArguments(root, WANTED))
    after = lines(root)
    assert len(after) == len(before)
    assert [[token for token in line if token in WANTED] for line in after] == [WANTED] * len(after)
    assert [foreign(line) for line in after] == [foreign(line) for line in before]


@EVERY_LOADER
def test_no_reboot_is_asked_for_once_it_happened(make: MakeHost, tmp_path: pathlib.Path) -> None:
    root = make(tmp_path)
    door = KernelArguments(root, WANTED)
    carry_out(door)
    running(tmp_path, next_boot(root))
    result = carry_out(door).result()
    assert (result["changed"], result["reboot_required"]) == (False, False)


@EVERY_LOADER
def test_what_is_no_longer_wanted_is_taken_out_and_only_that(make: MakeHost, tmp_path: pathlib.Path) -> None:
    root = make(tmp_path)
    before = lines(root)
    carry_out(KernelArguments(root, WANTED))
    running(tmp_path, next_boot(root))
    changes = carry_out(KernelArguments(root, PAGES))
    assert any("the running kernel still has" in reason for reason in changes.result()["reboot_reasons"])
    assert [[token for token in line if token in WANTED] for line in lines(root)] == [PAGES] * len(before)
    assert any("isolcpus" in reason for reason in KernelArguments(root, PAGES).plan().result()["reboot_reasons"])
    carry_out(KernelArguments(root, []))
    assert [foreign(line) for line in lines(root)] == [foreign(line) for line in before]
    assert not any(token in WANTED for line in lines(root) for token in line)


@EVERY_LOADER
def test_another_value_and_another_order_are_changes(make: MakeHost, tmp_path: pathlib.Path) -> None:
    root = make(tmp_path)
    carry_out(KernelArguments(root, PAGES))
    swapped = [*PAGES[2:], *PAGES[:2]]
    carry_out(KernelArguments(root, swapped))
    assert [token for token in next_boot(root) if token.startswith("hugepages")] == swapped
    more = [token.replace("=512", "=1024") for token in swapped]
    carry_out(KernelArguments(root, more))
    assert [token for token in next_boot(root) if token.startswith("hugepages")] == more


@EVERY_LOADER
def test_what_somebody_else_has_set_to_this_value_stays_theirs(make: MakeHost, tmp_path: pathlib.Path) -> None:
    root = make(tmp_path)
    door = KernelArguments(root, ["quiet", "console=tty0", "console=ttyS0,115200n8"])
    assert not carry_out(door)
    assert door.facts()["own"] == []
    carry_out(KernelArguments(root, ["quiet", "iommu=pt"]))
    carry_out(KernelArguments(root, []))
    assert "quiet" in next_boot(root)


@EVERY_LOADER
def test_another_value_of_somebody_else_is_refused_before_a_write(make: MakeHost, tmp_path: pathlib.Path) -> None:
    root = make(tmp_path)
    before = tree(root.path)
    with pytest.raises(Failures) as caught:
        KernelArguments(root, ["console=ttyS1", "quiet=1", "iommu=pt"]).plan()
    assert [failure.asked for failure in caught.value.failures] == ["kernel arguments console=ttyS1", "kernel arguments quiet=1"]
    assert "console=tty0 console=ttyS0,115200n8" in caught.value.failures[0].found
    assert tree(root.path) == before


@EVERY_LOADER
def test_bad_input_is_named_at_once(make: MakeHost, tmp_path: pathlib.Path) -> None:
    root = make(tmp_path)
    wrong = ["a b", "memmap=64K$0x1", 'x="y"', "", "--", "root=/dev/sda", "initrd=/x", "good=1"]
    with pytest.raises(Failures) as caught:
        KernelArguments(root, wrong).plan()
    assert [failure.asked for failure in caught.value.failures] == [f"kernel argument {token!r}" for token in wrong[:-1]]
    assert root.write_boundaries == 0


@EVERY_LOADER
def test_a_line_that_the_kernel_would_cut_off_is_refused(make: MakeHost, tmp_path: pathlib.Path) -> None:
    root = make(tmp_path)
    with pytest.raises(Failure, match="cuts off the rest"):
        KernelArguments(root, ["isolcpus=" + ",".join(str(cpu) for cpu in range(1, 1200, 2))]).plan()
    assert root.write_boundaries == 0


@EVERY_LOADER
def test_changed_by_hand_is_named_and_mended(make: MakeHost, tmp_path: pathlib.Path) -> None:
    root = make(tmp_path)
    door = KernelArguments(root, WANTED)
    carry_out(door)
    for path in (*tmp_path.glob("boot/loader/entries/*.conf"), tmp_path / "boot/grub/grub.cfg", tmp_path / "boot/grub2/grubenv"):
        if path.is_file():
            path.chmod(0o644)
            path.write_text(path.read_text().replace(" nohz_full=2-7", ""))
    named = [change for change in door.plan() if change.wanted == WANTED]
    assert named
    assert all("nohz_full=2-7" not in change.current for change in named)
    carry_out(door)
    assert [token for token in next_boot(root) if token in WANTED] == WANTED


@EVERY_LOADER
def test_killed_at_every_write(make: MakeHost, tmp_path: pathlib.Path) -> None:
    def whole(root: HostRoot) -> None:
        assert next_boot(root)
        record.read(root)

    assert kill_at_every_boundary(tmp_path, make, lambda root: KernelArguments(root, WANTED), whole) >= 3


@EVERY_LOADER
def test_killed_at_every_write_of_a_change_no_token_is_left_without_owner(make: MakeHost, tmp_path: pathlib.Path) -> None:
    """From all arguments to others: whatever was killed, the next run takes out what the first had set."""

    def changed(place: pathlib.Path, hook: t.Callable[[int, str], None]) -> HostRoot:
        if not any(place.iterdir()):
            carry_out(KernelArguments(make(place), WANTED))
        return make(place, hook)

    wanted = ["isolcpus=managed_irq,domain,4-7", *PAGES[2:], "iommu=pt"]
    kill_at_every_boundary(tmp_path, changed, lambda root: KernelArguments(root, wanted))
    for place in tmp_path.iterdir():
        for line in lines(make(place)):
            assert [token for token in line if token in FOREIGN] == FOREIGN
            assert [token for token in line if token not in FOREIGN and not token.startswith("systemd.machine_id=")] == wanted


@EVERY_LOADER
def test_killed_while_everything_is_taken_out(make: MakeHost, tmp_path: pathlib.Path) -> None:
    def changed(place: pathlib.Path, hook: t.Callable[[int, str], None]) -> HostRoot:
        if not any(place.iterdir()):
            carry_out(KernelArguments(make(place), WANTED))
        return make(place, hook)

    kill_at_every_boundary(tmp_path, changed, lambda root: KernelArguments(root, []))
    for place in tmp_path.iterdir():
        assert not [token for line in lines(make(place)) for token in line if token in WANTED]


@EVERY_LOADER
def test_nothing_wanted_of_a_host_that_has_nothing_of_ours_writes_nothing(make: MakeHost, tmp_path: pathlib.Path) -> None:
    root = make(tmp_path)
    assert not carry_out(KernelArguments(root, []))
    assert root.write_boundaries == 0


def test_a_host_without_a_boot_loader_is_told_so(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Failure, match="none of GRUB"):
        KernelArguments(HostRoot(str(tmp_path)), WANTED).plan()


def test_an_image_based_system_is_refused(tmp_path: pathlib.Path) -> None:
    root = HOSTS["fedora"](tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/ostree-booted").touch()
    with pytest.raises(Failure, match="rpm-ostree kargs"):
        KernelArguments(root, WANTED).plan()


def test_a_record_that_is_not_one_is_named(tmp_path: pathlib.Path) -> None:
    root = HOSTS["grub"](tmp_path)
    (tmp_path / "etc/vmsite").mkdir()
    (tmp_path / "etc/vmsite/kernel_args.json").write_text("{}")
    with pytest.raises(Failure, match="KeyError"):
        KernelArguments(root, WANTED).plan()


def test_a_running_kernel_that_has_it_already_needs_no_reboot(tmp_path: pathlib.Path) -> None:
    """Somebody else took the arguments out of the boot loader after the boot."""
    root = HOSTS["grub"](tmp_path)
    running(tmp_path, [*FOREIGN, *ISOLATION])
    result = carry_out(KernelArguments(root, ISOLATION)).result()
    assert (result["changed"], result["reboot_required"]) == (True, False)
