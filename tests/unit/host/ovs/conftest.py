# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import shutil
import tempfile
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.fakes.ovs_without_a_machine import OvsWithoutAMachine, missing


class OvsRoot(HostRoot):
    """A fake root in which Open vSwitch's own paths are those of a real one in another directory."""

    def __init__(self, path: pathlib.Path, ovs: OvsWithoutAMachine, on_boundary: t.Callable[[int, str], None] | None = None) -> None:
        super().__init__(str(path), on_boundary)
        self.ovs = ovs

    def real(self, path: str) -> str:
        path = "/" + path.lstrip("/")
        for prefix, place in self.ovs.paths.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                return str(place) + path[len(prefix) :]
        return super().real(path)


def make_sys(root: pathlib.Path, online: str = "0-1", hugepages: int = 512) -> None:
    """The part of /sys that is looked at: CPUs, hugepages of node 0, two network interfaces."""
    for path, text in (
        ("sys/devices/system/cpu/online", online),
        ("sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", str(hugepages)),
        ("sys/class/net/mgmt0/address", "02:00:00:00:00:01"),
        ("sys/class/net/data0/address", "02:00:00:00:00:02"),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"{text}\n")


@pytest.fixture
def short_directory() -> t.Iterator[pathlib.Path]:
    place = pathlib.Path(tempfile.mkdtemp(prefix="ovs"))
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def ovs(short_directory: pathlib.Path) -> t.Iterator[OvsWithoutAMachine]:
    """Freshly installed: the DPDK build runs, nothing is configured."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    ovs = OvsWithoutAMachine(short_directory / "o")
    ovs.install()
    ovs.start()
    yield ovs
    ovs.remove()


@pytest.fixture
def root(tmp_path: pathlib.Path, ovs: OvsWithoutAMachine) -> OvsRoot:
    make_sys(tmp_path)
    return OvsRoot(tmp_path, ovs)
