# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.virtual_addresses import index_of


@pytest.mark.parametrize(
    ("address", "offset", "stride", "total", "index"),
    [
        ("0000:21:10.0", 128, 2, 7, 0),  # igb
        ("0000:21:10.2", 128, 2, 7, 1),
        ("0000:21:10.1", 128, 2, 7, None),  # between two
        ("0000:21:11.4", 128, 2, 7, 6),
        ("0000:21:11.6", 128, 2, 7, None),  # one too many
        ("0000:21:00.0", 128, 2, 7, None),  # the physical function
        ("0001:21:10.0", 128, 2, 7, None),  # another domain
        ("0000:22:00.0", 256, 1, 8, 0),  # on the next bus
        ("0000:21:00.1", 1, 0, 1, 0),  # one VF needs no stride
        ("0000:21:10.0", 0, 0, 7, None),  # the device does not tell
        ("0000:21:10.0", None, None, None, None),  # no SR-IOV
    ],
)
def test_index(address: str, offset: int | None, stride: int | None, total: int | None, index: int | None) -> None:
    assert index_of(address, "0000:21:00.0", offset, stride, total) == index
