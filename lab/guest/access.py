# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may log in, and how: a user key, the guest's host key, and the ssh configuration for people and Ansible.

Keys stay in the cache and are part of the image, so a guest made anew keeps its identity. The configuration lies in RUNTIME, a path that
an inventory can name; it is there while the guest is up: `ssh -F /run/baremetal-vmsite-guest/ssh_config guest1`.
"""

from __future__ import annotations

from pathlib import Path

from .. import ssh as lab_ssh
from ..keys import known_host, make_key
from ..progress import Progress
from ..small_file import write_small_file
from ..ssh import OPERATOR, client_options
from .definition import CONNECT_SECONDS, MANAGEMENT_ADDRESS, NAME, RUNTIME, SILENT_SECONDS, SSH_ADDRESS, SSH_PORT

SSH_CONFIG = RUNTIME / "ssh_config"
# Ansible puts the sockets of its shared connections here (ansible_control_path_dir in the guest's inventory).
CONTROL_SOCKETS = RUNTIME / "ssh"


class Access:
    """Keys below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.user_key = directory / "id_ed25519"
        self.host_key = directory / f"{NAME}_ed25519"
        self.known_hosts = directory / "known_hosts"

    def make_keys(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_key(self.user_key, f"{OPERATOR} of the lab")
        make_key(self.host_key, NAME)
        write_small_file(self.known_hosts, known_host(NAME, self.host_key))

    def configure_ssh(self, progress: Progress) -> None:
        lab_ssh.configure(SSH_CONFIG, CONTROL_SOCKETS, self._configuration(), progress)

    def _configuration(self) -> str:
        return (
            "# Written by 'make guest-up', removed by 'make guest-down'.\n"
            f"Host {NAME} {MANAGEMENT_ADDRESS}\n"
            f"  HostName {SSH_ADDRESS}\n"
            f"  Port {SSH_PORT}\n"
            f"  HostKeyAlias {NAME}\n"
        ) + client_options(self.user_key, self.known_hosts, CONNECT_SECONDS, SILENT_SECONDS)


def ssh(*command: str, timeout: float) -> str:
    """Run a command in the guest as the operator; its output. LabError when it fails or does not end in time."""
    return lab_ssh.ssh(SSH_CONFIG, NAME, *command, timeout=timeout)
