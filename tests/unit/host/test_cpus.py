# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus

cpu_sets = st.frozensets(st.integers(0, 5000), max_size=200).map(lambda found: tuple(sorted(found)))


@given(cpu_sets)
def test_every_form_comes_back(members: tuple[int, ...]) -> None:
    assert cpus.parse_list(cpus.format_list(members)) == members
    assert cpus.parse_mask(cpus.format_mask(members)) == members
    assert cpus.parse_mask(cpus.format_kernel_mask(members)) == members
    assert cpus.from_bits(cpus.to_bits(members)) == members


@given(cpu_sets)
def test_the_list_is_as_short_as_it_can_be(members: tuple[int, ...]) -> None:
    runs = cpus.ranges(members)
    assert all(first <= last for first, last in runs)
    assert all(before[1] + 1 < after[0] for before, after in zip(runs, runs[1:]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("(null)", ()),
        ("0-3,8\n", (0, 1, 2, 3, 8)),
        ("0-1\n\0", (0, 1)),
        (" 8 , 2-2", (2, 8)),
        ("0-7:2/4", (0, 1, 4, 5)),
        ("1023,1024,2000", (1023, 1024, 2000)),
    ],
)
def test_lists_as_kernels_write_them(text: str, expected: tuple[int, ...]) -> None:
    assert cpus.parse_list(text) == expected


@pytest.mark.parametrize("text", ["3-1", "a", "0-", "-1", "0,,1", "0-3;8", "1.5", "0-7:5/4", "0-7:0/4", "0-99999999999"])
def test_what_is_no_list_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Failure) as refused:
        cpus.parse_list(text, "/sys/devices/system/cpu/online")
    assert refused.value.where == "/sys/devices/system/cpu/online"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0x3", (0, 1)),
        ("3", (0, 1)),
        ("00000001,00000000", (32,)),
        ("0000,00000011,11111111", tuple(range(0, 40, 4))),
        ("0xffffffffff", tuple(range(40))),
    ],
)
def test_masks(text: str, expected: tuple[int, ...]) -> None:
    assert cpus.parse_mask(text) == expected


@pytest.mark.parametrize("text", ["", "0x", "xyz", "1,,2", "123456789,00000000", "-1", "0x1 0x2"])
def test_what_is_no_mask_is_refused(text: str) -> None:
    with pytest.raises(Failure):
        cpus.parse_mask(text)


def test_kernel_mask_has_groups_and_the_ovs_mask_has_none() -> None:
    assert cpus.format_kernel_mask([0, 33]) == "00000002,00000001"
    assert cpus.format_mask([0, 33]) == "0x200000001"
    assert cpus.format_kernel_mask([]) == "00000000"
