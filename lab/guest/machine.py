# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The QEMU process: found, started, killed. Of several on this machine, ours is the one that was told to write our pid file."""

from __future__ import annotations

import os
import select
import signal
import socket
from pathlib import Path

from ..commands import LabError, run
from .definition import KILL_SECONDS, RUNTIME, SSH_ADDRESS, SSH_PORT
from .hardware import hardware
from .qemu import Qemu

CONSOLE = RUNTIME / "console.log"
MONITOR = RUNTIME / "monitor"
_PID_FILE = RUNTIME / "qemu.pid"


def arguments(qemu: Qemu, disk: Path) -> list[str]:
    """The whole command line of the guest."""
    command = [str(qemu.system), "-nodefaults", "-no-user-config"]
    for directory in qemu.firmware:
        command += ["-L", str(directory)]
    command += hardware(disk, CONSOLE)
    return [*command, "-qmp", f"unix:{MONITOR},server=on,wait=off", "-pidfile", str(_PID_FILE), "-daemonize"]


def running() -> int | None:
    """Pid of the guest's QEMU, read from the kernel: a file may be gone, or name a process that is another's by now."""
    for process in Path("/proc").glob("[0-9]*"):
        if _is_ours(process):
            return int(process.name)
    return None


def command_line(pid: int) -> list[str]:
    """Of a running process; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def start(qemu: Qemu, disk: Path) -> None:
    """Power on. LabError when the ssh port is taken or QEMU refuses its arguments."""
    _refuse_a_taken_port()
    RUNTIME.mkdir(mode=0o755, exist_ok=True)
    run(arguments(qemu, disk), environment=qemu.environment, timeout=60)


def kill() -> bool:
    """Cut the power: the guest gets no chance to write anything. False when it did not run."""
    pid = running()
    if pid is None:
        return False
    try:
        # A handle on the process that was looked at: its number may be another's by the time of the kill.
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if _is_ours(Path(f"/proc/{pid}")):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        elif command_line(pid):
            return True  # ours has ended, and the number is another's already
        # Not until its command line is gone: that is freed before its port and its hold on the disk.
        ended, _writable, _other = select.select([handle], [], [], KILL_SECONDS)
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)
    if not ended:
        raise LabError(f"QEMU (pid {pid}) has not ended {KILL_SECONDS} s after it was killed; its disk may hang. Look at /proc/{pid}/stack")
    return True


def last_console_lines(count: int = 25) -> str:
    if not CONSOLE.exists():
        return f"{CONSOLE} does not exist: the firmware printed nothing"
    lines = CONSOLE.read_bytes().decode(errors="replace").splitlines()
    return f"last lines of {CONSOLE}:\n" + "\n".join(f"  {line.rstrip()}" for line in lines[-count:])


def _is_ours(process: Path) -> bool:
    words = command_line(int(process.name))
    if not words or not Path(words[0]).name.startswith("qemu-system-") or str(_PID_FILE) not in words:
        return False
    try:
        # Ended, but its parent has yet to take note.
        return (process / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _refuse_a_taken_port() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((SSH_ADDRESS, SSH_PORT))
        except OSError as error:
            listeners = run(
                ["ss", "--no-header", "--listening", "--tcp", "--numeric", "--processes", f"sport = :{SSH_PORT}"]
            ).stdout.strip()
            raise LabError(
                f"the guest's ssh was to listen on {SSH_ADDRESS}:{SSH_PORT}: {error.strerror}. "
                f"Stop what listens there ({listeners or 'unknown'}), or change SSH_PORT in lab/guest/definition.py"
            ) from None
