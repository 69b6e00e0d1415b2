# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is special about GRUB as Debian has it."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.concern import KernelArguments
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.grub_environment import read_environment
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.grub_menu import default_entry
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.fakes.boot_loaders import put
from ansible_collections.baremetal.vmsite.tests.unit.host.as_the_door_does import carry_out
from ansible_collections.baremetal.vmsite.tests.unit.host.boot.boot_hosts import NEW, OLD, WANTED, grub_host, next_boot
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import tree

RECORD = "etc/vmsite/kernel_args.json"


@pytest.fixture
def root(tmp_path: pathlib.Path) -> HostRoot:
    return grub_host(tmp_path)


def test_the_drop_in_appends_and_is_sorted_last(root: HostRoot, tmp_path: pathlib.Path) -> None:
    put(tmp_path, "etc/default/grub.d/50-cloudimg-settings.cfg", 'GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200n8 net.ifnames=0"\n')
    carry_out(KernelArguments(root, WANTED))
    line = next_boot(root)
    assert line == ["root=UUID=5c1a", "ro", "console=tty0", "console=ttyS0,115200n8", "net.ifnames=0", *WANTED, "quiet"]
    assert not [name for name in tree(root.path) if name.endswith(("-new", ".new"))]


def test_recovery_entries_have_ours_too(root: HostRoot, tmp_path: pathlib.Path) -> None:
    carry_out(KernelArguments(root, WANTED))
    menu = (tmp_path / "boot/grub/grub.cfg").read_text()
    for kernel in (OLD, NEW):
        entry = default_entry(menu, {"next_entry": f"gnulinux-advanced-5c1a>gnulinux-{kernel}-recovery-5c1a"})
        assert entry is not None
        assert entry.arguments is not None
        assert entry.arguments[2] == "single"
        assert entry.arguments[-len(WANTED) :] == WANTED


def test_the_menu_keeps_its_mode(root: HostRoot, tmp_path: pathlib.Path) -> None:
    carry_out(KernelArguments(root, WANTED))
    assert (tmp_path / "boot/grub/grub.cfg").stat().st_mode & 0o777 == 0o444


def test_a_menu_that_cannot_be_made_leaves_everything_as_it_was(root: HostRoot, tmp_path: pathlib.Path) -> None:
    put(tmp_path, "fake/grub-mkconfig-fails", "")
    before = tree(root.path)
    door = KernelArguments(root, WANTED)
    with pytest.raises(Failure, match="Syntax errors are detected"):
        door.apply(door.plan())
    assert tree(root.path) == before
    (tmp_path / "fake/grub-mkconfig-fails").unlink()
    carry_out(KernelArguments(root, WANTED))


def test_grub_mkconfig_killed_while_it_writes_leaves_the_menu_whole(root: HostRoot, tmp_path: pathlib.Path) -> None:
    put(tmp_path, "fake/grub-mkconfig-is-killed", "")
    before = tree(root.path)
    door = KernelArguments(root, WANTED)
    with pytest.raises(Failure, match="exit code -9"):
        door.apply(door.plan())
    assert tree(root.path) == before


def test_a_file_behind_ours_that_assigns_anew_is_named_and_everything_put_back(root: HostRoot, tmp_path: pathlib.Path) -> None:
    put(tmp_path, "etc/default/grub.d/zzz-mine.cfg", 'GRUB_CMDLINE_LINUX="console=tty0"\n')
    before = tree(root.path)
    door = KernelArguments(root, WANTED)
    with pytest.raises(Failure, match="see which file sorted behind it") as caught:
        door.apply(door.plan())
    assert caught.value.where == "/etc/default/grub.d/zz-vmsite.cfg"
    assert tree(root.path) == before


def test_a_contradiction_that_only_the_new_menu_shows_is_refused_and_put_back(root: HostRoot, tmp_path: pathlib.Path) -> None:
    """/etc/default/grub was edited and update-grub not run."""
    settings = tmp_path / "etc/default/grub"
    settings.write_text(settings.read_text().replace('"quiet"', '"quiet isolcpus=5"'))
    before = tree(root.path)
    door = KernelArguments(root, WANTED)
    with pytest.raises(Failure, match="isolcpus=5, which was not set here"):
        door.apply(door.plan())
    assert tree(root.path) == before


