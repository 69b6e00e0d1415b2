# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Interrupts at boot and afterwards: a timer that looks every minute whether one has strayed.

There is no event to wait for. A new interrupt starts with the default mask, but drivers spread theirs over all CPUs whenever a port is set up
or reset (irq_set_affinity_and_hint), and the kernel widens the mask of an interrupt whose CPUs all went offline (kernel/irq/cpuhotplug.c).
"""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot_unit import PROGRAMS, UNITS, BootFile, BootUnit, written_by

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

NAME = "vmsite-irq-affinity"
TIMER = f"{NAME}.timer"
PROGRAM_PATH = f"{PROGRAMS}/irq-affinity"
WRITTEN_BY = written_by("baremetal.vmsite.irq_affinity")

PROGRAM = f"""\
#!/usr/bin/env python3
{WRITTEN_BY}
\"\"\"Keep interrupts on the CPUs of a mask: irq-affinity MASK, in the kernel's own form (00000001,ffffffff).\"\"\"
import errno
import os
import sys

IRQS = os.environ.get("VMSITE_ROOT", "") + "/proc/irq"


def read(path):
    with open(path) as file:
        return int(file.read().replace(",", ""), 16)


def write(path, mask):
    groups = []
    while mask:
        groups.insert(0, "%08x" % (mask & 0xFFFFFFFF))
        mask >>= 32
    with open(path, "w") as file:
        file.write(",".join(groups))


def has_handler(directory):
    with os.scandir(directory) as entries:
        return any([entry.is_dir() for entry in entries])


allowed = int(sys.argv[1].replace(",", ""), 16)
failed = False
if read(IRQS + "/default_smp_affinity") != allowed:
    write(IRQS + "/default_smp_affinity", allowed)
for number in sorted(name for name in os.listdir(IRQS) if name.isdigit()):
    try:
        path = os.path.join(IRQS, number, "smp_affinity")
        mask = read(path)
        if mask & ~allowed and has_handler(os.path.dirname(path)):
            write(path, mask & allowed or allowed)
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPERM, errno.ENOENT, errno.EACCES):  # the kernel's own to place, or gone meanwhile
            print("IRQ %s: %s" % (number, error), file=sys.stderr)
            failed = True
sys.exit(failed)
"""


def boot_unit(root: HostRoot, housekeeping: t.Iterable[int]) -> BootUnit:
    service = f"""{WRITTEN_BY}
[Unit]
Description=Interrupts stay on the housekeeping CPUs
DefaultDependencies=no
After=local-fs.target
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
ExecStart={PROGRAM_PATH} {cpu_sets.format_kernel_mask(housekeeping)}
# Each minute would leave its lines in the journal otherwise: only what goes wrong does.
SyslogLevel=warning
LogLevelMax=warning
"""
    timer = f"""{WRITTEN_BY}
[Unit]
Description=Look every minute whether an interrupt has left the housekeeping CPUs

[Timer]
OnActiveSec=0
OnUnitActiveSec=60
AccuracySec=10

[Install]
WantedBy=timers.target
"""
    files = [
        BootFile(PROGRAM_PATH, PROGRAM, mode=0o755),
        BootFile(f"{UNITS}/{NAME}.service", service),
        BootFile(f"{UNITS}/{TIMER}", timer),
    ]
    return BootUnit(root, TIMER, files, "timers.target", "reboot, hotplug and drivers give interrupts to other CPUs again")
