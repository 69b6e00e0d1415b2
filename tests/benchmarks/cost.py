# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of a playbook costs: seconds, and calls to the hosts.

A call is one start of ssh, sftp or scp by the controller: what crosses the network and waits for an answer. They are counted by programs put in
the place of ssh, sftp and scp, which know nothing of Ansible. Beside it stands the number of modules that Ansible says it ran on hosts: a copy
or a template is one or two modules but several calls.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.baremetal.vmsite.tests.make import CHECKOUT

PROGRAMS = ("ssh", "sftp", "scp")


@dataclass(frozen=True)
class Cost:
    """Of one run on all hosts together. C(tasks) is seconds by task, the most expensive first."""

    seconds: float
    calls: int
    results: int
    tasks: dict[str, float]


def play(playbook: str, inventory: Path, scratch: Path) -> Cost:
    """Run a playbook (a path below the checkout) and say what it cost. Fails with its output if it fails."""
    scratch.mkdir()
    record = scratch / "calls"
    record.touch()
    environment = {
        **os.environ,
        **_counting_programs(scratch, record),
        "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.profile_tasks",
        "PROFILE_TASKS_TASK_OUTPUT_LIMIT": "100",
        "ANSIBLE_DISPLAY_OK_HOSTS": "true",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
    }
    command = ["ansible-playbook", "--inventory", str(inventory), playbook]
    start = time.monotonic()
    done = subprocess.run(command, check=False, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=1800)
    seconds = time.monotonic() - start
    assert done.returncode == 0, f"{playbook}: {done.stdout[-6000:]}{done.stderr[-2000:]}"
    # One line per host and item: "ok: [compute1] => ..."
    results = len(re.findall(r"^(?:ok|changed): \[", done.stdout, re.MULTILINE))
    return Cost(seconds, len(record.read_text().splitlines()), results, _seconds_by_task(done.stdout))


def _counting_programs(directory: Path, record: Path) -> dict[str, str]:
    """Ansible's settings that name the programs."""
    settings = {}
    for name in PROGRAMS:
        real = shutil.which(name)
        assert real is not None, f"{name} is not installed"
        program = directory / name
        program.write_text(f'#!/bin/sh\necho {name} >> "{record}"\nexec "{real}" "$@"\n')
        program.chmod(0o755)
        settings[f"ANSIBLE_{name.upper()}_EXECUTABLE"] = str(program)
    return settings


def _seconds_by_task(output: str) -> dict[str, float]:
    """From the table of ansible.posix.profile_tasks: "name ---- 1.23s"."""
    found: dict[str, float] = {}
    for name, seconds in re.findall(r"^(.+?) -+ +(\d+\.\d+)s$", output, re.MULTILINE):
        found[name] = found.get(name, 0.0) + float(seconds)
    return dict(sorted(found.items(), key=lambda task: -task[1]))
