# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed: the next run converges, and every file is whole.

VMSITE_GUEST_KILLS and VMSITE_GUEST_POWER_CUTS say how many (make test-full: 20 and 10), VMSITE_GUEST_SEED repeats a series.
"""

from __future__ import annotations

import os
import pathlib
import random
import signal
import subprocess
import time
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.guest.guest import GUEST, changes_of, lab, on, site
from ansible_collections.baremetal.vmsite.tests.guest.outcomes import note

PART = "7"
KILLS = int(os.environ.get("VMSITE_GUEST_KILLS", "2"))
POWER_CUTS = int(os.environ.get("VMSITE_GUEST_POWER_CUTS", "1"))
SEED = int(os.environ.get("VMSITE_GUEST_SEED", str(random.SystemRandom().randrange(10**6))))

STAGE = "playbooks/stage_hosts.yml"
# Something for every door of the stage to do.
UNDO = (
    "rm -f /etc/default/grub.d/zz-vmsite.cfg; update-grub 2>/dev/null; echo 0 > /sys/bus/pci/devices/0000:21:00.0/sriov_numvfs; "
    "systemctl disable --quiet vmsite-sriov.service vmsite-pci-driver.service; rm -f /etc/systemd/system/vmsite-sriov.service; "
    "systemctl disable --quiet --now vmsite-irq-affinity.timer; echo f > /proc/irq/default_smp_affinity; systemctl daemon-reload; "
    "pool=/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages; echo $(($(cat $pool) + 32)) > $pool"
)
MODULES = "pgrep -f [A]nsiballZ"
# How long a run of the stage takes from its first module to its last is measured once; kills are spread over it.
CHANCE = random.Random(SEED)


@pytest.fixture(scope="module")
def seconds() -> float:
    """Of an undisturbed run of the stage that has everything to do."""
    on(UNDO)
    began = time.monotonic()
    rc, said = GUEST.playbook(STAGE)
    assert rc == 0, said
    return time.monotonic() - began


def kill_module(run: subprocess.Popen[str]) -> str:
    """The module alone: Ansible lives, and reports it."""
    deadline = time.monotonic() + 60
    while run.poll() is None and time.monotonic() < deadline:
        if on(f'pid=$({MODULES} | tail -n 1); [ -n "$pid" ] && kill -9 $pid && echo killed', check=False) == "killed":
            break
    run.communicate(timeout=300)
    return "a module was killed"


def orphan_module(run: subprocess.Popen[str]) -> str:
    """Ansible with all its processes: a module that runs goes on by itself, as under AWX."""
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    deadline = time.monotonic() + 120
    while on(MODULES, check=False):
        assert time.monotonic() < deadline, "the orphaned module does not end"
        time.sleep(0.5)
    return "Ansible was killed, its module lived on"


def cut_power(run: subprocess.Popen[str]) -> str:
    lab("power-off")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    print(lab("power-on"))
    return "the power was cut"


def converges(case: str, kept: pathlib.Path) -> None:
    site(kept, playbook=STAGE)
    site(kept, "--check", playbook=STAGE)
    note(
        PART, f"{case}: the next run converges", f"ansible-playbook --check {STAGE}", f"{len(changes_of(kept, STAGE))} changes", "0 changes"
    )
    whole = "grub-script-check /boot/grub/grub.cfg && for file in /etc/vmsite/*.json; do python3 -m json.tool $file >/dev/null || exit 1; done; echo whole"
    note(PART, f"{case}: files are whole", whole, on(whole, check=False), "whole")
    left = 'find /etc /boot/grub /usr/local -name "*.vmsite-*" -o -name "*.new" -newer /etc/hostname'
    note(PART, f"{case}: nothing is left over", left, on(left), "")


def killed(how: t.Callable[[subprocess.Popen[str]], str], case: str, seconds: float, kept: pathlib.Path) -> None:
    on(UNDO)
    moment = CHANCE.uniform(0.15, 0.95) * seconds
    run = GUEST.start_playbook(STAGE)
    time.sleep(moment)
    what = how(run)
    print(f"{case} (seed {SEED}): {what} after {moment:.1f} of {seconds:.1f} s")
    converges(f"{case}, {what} after {moment:.0f} of {seconds:.0f} s", kept)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run(number: int, seconds: float, kept: pathlib.Path) -> None:
    killed((kill_module, orphan_module)[number % 2], f"kill {number + 1} of {KILLS}", seconds, kept)


@pytest.mark.parametrize("number", range(POWER_CUTS))
def test_a_power_cut(number: int, seconds: float, kept: pathlib.Path) -> None:
    killed(cut_power, f"power cut {number + 1} of {POWER_CUTS}", seconds, kept)
