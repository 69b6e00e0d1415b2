# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may log in, and how: a user key, a host key for every host, and the ssh configuration for people and Ansible.

Keys stay in the cache, so a host made anew keeps its identity. The configuration lies in RUNTIME, a path that an
inventory can name; it is there while the lab is up: `ssh -F /run/baremetal-vmsite/ssh_config compute1`.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from .commands import run
from .definition import HOSTS, OPERATOR, RUNTIME, Host
from .progress import Progress

SSH_CONFIG = RUNTIME / "ssh_config"
# Ansible puts the sockets of its shared connections here (ansible_control_path_dir in the lab's inventory).
CONTROL_SOCKETS = RUNTIME / "ssh"


class Access:
    """Keys below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.user_key = directory / "id_ed25519"
        self.known_hosts = directory / "known_hosts"

    def host_key(self, host: Host) -> Path:
        return self.directory / f"{host.name}_ed25519"

    def prepare(self, progress: Progress) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_key(self.user_key, f"{OPERATOR} of the lab")
        for host in HOSTS:
            _make_key(self.host_key(host), host.name)
        _write(self.known_hosts, "".join(self._known_host(host) for host in HOSTS))
        CONTROL_SOCKETS.mkdir(parents=True, exist_ok=True, mode=0o700)
        if _write(SSH_CONFIG, self._configuration()):
            progress.changed(f"ssh configuration: {SSH_CONFIG}")

    def _known_host(self, host: Host) -> str:
        kind, key = _public(self.host_key(host)).split()[:2]
        return f"{host.name},{host.management_ip} {kind} {key}\n"

    def _configuration(self) -> str:
        text = "# Written by 'make lab-up', removed by 'make lab-down'.\n"
        for host in HOSTS:
            text += f"Host {host.name} {host.management_ip}\n"
            text += f"  HostName {host.management_ip}\n  HostKeyAlias {host.name}\n\n"
        return text + (
            f"Host {' '.join(f'{host.name} {host.management_ip}' for host in HOSTS)}\n"
            f"  User {OPERATOR}\n"
            f"  IdentityFile {self.user_key}\n"
            "  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.known_hosts}\n"
            "  StrictHostKeyChecking yes\n"
            "  PreferredAuthentications publickey\n"
            # A host that was killed must not hold a session for ever.
            "  ConnectTimeout 10\n"
            "  ServerAliveInterval 5\n"
            "  ServerAliveCountMax 3\n"
        )


def close_shared_connections() -> None:
    """End Ansible's lingering ssh processes: their hosts are gone or about to go."""
    for socket in CONTROL_SOCKETS.glob("*"):
        run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "lab"], check=False, timeout=10)
        socket.unlink(missing_ok=True)


def ssh(host: Host, *command: str, timeout: float) -> str:
    """Run a command on a host as the operator; its output. LabError when it fails or does not end in time."""
    return run(["ssh", "-F", str(SSH_CONFIG), "-o", "BatchMode=yes", host.name, shlex.join(command)], timeout=timeout).stdout


def _make_key(private: Path, comment: str) -> None:
    if private.exists():
        return
    # The private key is renamed last: when it exists, the pair is whole.
    temporary = private.with_suffix(".new")
    for left_over in (temporary, _public_path(temporary)):
        left_over.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(temporary)])
    os.replace(_public_path(temporary), _public_path(private))
    os.replace(temporary, private)


def _public_path(private: Path) -> Path:
    return private.with_name(private.name + ".pub")


def _public(private: Path) -> str:
    return _public_path(private).read_text()


def _write(file: Path, text: str) -> bool:
    """Write a small file in one step; False when it already says so."""
    if file.exists() and file.read_text() == text:
        return False
    temporary = file.with_name(file.name + ".new")
    temporary.write_text(text)
    os.replace(temporary, file)
    return True
