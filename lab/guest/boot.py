# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From power-on to a login with all units started. A boot that misses its deadline is counted, printed and repeated once."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from ..commands import LabError
from ..progress import Progress
from . import machine
from .access import ssh
from .definition import BOOT_ATTEMPTS, BOOT_SECONDS, NAME, RUNTIME, SSH_ADDRESS, SSH_PORT
from .qemu import Qemu

# One line for every boot that did not come up, for as long as the guest is up.
FAILED_BOOTS = RUNTIME / "failed_boots"
_STATE = "systemctl is-system-running --wait || systemctl list-units --failed --plain --no-legend | cut -d' ' -f1"


def bring_up(qemu: Qemu, disk: Path, progress: Progress) -> int:
    """Start the guest if it does not run, and wait for a login. The number of boots that did not come up."""
    for attempt in range(1, BOOT_ATTEMPTS + 1):
        if machine.running() is None:
            machine.start(qemu, disk)
            progress.changed(f"{NAME}: powered on")
        try:
            wait_until_it_answers(progress)
            return attempt - 1
        except LabError as error:
            _count(str(error))
            if attempt == BOOT_ATTEMPTS:
                raise LabError(f"{error}\nBoot {attempt} of {BOOT_ATTEMPTS} attempts. {machine.last_console_lines()}") from None
            progress.changed(f"boot {attempt} of {BOOT_ATTEMPTS} attempts did not come up: {error}")
            progress.say(machine.last_console_lines())
            machine.kill()
    raise AssertionError("BOOT_ATTEMPTS is at least 1")


def failed_boots() -> list[str]:
    """What was counted since the guest was made: "time: reason"."""
    return FAILED_BOOTS.read_text().splitlines() if FAILED_BOOTS.exists() else []


def wait_until_it_answers(progress: Progress) -> None:
    """Until the operator can log in and systemd has finished starting; names the units that failed. LabError after BOOT_SECONDS."""
    deadline = time.monotonic() + BOOT_SECONDS
    error: Exception | None = None
    while (left := deadline - time.monotonic()) > 0:
        if machine.running() is None:
            raise LabError(f"{NAME}: QEMU has ended by itself")
        try:
            _await_banner()
            state = ssh("sh", "-c", _STATE, timeout=max(left, 10))
        except (OSError, LabError) as not_yet:
            error = not_yet
            time.sleep(0.2)
            continue
        if state.strip() != "running":
            progress.say(f"{NAME}: not every unit runs: {', '.join(state.split())}")
        return
    raise LabError(f"{NAME}: no login on {SSH_ADDRESS}:{SSH_PORT} within {BOOT_SECONDS} s: {error}")


def _await_banner() -> None:
    """Until sshd says its first word. QEMU accepts the connection long before the guest does, so that alone says nothing."""
    with socket.create_connection((SSH_ADDRESS, SSH_PORT), timeout=5) as connection:
        if not connection.recv(4).startswith(b"SSH-"):
            raise ConnectionError("the guest has no ssh service yet")


def _count(reason: str) -> None:
    with open(FAILED_BOOTS, "a", encoding="utf-8") as record:
        record.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}: {reason.splitlines()[0]}\n")
