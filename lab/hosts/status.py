# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make lab-status`: what runs, where, and how to log in. Changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import cgroups, network
from .access import SSH_CONFIG
from .definition import HOSTS, RUNTIME
from .hosts import is_running
from .hugepages import HugepagePool
from .podman import Podman


def status(cache: Path) -> bool:
    """Print the lab's state; True when every host runs."""
    podman = Podman(cache / "podman")
    if shutil.which("podman") is None or not RUNTIME.is_dir():
        print("lab is down; 'make lab-up' starts it")
        return False
    found = podman.containers()
    running = 0
    for host in HOSTS:
        record = found.get(host.container)
        state = "missing" if record is None else "running" if is_running(record) else "stopped"
        running += state == "running"
        cables = ", ".join(f"{nic.name} {nic.address or 'without address'} on {nic.bridge}" for nic in network.nics(host))
        print(f"{host.name:9} {state:8} {cables}")
    pool = HugepagePool(RUNTIME / "hugepages.json")
    print(f"hugepages {pool.free()} of {pool.count()} free (2 MiB, shared by all hosts)")
    print(f"processes {len(cgroups.processes())}")
    print(f"log in    ssh -F {SSH_CONFIG} {HOSTS[0].name}")
    if running < len(HOSTS):
        print("'make lab-up' repairs what is not running")
    return running == len(HOSTS)
