# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How people, Ansible and the lab itself log in: as the operator, with the lab's key, to a host whose key is known."""

from __future__ import annotations

import shlex
from pathlib import Path

from .commands import run
from .progress import Progress
from .small_file import write_small_file

# The user with sudo on every host of the lab. Root has no login.
OPERATOR = "operator"


def client_options(user_key: Path, known_hosts: Path, connect_seconds: int, silent_seconds: int) -> str:
    """The lines of an ssh configuration that hold for every host. A host may be silent that long, before or after the login."""
    return (
        f"  User {OPERATOR}\n"
        f"  IdentityFile {user_key}\n"
        "  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {known_hosts}\n"
        "  StrictHostKeyChecking yes\n"
        "  PreferredAuthentications publickey\n"
        # A host that was killed must not hold a session for ever.
        f"  ConnectTimeout {connect_seconds}\n"
        "  ServerAliveInterval 5\n"
        f"  ServerAliveCountMax {silent_seconds // 5}\n"
    )


def configure(configuration: Path, sockets: Path, text: str, progress: Progress) -> None:
    """Write what people and Ansible log in with, and make the directory of Ansible's shared connections."""
    sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
    if write_small_file(configuration, text):
        progress.changed(f"ssh configuration: {configuration}")


def ssh(configuration: Path, host: str, *command: str, timeout: float) -> str:
    """Run a command on a host as the operator; its output. LabError when it fails or does not end in time."""
    return run(["ssh", "-F", str(configuration), "-o", "BatchMode=yes", host, shlex.join(command)], timeout=timeout).stdout


def close_shared_connections(sockets: Path) -> None:
    """End Ansible's lingering ssh processes: their hosts are gone or about to go."""
    for socket in sockets.glob("*"):
        run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "lab"], check=False, timeout=10)
        socket.unlink(missing_ok=True)
