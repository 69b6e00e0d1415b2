# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs import keys


@given(st.sets(st.integers(0, 600), min_size=1))
def test_a_mask_is_the_same_in_every_spelling(cpus: set[int]) -> None:
    number = sum(1 << cpu for cpu in cpus)
    spellings: list[t.Any] = [
        number,
        hex(number),
        hex(number)[2:],
        hex(number).upper().replace("X", "x"),
        f"0x000{number:x}",
        f" {number:x} ",
    ]
    wanted = {str(keys.wanted_keys({"pmd-cpu-mask": spelling}, {})) for spelling in spellings}
    assert len(wanted) == 1
    assert keys.cpus_of_mask(hex(number)) == sorted(cpus)


@pytest.mark.parametrize(
    ("key", "value", "canonical"),
    [
        ("dpdk-socket-mem", [1024, 0], "1024,0"),
        ("dpdk-socket-mem", "1024, 512", "1024,512"),
        ("dpdk-socket-mem", 128, "128"),
        ("dpdk-init", True, "true"),
        ("dpdk-init", "try", "try"),
        ("per-port-memory", "False", "false"),
        ("max-idle", "1000", "1000"),
        ("dpdk-extra", " --no-pci ", "--no-pci"),
        ("hw-offload", None, None),
    ],
)
def test_values_get_one_form(key: str, value: t.Any, canonical: str | None) -> None:
    assert keys.wanted_keys({key: value}, {}) == ({key: canonical}, [])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pmd-cpu-mask", "0x0"),
        ("pmd-cpu-mask", "1-3"),
        ("pmd-cpu-mask", True),
        ("dpdk-init", "yes"),
        ("dpdk-socket-mem", "1G"),
        ("max-idle", -1),
        ("max-idle", 1.5),
        ("dpdk-extra", ""),
        ("dpdk-hugepage-dir", "hugepages"),
        ("pmd-rxq-assign", "random"),
        ("pmd-cpu-msk", "0x2"),
        ("pmd-maxsleep", 5),
    ],
)
def test_wrong_values_are_refused(key: str, value: t.Any) -> None:
    wanted, failures = keys.wanted_keys({key: value}, {})
    assert wanted == {}
    assert [failure.asked for failure in failures] == [f"{key} = {value!r}"]


def test_all_wrong_values_are_named_at_once_and_known_keys_cannot_hide_among_the_extra_ones() -> None:
    wanted, failures = keys.wanted_keys({"max-idle": "x", "typo": 1}, {"pmd-cpu-mask": "2", "of-the-future": True})
    assert wanted == {"of-the-future": "true"}
    assert len(failures) == 3


def test_a_key_has_the_name_that_the_version_knows() -> None:
    assert keys.key_in((3, 1, 0), "pmd-sleep-max") == "pmd-maxsleep"
    assert keys.key_in((3, 2), "pmd-sleep-max") == "pmd-sleep-max"
    assert keys.key_in(None, "pmd-sleep-max") == "pmd-sleep-max"
    assert keys.key_in((3, 1), "max-idle") == "max-idle"
