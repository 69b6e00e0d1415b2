# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.hugepages import Hugepages, Wanted
from ansible_collections.baremetal.vmsite.tests.fakes.hugepage_kernel import HugepageKernel
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import kill_at_every_boundary, tree
from ansible_collections.baremetal.vmsite.tests.unit.host.stand_in_kernel import KernelRoot

SimulatedRoot = KernelRoot[HugepageKernel]


@pytest.fixture
def kernel(tmp_path: pathlib.Path) -> HugepageKernel:
    kernel = HugepageKernel(tmp_path)
    kernel.add_node(0, 4096, (2048, 1048576))
    kernel.add_node(1, 4096, (2048, 1048576))
    return kernel


@pytest.fixture
def root(tmp_path: pathlib.Path, kernel: HugepageKernel) -> SimulatedRoot:
    return SimulatedRoot(tmp_path, kernel)


def test_check_apply_check(root: SimulatedRoot) -> None:
    hugepages = Hugepages(root, [Wanted(2048, 0, 512), Wanted(1048576, 1, 2)])
    before = tree(root.path)
    predicted = hugepages.plan()
    assert tree(root.path) == before
    assert [change.what for change in predicted] == ["hugepages of 2048 KiB on node 0", "hugepages of 1048576 KiB on node 1"]
    hugepages.apply(predicted)
    assert not hugepages.plan()
    assert [pool["total"] for pool in hugepages.facts()["pools"]] == [512, 2]


def test_pages_that_cannot_be_had_are_an_error_and_every_pool_is_put_back(root: SimulatedRoot, kernel: HugepageKernel) -> None:
    kernel.free_kib[1] = 100 * 2048
    before = tree(root.path)
    hugepages = Hugepages(root, [Wanted(2048, 0, 512), Wanted(2048, 1, 512)])
    with pytest.raises(Failure) as caught:
        hugepages.apply(hugepages.plan())
    assert caught.value.found == "100 of 512 pages"
    assert tree(root.path) == before


def test_pages_that_cannot_be_had_may_be_left_to_the_next_boot(root: SimulatedRoot, kernel: HugepageKernel) -> None:
    kernel.free_kib[1] = 100 * 2048
    hugepages = Hugepages(root, [Wanted(2048, 0, 512), Wanted(2048, 1, 512)], when_short="reboot")
    changes = hugepages.plan()
    hugepages.apply(changes)
    assert [change.what for change in changes] == ["hugepages of 2048 KiB on node 0"], "what did not happen is no change"
    (reason,) = changes.result()["reboot_reasons"]
    assert reason.startswith("hugepages of 2048 KiB on node 1: 0 now, 512 wanted")
    assert [pool["total"] for pool in hugepages.facts()["pools"]] == [512, 0]

    again = hugepages.plan()
    assert not again.changed
    assert again.result()["reboot_reasons"] == [reason]
    root.remove("/run/vmsite/hugepages.json")  # a boot
    kernel.free_kib[1] = 512 * 2048
    hugepages.apply(hugepages.plan())
    assert not hugepages.plan().result()["reboot_required"]


def test_what_was_tried_holds_for_that_number_only(root: SimulatedRoot, kernel: HugepageKernel) -> None:
    kernel.free_kib[1] = 100 * 2048
    first = Hugepages(root, [Wanted(2048, 1, 512)], when_short="reboot")
    first.apply(first.plan())
    second = Hugepages(root, [Wanted(2048, 1, 64)], when_short="reboot")
    second.apply(second.plan())
    assert [pool["total"] for pool in second.facts()["pools"]] == [64]


def test_a_note_that_is_no_note_counts_for_nothing(root: SimulatedRoot) -> None:
    root.make_dir("/run/vmsite")
    root.write_file("/run/vmsite/hugepages.json", "[1")
    hugepages = Hugepages(root, [Wanted(2048, 1, 64)], when_short="reboot")
    assert len(hugepages.plan()) == 1


def test_scattered_memory_is_compacted_once(root: SimulatedRoot, kernel: HugepageKernel) -> None:
    kernel.free_kib[0], kernel.fragmented_kib[0] = 10 * 2048, 500 * 2048
    hugepages = Hugepages(root, [Wanted(2048, 0, 512 - 2)])
    hugepages.apply(hugepages.plan())
    assert not hugepages.plan()
    assert root.write_boundaries == 3


def test_pages_in_use_are_not_taken_away(root: SimulatedRoot, kernel: HugepageKernel, tmp_path: pathlib.Path) -> None:
    kernel.write(str(tmp_path / "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"), "512")
    kernel.use(0, 2048, 200)
    process = tmp_path / "proc/4711"
    process.mkdir(parents=True)
    (process / "smaps_rollup").write_text("Rss: 100 kB\nPrivate_Hugetlb:  409600 kB\n")
    (process / "comm").write_text("qemu-system-x86\n")
    with pytest.raises(Failure) as caught:
        Hugepages(root, [Wanted(2048, 0, 100)]).plan()
    assert "200 pages are in use, held by qemu-system-x86 (4711)" in caught.value.found
    assert Hugepages(root, [Wanted(2048, 0, 200)]).plan()


def test_a_pool_that_is_not_owned_is_only_asserted(root: SimulatedRoot, kernel: HugepageKernel, tmp_path: pathlib.Path) -> None:
    kernel.write(str(tmp_path / "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"), "512")
    assert not Hugepages(root, [Wanted(2048, 0, 100)], owned=False).plan()
    with pytest.raises(Failure, match="512 of 513 pages"):
        Hugepages(root, [Wanted(2048, 0, 513)], owned=False).plan()
    assert root.write_boundaries == 0


def test_all_mistakes_are_named_at_once(root: SimulatedRoot) -> None:
    with pytest.raises(Failures) as caught:
        Hugepages(root, [Wanted(2048, 7, 1), Wanted(4096, 0, 1), Wanted(2048, 1, -1), Wanted(2048, 1, 1)]).plan()
    assert sorted(failure.found for failure in caught.value.failures) == [
        "NUMA nodes 0, 1",
        "a negative number",
        "page sizes 1048576, 2048 KiB",
        "the same pool is listed twice",
    ]


def test_more_pages_than_memory_are_refused_before_a_write(root: SimulatedRoot) -> None:
    with pytest.raises(Failure, match="5120 MiB of hugepages on node 0"):
        Hugepages(root, [Wanted(1048576, 0, 4), Wanted(2048, 0, 512)]).plan()
    assert root.write_boundaries == 0


def test_killed_at_every_write(tmp_path: pathlib.Path) -> None:
    def make_root(place: pathlib.Path, hook: t.Callable[[int, str], None]) -> SimulatedRoot:
        kernel = HugepageKernel(place)
        if kernel.nodes.exists():
            kernel.free_kib, kernel.fragmented_kib = {0: 1 << 30, 1: 1 << 30}, {0: 0, 1: 0}
        else:
            kernel.add_node(0, 4096)
            kernel.add_node(1, 4096)
        return SimulatedRoot(place, kernel, hook)

    assert kill_at_every_boundary(tmp_path, make_root, lambda root: Hugepages(root, [Wanted(2048, 0, 64), Wanted(2048, 1, 64)])) == 2
