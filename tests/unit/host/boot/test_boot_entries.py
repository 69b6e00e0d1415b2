# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is special about boot entries: of GRUB on RHEL and Fedora, and of systemd-boot."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.concern import KernelArguments
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.entries import version_key
from ansible_collections.baremetal.vmsite.tests.fakes.boot_loaders import MACHINE, put, set_loader_variable
from ansible_collections.baremetal.vmsite.tests.unit.host.as_the_door_does import carry_out
from ansible_collections.baremetal.vmsite.tests.unit.host.boot.boot_hosts import (
    FOREIGN,
    NEW,
    OLD,
    WANTED,
    fedora_host,
    lines,
    next_boot,
    rhel8_host,
    rhel9_host,
    systemd_boot_host,
)

ENTRIES = "boot/loader/entries"


def entry(place: pathlib.Path, version: str) -> pathlib.Path:
    return place / ENTRIES / f"{MACHINE}-{version}.conf"


def edit(path: pathlib.Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_entries_that_refer_to_a_variable_keep_doing_so(tmp_path: pathlib.Path) -> None:
    root = rhel8_host(tmp_path)
    before = {path: path.read_text() for path in (tmp_path / ENTRIES).iterdir()}
    carry_out(KernelArguments(root, WANTED))
    assert {path: path.read_text() for path in (tmp_path / ENTRIES).iterdir()} == before
    assert next_boot(root) == [*FOREIGN, *WANTED]


def test_an_argument_that_only_one_entry_has_is_refused(tmp_path: pathlib.Path) -> None:
    """grubby would take it for ours in that entry."""
    root = rhel9_host(tmp_path)
    edit(entry(tmp_path, "5.14.0-70.el9.x86_64"), "quiet", "quiet nohz_full=2-7")
    with pytest.raises(Failure, match="nohz_full=2-7, which was not set here; not in") as caught:
        KernelArguments(root, WANTED).plan()
    assert "5.14.0-70" in caught.value.where
    assert root.write_boundaries == 0


def test_grubby_that_fails_is_an_error_and_the_next_run_completes(tmp_path: pathlib.Path) -> None:
    root = rhel9_host(tmp_path)
    carry_out(KernelArguments(root, ["iommu=pt"]))
    put(tmp_path, "fake/grubby-fails", "")
    door = KernelArguments(root, WANTED)
    with pytest.raises(Failure, match="no space left"):
        door.apply(door.plan())
    (tmp_path / "fake/grubby-fails").unlink()
    carry_out(KernelArguments(root, WANTED))
    assert lines(root) == [[*FOREIGN, *WANTED]] * 3


def test_grubby_that_does_nothing_is_caught(tmp_path: pathlib.Path) -> None:
    """The door plans again after it has applied."""
    root = rhel9_host(tmp_path)
    put(tmp_path, "usr/sbin/grubby", "#!/bin/sh\n")
    door = KernelArguments(root, WANTED)
    door.apply(door.plan())
    assert [change.current for change in door.plan()] == [[], []]


@pytest.mark.parametrize("host", [rhel9_host, fedora_host])
def test_kernels_to_come_get_them_whether_or_not_grubby_knows_the_file(host: object, tmp_path: pathlib.Path) -> None:
    assert callable(host)
    carry_out(KernelArguments(host(tmp_path), WANTED))
    assert (tmp_path / "etc/kernel/cmdline").read_text().split() == [*FOREIGN, *WANTED]


@pytest.mark.parametrize(
    ("saved", "version"),
    [
        ("", "5.14.0-427.el9.x86_64"),
        (f"{MACHINE}-5.14.0-70.el9.x86_64", "5.14.0-70.el9.x86_64"),
        ("Red Hat Enterprise Linux (5.14.0-70.el9.x86_64) 9.4 (Plow)", "5.14.0-70.el9.x86_64"),
        ("1", "5.14.0-70.el9.x86_64"),
        ("gone", "5.14.0-427.el9.x86_64"),
    ],
)
def test_the_next_boot_of_bls_entries(saved: str, version: str, tmp_path: pathlib.Path) -> None:
    root = rhel9_host(tmp_path)
    edit(entry(tmp_path, version), "quiet", "chosen")
    edit(tmp_path / "boot/grub2/grubenv", "saved_entry=", f"saved_entry={saved}")
    assert "chosen" in next_boot(root)


def test_kernels_to_come_get_them_where_grubby_makes_the_file(tmp_path: pathlib.Path) -> None:
    root = fedora_host(tmp_path)
    (tmp_path / "etc/kernel/cmdline").unlink()
    carry_out(KernelArguments(root, WANTED))
    assert (tmp_path / "etc/kernel/cmdline").read_text().split() == [*FOREIGN, *WANTED]
    assert f'GRUB_CMDLINE_LINUX="{" ".join([*FOREIGN[2:], *WANTED])}"' in (tmp_path / "etc/default/grub").read_text()


@pytest.mark.parametrize("host", [rhel9_host, fedora_host])
def test_a_file_for_kernels_to_come_that_a_killed_grubby_left_empty_is_mended(host: object, tmp_path: pathlib.Path) -> None:
    assert callable(host)
    root = host(tmp_path)
    carry_out(KernelArguments(root, WANTED[:4]))
    put(tmp_path, "etc/kernel/cmdline", "")
    carry_out(KernelArguments(root, WANTED[:4]))
    assert (tmp_path / "etc/kernel/cmdline").read_text().split() == [*FOREIGN, *WANTED[:4]]


def test_a_setting_that_grubby_would_overwrite_is_refused(tmp_path: pathlib.Path) -> None:
    root = fedora_host(tmp_path)
    settings = tmp_path / "etc/default/grub"
    settings.write_text(settings.read_text() + 'GRUB_CMDLINE_LINUX_DEFAULT="splash"\n')
    with pytest.raises(Failure, match="GRUB_CMDLINE_LINUX_DEFAULT, which grubby overwrites"):
        KernelArguments(root, WANTED).plan()
    assert root.write_boundaries == 0


def test_no_entries_at_all_is_an_error(tmp_path: pathlib.Path) -> None:
    root = rhel9_host(tmp_path)
    for path in (tmp_path / ENTRIES).iterdir():
        path.unlink()
    with pytest.raises(Failure, match="no boot entries"):
        KernelArguments(root, WANTED).plan()


def test_versions_sort_by_value() -> None:
    shuffled = ["5.14.0-427", "0-rescue", "6.1", "5.14.0-70", "5.14.0", "5.14.0~rc1"]
    assert sorted(shuffled, key=version_key) == ["0-rescue", "5.14.0~rc1", "5.14.0", "5.14.0-70", "5.14.0-427", "6.1"]


# systemd-boot


def test_an_argument_that_only_an_entry_has_would_be_lost_and_is_refused(tmp_path: pathlib.Path) -> None:
    root = systemd_boot_host(tmp_path)
    edit(entry(tmp_path, OLD), "quiet", "quiet mitigations=off")
    with pytest.raises(Failure, match="mitigations=off is in the entry and not in /etc/kernel/cmdline"):
        KernelArguments(root, WANTED).plan()
    assert root.write_boundaries == 0
    assert not KernelArguments(root, []).plan()


def test_without_the_file_it_is_made_from_what_kernel_install_would_take(tmp_path: pathlib.Path) -> None:
    root = systemd_boot_host(tmp_path)
    (tmp_path / "etc/kernel/cmdline").unlink()
    (tmp_path / "etc/kernel").rmdir()
    carry_out(KernelArguments(root, WANTED))
    assert (tmp_path / "etc/kernel/cmdline").read_text().split() == [*FOREIGN, *WANTED]
    assert next_boot(root) == [*FOREIGN, *WANTED, f"systemd.machine_id={MACHINE}"]


def test_only_entries_that_differ_are_made_anew(tmp_path: pathlib.Path) -> None:
    root = systemd_boot_host(tmp_path)
    carry_out(KernelArguments(root, WANTED))
    untouched = entry(tmp_path, NEW).stat().st_mtime_ns
    edit(entry(tmp_path, OLD), " nohz_full=2-7", "")
    carry_out(KernelArguments(root, WANTED))
    assert entry(tmp_path, NEW).stat().st_mtime_ns == untouched
    assert "nohz_full=2-7" in entry(tmp_path, OLD).read_text()


def test_an_entry_of_a_kernel_that_is_not_installed_is_left_alone(tmp_path: pathlib.Path) -> None:
    root = systemd_boot_host(tmp_path)
    (tmp_path / f"usr/lib/modules/{OLD}/vmlinuz").unlink()
    before = entry(tmp_path, OLD).read_text()
    carry_out(KernelArguments(root, WANTED))
    assert entry(tmp_path, OLD).read_text() == before


@pytest.mark.parametrize("left", ["", "title Debian\n"])
def test_an_entry_that_a_killed_kernel_install_left_is_made_anew(left: str, tmp_path: pathlib.Path) -> None:
    root = systemd_boot_host(tmp_path)
    carry_out(KernelArguments(root, WANTED))
    whole = entry(tmp_path, NEW).read_text()
    entry(tmp_path, NEW).write_text(left)
    carry_out(KernelArguments(root, WANTED))
    assert entry(tmp_path, NEW).read_text() == whole


def test_a_unified_kernel_image_is_refused(tmp_path: pathlib.Path) -> None:
    root = systemd_boot_host(tmp_path)
    put(tmp_path, "boot/EFI/Linux/debian.efi", "")
    with pytest.raises(Failure, match="arguments built in: /boot/EFI/Linux/debian"):
        KernelArguments(root, WANTED).plan()


@pytest.mark.parametrize(
    ("variables", "configured", "version"),
    [
        ({}, "", NEW),
        ({}, f"default {MACHINE}-6.1.0-9-*", OLD),
        ({"LoaderEntryDefault": f"{MACHINE}-{NEW}.conf"}, f"default {MACHINE}-6.1.0-9-*", NEW),
        ({"LoaderEntryDefault": f"{MACHINE}-{NEW}.conf", "LoaderEntryOneShot": f"{MACHINE}-{OLD}.conf"}, "", OLD),
        ({"LoaderEntryLastBooted": f"{MACHINE}-{OLD}.conf"}, "default @saved", OLD),
        ({"LoaderEntryDefault": "gone.conf"}, "", NEW),
    ],
)
def test_the_next_boot_of_systemd_boot(variables: dict[str, str], configured: str, version: str, tmp_path: pathlib.Path) -> None:
    root = systemd_boot_host(tmp_path)
    put(tmp_path, "boot/loader/loader.conf", f"timeout 3\n{configured}\n")
    for name, value in variables.items():
        set_loader_variable(tmp_path, name, value)
    edit(entry(tmp_path, version), "quiet", "chosen")
    assert "chosen" in next_boot(root)


def test_an_entry_without_a_try_left_is_not_the_next_boot(tmp_path: pathlib.Path) -> None:
    root = systemd_boot_host(tmp_path)
    entry(tmp_path, NEW).rename(tmp_path / ENTRIES / f"{MACHINE}-{NEW}+0-3.conf")
    edit(entry(tmp_path, OLD), "quiet", "chosen")
    assert "chosen" in next_boot(root)


def test_what_booted_counts_where_two_boot_loaders_lie_around(tmp_path: pathlib.Path) -> None:
    root = systemd_boot_host(tmp_path)
    put(tmp_path, "boot/grub/grub.cfg", "menuentry 'left over' {\n\tlinux /vmlinuz left=over\n}\n")
    put(tmp_path, "usr/sbin/grub-mkconfig", "#!/bin/sh\nexit 1\n")
    (tmp_path / "usr/sbin/grub-mkconfig").chmod(0o755)
    assert KernelArguments(root, []).facts()["boot_loader"] == "grub"
    set_loader_variable(tmp_path, "LoaderInfo", "systemd-boot 252.39-1~deb12u2")
    assert KernelArguments(root, []).facts()["boot_loader"] == "systemd-boot"
    assert KernelArguments(root, [], "grub").facts()["boot_loader"] == "grub"
