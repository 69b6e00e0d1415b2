# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Interrupts as /proc/irq shows them, and which of them cannot be moved.

Linux: Documentation/core-api/irq/irq-affinity.rst; kernel/irq/proc.c write_irq_affinity answers EIO, newer ones EPERM, for an interrupt whose
CPUs the kernel itself manages (NVMe, virtio disks, some NICs) or that is not to be balanced (timer). Some kernels take the write permission
from its file; for others the refusals that an earlier run met are kept in /run, which a reboot empties as it renumbers interrupts.
"""

from __future__ import annotations

import dataclasses
import stat
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot_note import DIRECTORY, add_to_note, read_note

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

IRQS = "/proc/irq"
DEFAULT = f"{IRQS}/default_smp_affinity"
RECORD = f"{DIRECTORY}/irqs-that-refused.json"  # IRQ number -> names of its handlers when it refused


@dataclasses.dataclass(frozen=True)
class Interrupt:
    """C(names) are those of its handlers, joined; C(effective) is where it really goes, None where the kernel does not tell."""

    number: int
    names: str
    affinity: tuple[int, ...]
    effective: tuple[int, ...] | None
    movable: bool

    @property
    def what(self) -> str:
        return f"IRQ {self.number} ({self.names})"

    @property
    def attribute(self) -> str:
        return f"{IRQS}/{self.number}/smp_affinity_list"


def read_interrupts(root: HostRoot) -> list[Interrupt]:
    """Those with a handler, by number. One without gets the default mask as soon as it has one (kernel/irq/manage.c, irq_setup_affinity)."""
    refused = read_note(root, RECORD)
    found = []
    for number in sorted(int(name) for name in root.names(IRQS) if name.isdigit()):
        directory = f"{IRQS}/{number}"
        names = ", ".join(name for name in root.names(directory) if root.is_dir(f"{directory}/{name}"))
        affinity = root.read_optional(f"{directory}/smp_affinity_list")
        if not names or affinity is None:
            continue
        effective = root.read_optional(f"{directory}/effective_affinity_list")
        status = root.stat(f"{directory}/smp_affinity_list")
        found.append(
            Interrupt(
                number=number,
                names=names,
                affinity=cpu_sets.parse_list(affinity, f"{directory}/smp_affinity_list"),
                effective=None if effective is None else cpu_sets.parse_list(effective, f"{directory}/effective_affinity_list"),
                movable=status is not None and bool(status.st_mode & stat.S_IWUSR) and refused.get(str(number)) != names,
            )
        )
    return found


def read_default(root: HostRoot) -> tuple[int, ...]:
    return cpu_sets.parse_mask(root.read(DEFAULT), DEFAULT)


def write_record(root: HostRoot, refused: t.Sequence[Interrupt]) -> None:
    add_to_note(root, RECORD, {str(interrupt.number): interrupt.names for interrupt in refused})
