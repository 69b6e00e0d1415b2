# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.vmsite.plugins.filter.cpu_list import FilterModule

cpu_list = FilterModule().filters()["cpu_list"]


@pytest.mark.parametrize("value", ["0-3,8", "8,3,2,1,0", "0x10f", [8, 0, 1, 2, 3, 3], (0, 1, 2, 3, 8)])
def test_every_way_to_write_a_set(value: t.Any) -> None:
    assert cpu_list(value) == [0, 1, 2, 3, 8]
    assert cpu_list(value, "ranges") == "0-3,8"
    assert cpu_list(value, "mask") == "0x10f"
    assert cpu_list(value, form="kernel_mask") == "0000010f"


def test_one_cpu_and_none() -> None:
    assert cpu_list(3) == [3]
    assert cpu_list("") == []


@pytest.mark.parametrize("value", ["3-1", None, True, [True], [-1], ["0"], {"cpus": 1}, "0xzz"])
def test_what_is_no_set_is_refused(value: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match="cpu_list: asked"):
        cpu_list(value)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="list, ranges, mask, kernel_mask"):
        cpu_list("0", "octal")
