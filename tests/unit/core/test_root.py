# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib
import subprocess
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot


class Killed(BaseException):
    pass


def kill(_number: int, _description: str) -> None:
    raise Killed


def test_a_file_is_replaced_as_a_whole(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(Killed):
        HostRoot(str(tmp_path), kill).write_file("/file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]
    HostRoot(str(tmp_path)).write_file("/file", "new", mode=0o600)
    assert (tmp_path / "file").read_text() == "new"
    assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o600


def test_what_a_killed_run_left_is_replaced(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".file.vmsite-new").write_text("half")
    HostRoot(str(tmp_path)).write_file("/file", "whole")
    assert os.listdir(tmp_path) == ["file"]


@pytest.fixture
def small_disk(tmp_path: pathlib.Path) -> t.Iterator[pathlib.Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_the_old_file(small_disk: pathlib.Path) -> None:
    (small_disk / "file").write_text("old")
    with pytest.raises(Failure, match="ENOSPC"):
        HostRoot(str(small_disk)).write_file("/file", "x" * 200_000)
    assert (small_disk / "file").read_text() == "old"
    assert os.listdir(small_disk) == ["file"]


def test_a_read_only_file_system_is_named(small_disk: pathlib.Path) -> None:
    (small_disk / "file").write_text("old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(Failure, match=r"EROFS.*/file.*remount"):
        HostRoot(str(small_disk)).write_file("/file", "new")
    assert (small_disk / "file").read_text() == "old"


def test_programs_come_from_below_the_root_only(tmp_path: pathlib.Path) -> None:
    root = HostRoot(str(tmp_path))
    with pytest.raises(Failure, match="no program true"):
        root.run(["true"], changes=False)
    program = tmp_path / "usr/bin/true"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$VMSITE_ROOT $1"\nexit 3\n')
    program.chmod(0o755)
    assert root.run(["true", "x"], changes=False, check=False).out == f"{tmp_path} x\n"
    with pytest.raises(Failure, match="exit code 3"):
        root.run(["true"], changes=True)
    assert root.write_boundaries == 1


def test_a_program_that_hangs_is_a_failure() -> None:
    with pytest.raises(Failure, match=r"no end after 0\.1 s"):
        HostRoot().run(["sleep", "5"], changes=False, timeout=0.1)


def test_paths_are_those_of_the_host(tmp_path: pathlib.Path) -> None:
    (tmp_path / "sys/a").mkdir(parents=True)
    (tmp_path / "sys/a/b").write_text("1\n")
    root = HostRoot(str(tmp_path))
    assert root.glob("/sys/*/b") == ["/sys/a/b"]
    assert root.read("/sys/a/b") == "1"
    assert root.read_optional("/sys/a/c") is None
    assert root.names("/nowhere") == []
