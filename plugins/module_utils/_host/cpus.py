# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""CPU sets as text: lists (C(0-3,8)) and the two kinds of hexadecimal mask.

Formats: the kernel's Documentation/core-api/printk-formats.rst (%*pbl is the list, %*pb the mask in 32-bit groups), and
ovs-vswitchd.conf.db(5), whose masks are one plain hexadecimal number. CPU numbers have no upper bound here.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

LIST_ITEM = re.compile(r"(\d+)(?:-(\d+)(?::(\d+)/(\d+))?)?")
LARGEST_CPU = 1 << 20  # far above any kernel's NR_CPUS: keeps a slip such as 0-99999999999 from eating the memory


def parse_list(text: str, where: str = "CPU list") -> tuple[int, ...]:
    """The CPUs of a list such as C(0-3,8) or, as the kernel also takes it, C(0-31:2/8) (2 of every 8). Sorted, without repeats.

    Empty text, and the C((null)) of old kernels, mean no CPU. Raises Failure for anything else.
    """
    text = text.strip(" \t\n\0")
    if text in ("", "(null)"):
        return ()
    found: set[int] = set()
    for item in text.split(","):
        match = LIST_ITEM.fullmatch(item.strip())
        if not match:
            raise _not_a_list(text, where, f"{item.strip()!r} is neither a CPU nor a range")
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if last < first:
            raise _not_a_list(text, where, f"the range {item.strip()} runs backwards")
        if last >= LARGEST_CPU:
            raise _not_a_list(text, where, f"no kernel has a CPU {last}")
        used, group = (int(match[3]), int(match[4])) if match[3] else (1, 1)
        if not 0 < used <= group:
            raise _not_a_list(text, where, f"{item.strip()} takes {used} of every {group}")
        for start in range(first, last + 1, group):
            found.update(range(start, min(start + used, last + 1)))
    return tuple(sorted(found))


def format_list(cpus: t.Iterable[int]) -> str:
    """The canonical list: sorted, without repeats, ranges as long as they can be, two neighbours written as a range."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges(cpus))


def ranges(cpus: t.Iterable[int]) -> list[tuple[int, int]]:
    """The runs of consecutive CPUs as (first, last)."""
    runs: list[tuple[int, int]] = []
    for cpu in sorted(set(cpus)):
        if runs and runs[-1][1] == cpu - 1:
            runs[-1] = (runs[-1][0], cpu)
        else:
            runs.append((cpu, cpu))
    return runs


def parse_mask(text: str, where: str = "CPU mask") -> tuple[int, ...]:
    """The CPUs of a mask: plain (C(0x3f), C(3f)) or the kernel's (C(00000001,ffffffff)). Raises Failure."""
    text = text.strip(" \t\n\0")
    groups = text[2:].split(",") if text.lower().startswith("0x") else text.split(",")
    if not all(re.fullmatch(r"[0-9a-fA-F]+", group) for group in groups) or any(len(group) > 8 for group in groups[:-1] if len(groups) > 1):
        raise Failure(
            asked=f"CPU mask {text!r}",
            found="not a hexadecimal number, with or without commas between groups of 32 bits",
            where=where,
            remedy="write it like 0x3f or 00000001,ffffffff",
        )
    mask = 0
    for group in groups:
        mask = (mask << 32 if len(groups) > 1 else 0) | int(group, 16)
    return from_bits(mask)


def format_mask(cpus: t.Iterable[int]) -> str:
    """The plain mask that OVS and DPDK take, with its C(0x)."""
    return f"0x{to_bits(cpus):x}"


def format_kernel_mask(cpus: t.Iterable[int]) -> str:
    """The kernel's mask: groups of 32 bits, joined by commas, as many as the highest CPU needs."""
    mask = to_bits(cpus)
    groups = []
    while True:
        groups.append(f"{mask & 0xFFFFFFFF:08x}")
        mask >>= 32
        if not mask:
            return ",".join(reversed(groups))


def to_bits(cpus: t.Iterable[int]) -> int:
    bits = 0
    for cpu in cpus:
        bits |= 1 << cpu
    return bits


def from_bits(bits: int) -> tuple[int, ...]:
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return tuple(found)


def _not_a_list(text: str, where: str, found: str) -> Failure:
    return Failure(asked=f"CPU list {text!r}", found=found, where=where, remedy="write it like 0-3,8")
