# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed: the next run converges, and every file is whole.

VMSITE_GUEST_KILLS and VMSITE_GUEST_POWER_CUTS say how many (make test-full: 20 and 10), VMSITE_GUEST_SEED repeats a series.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.guest.guest import GUEST, SITE, differences, everything, lab, on
from ansible_collections.baremetal.vmsite.tests.guest.outcomes import REBOOT, note, piece, shows

PART = "7"
KILLS = int(os.environ.get("VMSITE_GUEST_KILLS", "2"))
POWER_CUTS = int(os.environ.get("VMSITE_GUEST_POWER_CUTS", "1"))
SEED = int(os.environ.get("VMSITE_GUEST_SEED", str(random.SystemRandom().randrange(10**6))))
CHANCE = random.Random(SEED)

# After a power cut the boot may have had no VFs for Open vSwitch, so the next run is the whole site; else it is the playbook that was killed.
PLAYBOOK = "tests/guest/kernel_and_devices.yml"
UNITS = "/etc/systemd/system"
# Something for every door of the playbook to do.
UNDO = (
    "rm -f /etc/default/grub.d/zz-vmsite.cfg; update-grub 2>/dev/null; echo 0 > /sys/bus/pci/devices/0000:21:00.0/sriov_numvfs; "
    f"systemctl stop vmsite-irq-affinity.timer; rm -f {UNITS}/vmsite-* {UNITS}/*.wants/vmsite-*; systemctl daemon-reload; "
    "echo f > /proc/irq/default_smp_affinity; "
    "pool=/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages; echo $(($(cat $pool) + 32)) > $pool; sync"
)
# The tasks that write, by words of their names. A kill comes some seconds after one has begun: it takes three until the module runs.
WRITERS = ("hugepages", "isolate CPUs", "interrupts", "physical function its VFs", "their drivers")
SECONDS = (1.0, 9.0)
# The first power cut leaves the least: neither kernel arguments nor units are written again, so the boot has neither.
EARLIEST = ("hugepages", 2.0)
MODULES = "pgrep -f [A]nsiballZ"
READ = "import json, sys; [json.load(open(file)) for file in sys.argv[1:]]"
WHOLE = f'grub-script-check /boot/grub/grub.cfg && python3 -c "{READ}" /etc/vmsite/*.json && echo whole'


def kill_module(run: subprocess.Popen[str]) -> str:
    """The module alone: Ansible lives, and reports it."""
    while run.poll() is None:
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
    return "Ansible was killed, its module was not"


def cut_power(run: subprocess.Popen[str]) -> str:
    lab("power-off")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    print(lab("power-on"))
    return "the power was cut"


def wait_for_task(run: subprocess.Popen[str], words: str) -> None:
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("TASK [") and words in line:
            return
    raise AssertionError(f"the run ended without a task {words!r}")


def killed(case: str, how: t.Callable[[subprocess.Popen[str]], str], moment: tuple[str, float]) -> str:
    """Undo, run, kill. C(moment): a task, and seconds after it has begun. The case in full, for the table."""
    on(UNDO)
    task, delay = moment
    run = GUEST.start_playbook(PLAYBOOK)
    wait_for_task(run, task)
    time.sleep(delay)
    case = f"{case}: {how(run)} {delay:.1f} s into the task of {task} (seed {SEED})"
    print(case)
    return case


def converges(case: str, playbook: str, clean: dict[str, object]) -> str:
    """The next run leaves the whole host as before. What it said."""
    rc, said = GUEST.playbook(playbook)
    assert rc == 0, f"{case}: {said}"
    note(PART, f"{case}: the next run converges", "molecule/shared/snapshot.py", differences(clean, everything()), "as before")
    shows(PART, f"{case}: GRUB's menu and every record are whole", WHOLE, "whole")
    return said


def some_moment() -> tuple[str, float]:
    return CHANCE.choice(WRITERS), CHANCE.uniform(*SECONDS)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run(number: int, clean: dict[str, object]) -> None:
    case = killed(f"{number}", (kill_module, orphan_module)[number % 2], some_moment())
    converges(case, PLAYBOOK, clean)


@pytest.mark.parametrize("number", range(POWER_CUTS))
def test_a_power_cut(number: int, clean: dict[str, object]) -> None:
    case = killed(f"{number}", cut_power, some_moment() if number else EARLIEST)
    isolated = bool(on("grep -o isolcpus= /proc/cmdline", check=False))
    said = " ".join(converges(case, SITE, clean).split())  # long messages are folded
    if number == 0 or not isolated:
        note("6", f"{case}: the site lists what needs a reboot", f"ansible-playbook {SITE}", piece(said, REBOOT), f"...{REBOOT}")
        note("6", f"{case}: and why", f"ansible-playbook {SITE}", piece(said, REBOOT), "...isolcpus=managed_irq,domain,1,3")
