# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may log in, and how: a user key, a host key for every host, and the ssh configuration for people and Ansible.

Keys stay in the cache, so a host made anew keeps its identity. The configuration lies in RUNTIME, a path that an
inventory can name; it is there while the lab is up: `ssh -F /run/baremetal-vmsite/ssh_config compute1`.
"""

from __future__ import annotations

from pathlib import Path

from .. import ssh as lab_ssh
from ..keys import known_host, make_key
from ..progress import Progress
from ..small_file import write_small_file
from ..ssh import OPERATOR, client_options
from .definition import HOSTS, RUNTIME, Host

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
        make_key(self.user_key, f"{OPERATOR} of the lab")
        for host in HOSTS:
            make_key(self.host_key(host), host.name)
        write_small_file(self.known_hosts, "".join(known_host(f"{host.name},{host.management_ip}", self.host_key(host)) for host in HOSTS))
        lab_ssh.configure(SSH_CONFIG, CONTROL_SOCKETS, self._configuration(), progress)

    def _configuration(self) -> str:
        text = "# Written by 'make lab-up', removed by 'make lab-down'.\n"
        for host in HOSTS:
            text += f"Host {host.name} {host.management_ip}\n"
            text += f"  HostName {host.management_ip}\n  HostKeyAlias {host.name}\n\n"
        names = " ".join(f"{host.name} {host.management_ip}" for host in HOSTS)
        return text + f"Host {names}\n" + client_options(self.user_key, self.known_hosts, connect_seconds=10, silent_seconds=15)


def ssh(host: Host, *command: str, timeout: float) -> str:
    """Run a command on a host as the operator; its output. LabError when it fails or does not end in time."""
    return lab_ssh.ssh(SSH_CONFIG, host.name, *command, timeout=timeout)
