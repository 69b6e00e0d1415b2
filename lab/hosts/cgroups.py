# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control group of all lab hosts: its weight against the rest of the machine, the prober's real-time budget, and its removal.

Works on both layouts: version 1 (one tree per controller) and version 2 (one tree).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from ..commands import LabError
from ..progress import Progress
from .definition import CGROUP, CPU_SHARES, REAL_TIME_US

_MOUNT = Path("/sys/fs/cgroup")


def set_weight(progress: Progress) -> None:
    """Make the group before the first host and give it its CPU weight."""
    if (_MOUNT / "cgroup.controllers").exists():
        # Same scale as the kernel's documentation of cpu.weight and runc: shares 2..262144 are weight 1..10000.
        file, wanted = _MOUNT / CGROUP / "cpu.weight", 1 + (CPU_SHARES - 2) * 9999 // 262142
        subtree = _MOUNT / "cgroup.subtree_control"
        if "cpu" not in subtree.read_text().split():
            subtree.write_text("+cpu")
    else:
        file, wanted = _MOUNT / "cpu" / CGROUP / "cpu.shares", CPU_SHARES
    file.parent.mkdir(exist_ok=True)
    if file.read_text().strip() != str(wanted):
        file.write_text(str(wanted))
        progress.changed(f"CPU weight of the lab: {wanted} ({file})")


def give_real_time(name: str, pid: int, progress: Progress) -> None:
    """Let the processes of the host whose first process is `pid` run with a real-time priority; the budget ends with the group.

    Only version 1 has budgets. The machine may have none to give: then the prober does without, and its measurements say so.
    """
    path = _cpu_group(pid)
    if path is None:
        return
    for group in (_MOUNT / "cpu" / CGROUP, _MOUNT / "cpu" / path):
        file = group / "cpu.rt_runtime_us"
        if not file.exists() or int(file.read_text()) >= REAL_TIME_US:
            continue
        try:
            file.write_text(str(REAL_TIME_US))
        except OSError as error:
            progress.say(f"{name}: no real-time budget ({file}: {error.strerror})")
            return
        progress.changed(f"{name}: real-time budget {REAL_TIME_US} us per second ({file})")


def _cpu_group(pid: int) -> str | None:
    """Of cgroup version 1, as the machine sees it: "vmsite-lab/libpod-..."."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        # "init.scope" and the like: systemd in the host may have moved its first process into a group of its own.
        parts = path.strip("/").split("/")
        if "cpu" in controllers.split(",") and parts[0] == CGROUP:
            return "/".join(parts[:2])
    return None


def processes() -> set[int]:
    """Every process of the lab, in any controller's tree."""
    found: set[int] = set()
    for group in _groups():
        try:
            found.update(int(pid) for pid in (group / "cgroup.procs").read_text().split())
        except (FileNotFoundError, OSError):
            continue  # the group went away while we looked
    return found


def remove(progress: Progress) -> None:
    """Kill what is left in the group (podman has already removed what it knew) and remove its directories."""
    deadline = time.monotonic() + 20
    while True:
        left = processes()
        if not left:
            break
        if time.monotonic() > deadline:
            raise LabError(f"processes {sorted(left)} of the lab do not end")
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    groups = _groups()
    for group in sorted(groups, key=lambda path: len(path.parts), reverse=True):
        _remove_directory(group, deadline)
    if groups:
        progress.changed("control groups removed")


def _remove_directory(group: Path, deadline: float) -> None:
    while True:
        try:
            group.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:  # busy until its last process is reaped
            if time.monotonic() > deadline:
                raise LabError(f"{group} cannot be removed") from None
            time.sleep(0.1)


def _groups() -> list[Path]:
    """The lab's directories in every tree, parents first."""
    tops = [_MOUNT / CGROUP, *_MOUNT.glob(f"*/{CGROUP}")]
    return [Path(directory) for top in tops if top.is_dir() for directory, *_entries in os.walk(top)]
