# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""How the memory of one node is divided, in MiB, and the arithmetic of pages and shares."""

from __future__ import annotations

import dataclasses

# Page tables (1/512 for 4 KiB pages) and QEMU's own memory, beside the guest's.
GUEST_OVERHEAD_PERCENT = 2


@dataclasses.dataclass(frozen=True)
class NodeMemory:
    """C(total) is None where the topology does not know it; then nothing is allocated there."""

    node: int
    total: int | None
    kernel: int
    daemons: int
    kubelet: int
    eviction: int
    ovs: int = 0
    vm: int = 0
    further: int = 0

    @property
    def hugepages(self) -> int:
        """In pages of the plan's size; C(further) is in pages of other sizes."""
        return self.ovs + self.vm

    @property
    def guest_overhead(self) -> int:
        return -(-self.vm * GUEST_OVERHEAD_PERCENT // 100)

    @property
    def reserve(self) -> int:
        """What the host keeps, guests aside: the kubelet's reservedMemory."""
        return self.kernel + self.daemons + self.kubelet + self.eviction

    @property
    def left(self) -> int | None:
        return None if self.total is None else self.total - self.reserve - self.hugepages - self.further - self.guest_overhead


def share(amount: int, weights: dict[int, int]) -> dict[int, int]:
    """Divide by weight, whole MiB, the parts adding up to the amount: the remainders go to the lowest nodes."""
    total = sum(weights.values())
    if not total:
        return {}
    parts = {node: amount * weight // total for node, weight in sorted(weights.items())}
    for node in list(parts)[: amount - sum(parts.values())]:
        parts[node] += 1
    return parts


def page_mib(page_kib: int) -> int:
    """The step in which memory is given: one page, or the pages that make one MiB."""
    return max(1, page_kib // 1024)


def round_up(mib: int, page_kib: int) -> int:
    return -(-mib // page_mib(page_kib)) * page_mib(page_kib)


def round_down(mib: int, page_kib: int) -> int:
    return mib // page_mib(page_kib) * page_mib(page_kib)
