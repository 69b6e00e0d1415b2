# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for /proc/irq and for irqbalance under systemd, on plain files. It imports nothing of the collection.

What it copies:
- kernel/irq/proc.c: write_irq_affinity answers EIO (6.12 and later: EPERM) for an interrupt that user space may not place (managed, or not to be
  balanced), EINVAL where no CPU of the mask is online; default_smp_affinity likewise EINVAL. smp_affinity and smp_affinity_list are two views
  of one mask. register_irq_proc of newer kernels leaves the write permission off such an interrupt's files. register_handler_proc makes a
  directory per handler: an interrupt without one has none.
- arch/x86/kernel/apic/vector.c: ENOSPC where the CPUs of the mask have no vector left.
- irqbalance.c: reads IRQBALANCE_BANNED_CPULIST from its environment, once, at its start; systemd takes it from the EnvironmentFile, where the
  last assignment counts and quotes are dropped (systemd.exec(5)).
"""

from __future__ import annotations

import errno
import os
import pathlib
import re

IRQ = re.compile(r"proc/irq/(\d+)/smp_affinity(_list)?$")

SYSTEMCTL = """\
#!/bin/sh
"$VMSITE_ROOT/usr/lib/stand-in/systemctl" "$@" || exit $?
case "$*" in
    *restart*irqbalance.service)
        file="$VMSITE_ROOT/etc/default/irqbalance"
        value=$(sed -n 's/^ *IRQBALANCE_BANNED_CPULIST=//p' "$file" | tail -n 1 | tr -d "\\"'")
        printf 'HOME=/\\0IRQBALANCE_BANNED_CPULIST=%s\\0' "$value" >"$VMSITE_ROOT/proc/55/environ" ;;
esac
"""


class IrqKernel:
    """All state is in files, so that another process can go on where one was killed. C(refusals): IRQ -> error code."""

    def __init__(self, root: pathlib.Path, online: set[int]) -> None:
        self.root = root
        self.online = online
        self.refusals: dict[int, int] = {}
        self.managed_refusal = errno.EIO

    def start(self, cpus: str) -> None:
        """As after a boot without irqaffinity=: every CPU takes interrupts."""
        self._write("proc/irq/default_smp_affinity", _mask(self.online))
        for kind in ("possible", "present", "online"):
            self._write(f"sys/devices/system/cpu/{kind}", cpus)

    def add(self, number: int, handler: str | None, cpus: set[int], managed: bool = False, read_only: bool = False) -> None:
        """C(read_only): a newer kernel, whose file mode tells that this one is managed."""
        self._set(number, cpus)
        if handler:
            (self.root / f"proc/irq/{number}/{handler}").mkdir()
        if managed:
            self._write(f"fake/managed/{number}", "")
        if read_only:
            (self.root / f"proc/irq/{number}/smp_affinity_list").chmod(0o444)

    def write(self, path: str, text: str) -> None:
        name = str(pathlib.Path(path).relative_to(self.root))
        found = IRQ.match(name)
        if name == "proc/irq/default_smp_affinity":
            self._check_online(_from_mask(text))
            self._write(name, text)
        elif found:
            number = int(found[1])
            if (self.root / f"fake/managed/{number}").exists():
                raise _error(self.managed_refusal)
            if number in self.refusals:
                raise _error(self.refusals[number])
            cpus = _from_list(text) if found[2] else _from_mask(text)
            self._check_online(cpus)
            self._set(number, cpus)
        else:
            pathlib.Path(path).write_text(f"{text}\n")

    def affinity(self, number: int) -> set[int]:
        return _from_mask((self.root / f"proc/irq/{number}/smp_affinity").read_text())

    def _check_online(self, cpus: set[int]) -> None:
        if not cpus & self.online:
            raise _error(errno.EINVAL)

    def _set(self, number: int, cpus: set[int]) -> None:
        self._write(f"proc/irq/{number}/smp_affinity", _mask(cpus))
        self._write(f"proc/irq/{number}/smp_affinity_list", ",".join(str(cpu) for cpu in sorted(cpus)))
        self._write(f"proc/irq/{number}/effective_affinity_list", str(min(cpus & self.online)))

    def _write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")


def install_irqbalance(root: pathlib.Path, environment_file: str) -> None:
    """irqbalance runs already, under the stand-in for systemctl that the root has."""
    for path, text in (("proc/55/comm", "irqbalance\n"), ("proc/55/environ", "HOME=/\0"), ("etc/default/irqbalance", environment_file)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "usr/lib/systemd/system/irqbalance.service").write_text("[Service]\nExecStart=/usr/sbin/irqbalance\n")
    (root / "usr/lib/stand-in").mkdir()
    (root / "usr/bin/systemctl").rename(root / "usr/lib/stand-in/systemctl")
    (root / "usr/bin/systemctl").write_text(SYSTEMCTL)
    (root / "usr/bin/systemctl").chmod(0o755)


def _mask(cpus: set[int]) -> str:
    bits = sum(1 << cpu for cpu in cpus)
    return ",".join(f"{bits >> shift & 0xFFFFFFFF:08x}" for shift in range(max(cpus) // 32 * 32, -1, -32))


def _from_mask(text: str) -> set[int]:
    groups = text.strip().split(",")
    assert all(len(group) <= 8 for group in groups), "lib/bitmap.c, bitmap_parse: a group has 32 bits"
    bits = int("".join(group.zfill(8) for group in groups), 16)
    return {cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1}


def _from_list(text: str) -> set[int]:
    cpus: set[int] = set()
    for item in text.strip().split(","):
        first, _separator, last = item.partition("-")
        cpus |= set(range(int(first), int(last or first) + 1))
    return cpus


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
