# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make guest-status`: what runs, and how to log in. Changes nothing."""

from __future__ import annotations

from pathlib import Path

from . import machine
from .access import SSH_CONFIG
from .boot import failed_boots
from .cache import GuestCache
from .definition import CPUS_PER_NODE, MEMORY_MIB_PER_NODE, NAME, NICS, NODES, SSH_ADDRESS, SSH_PORT
from .monitor import ask


def status(cache: GuestCache) -> bool:
    """Print the guest's state; True when it runs."""
    pid = machine.running()
    overlay = cache.overlay.file
    if pid is None:
        print(f"{NAME} is powered off; its disk is kept" if overlay.exists() else f"{NAME} is down")
        print("'make guest-up' starts it")
        return False
    state = ask(machine.MONITOR, "query-status")["status"]
    print(
        f"{NAME:9} {state:8} {NODES} nodes of {CPUS_PER_NODE} CPUs and {MEMORY_MIB_PER_NODE} MiB, {len(NICS)} NICs with virtual functions"
    )
    disk = f"disk {overlay.stat().st_size >> 20} MiB on its image" if overlay.exists() else "its disk is in another cache"
    print(f"qemu      pid {pid}, {_resident_mib(pid)} MiB resident; {disk}")
    print(f"console   {machine.CONSOLE}")
    print(f"ssh       {SSH_ADDRESS}:{SSH_PORT}")
    for boot in failed_boots():
        print(f"boot that did not come up: {boot}")
    print(f"log in    ssh -F {SSH_CONFIG} {NAME}")
    return True


def _resident_mib(pid: int) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) >> 10