def test_an_earlier_drop_in_is_put_back_not_removed(root: HostRoot, tmp_path: pathlib.Path) -> None:
    carry_out(KernelArguments(root, ["iommu=pt"]))
    before = tree(root.path)
    put(tmp_path, "fake/grub-mkconfig-fails", "")
    door = KernelArguments(root, WANTED)
    with pytest.raises(Failure):
        door.apply(door.plan())
    (tmp_path / "fake/grub-mkconfig-fails").unlink()
    assert tree(root.path) == before
    carry_out(KernelArguments(root, WANTED))
    assert "iommu=pt" not in next_boot(root)


def test_what_a_killed_run_has_left_is_removed(root: HostRoot, tmp_path: pathlib.Path) -> None:
    carry_out(KernelArguments(root, WANTED))
    left = ["/boot/grub/grub.cfg.vmsite-new", "/boot/grub/grub.cfg.vmsite-new.new"]
    for path in left:
        put(tmp_path, path[1:], "half a menu")
    assert [change.what for change in carry_out(KernelArguments(root, WANTED))] == left
    assert not [path for path in left if root.exists(path)]


def test_without_the_record_the_drop_in_still_says_what_is_ours(root: HostRoot, tmp_path: pathlib.Path) -> None:
    carry_out(KernelArguments(root, WANTED))
    (tmp_path / RECORD).unlink()
    carry_out(KernelArguments(root, WANTED[:4]))
    assert [token for token in next_boot(root) if token in WANTED] == WANTED[:4]


def test_the_drop_in_changed_by_hand_is_named_and_mended(root: HostRoot, tmp_path: pathlib.Path) -> None:
    carry_out(KernelArguments(root, WANTED))
    drop_in = tmp_path / "etc/default/grub.d/zz-vmsite.cfg"
    drop_in.write_text(drop_in.read_text().replace("nohz_full=2-7", "nohz_full=3-7"))
    assert [change.what for change in carry_out(KernelArguments(root, WANTED))] == ["/etc/default/grub.d/zz-vmsite.cfg"]


def test_a_default_that_starts_no_linux_is_refused(root: HostRoot, tmp_path: pathlib.Path) -> None:
    menu = tmp_path / "boot/grub/grub.cfg"
    menu.chmod(0o644)
    menu.write_text("menuentry 'UEFI Firmware Settings' --id uefi-firmware {\n\tfwsetup\n}\n")
    with pytest.raises(Failure, match="starts no Linux"):
        KernelArguments(root, WANTED).plan()


MENU = """
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
else
   set default="${saved_entry}"
fi
menuentry 'First' $menuentry_id_option 'one' {
\techo\t'it''s a message, don'\\''t read it'
\tlinux\t/vmlinuz-1 root=/dev/a ro first=1 dyndbg=\\"file\\ a\\"
}
submenu 'More > of it' --id 'more' {
\tmenuentry 'Second' --class x --id 'two' {
\t\tlinux\t/vmlinuz-2 second
\t\tlinux\t/vmlinuz-3 never
\t}
\tmenuentry 'Xen' {
\t\tmultiboot2 /xen
\t}
}
"""


@pytest.mark.parametrize(
    ("environment", "title"),
    [
        ({}, "First"),
        ({"saved_entry": "one"}, "First"),
        ({"saved_entry": "more>two"}, "Second"),
        ({"saved_entry": "More >> of it>Second"}, "Second"),
        ({"saved_entry": "more"}, "Second"),
        ({"saved_entry": "1>1"}, "Xen"),
        ({"saved_entry": "gone"}, "First"),
        ({"saved_entry": "7"}, "First"),
        ({"saved_entry": "more>two", "next_entry": "0"}, "First"),
        ({"saved_entry": "one", "prev_saved_entry": "more>two"}, "Second"),
    ],
)
def test_the_default_entry_as_grub_chooses_it(environment: dict[str, str], title: str) -> None:
    entry = default_entry(MENU, environment)
    assert entry is not None
    assert entry.title == title


def test_the_first_linux_line_counts_as_words_of_grubs_script() -> None:
    first, second = default_entry(MENU, {}), default_entry(MENU, {"saved_entry": "more>two"})
    assert first is not None
    assert second is not None
    assert first.arguments == ["root=/dev/a", "ro", "first=1", 'dyndbg="file a"']
    assert second.arguments == ["second"]


def test_an_empty_menu_has_no_default() -> None:
    assert default_entry("", {}) is None


def test_an_environment_block_is_read_without_its_filling() -> None:
    text = "# GRUB Environment Block\n# WARNING: Do not edit\nsaved_entry=a>b\nkernelopts=root=UUID=1 ro x=y\n" + "#" * 900
    assert read_environment(text) == {"saved_entry": "a>b", "kernelopts": "root=UUID=1 ro x=y"}
    assert read_environment(None) == {}
