# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab host: a podman container whose first process is systemd, reached by ssh like a machine in a rack."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
import time
import uuid
from pathlib import Path
from typing import Any

from ..commands import LabError
from ..progress import Progress
from ..ssh import OPERATOR
from . import cgroups, network
from .access import Access, ssh
from .definition import CGROUP, HOSTS, Host
from .podman import Podman

_LABEL = "vmsite.definition"
_ATTEMPT_SECONDS = 60
_STATE = "systemctl is-system-running --wait || systemctl list-units --failed --plain --no-legend | cut -d' ' -f1"


class LabHosts:
    """Makes, starts and repairs hosts from one image."""

    def __init__(self, podman: Podman, access: Access, image: str, test_vm: Path) -> None:
        self._podman = podman
        self._access = access
        self._image = image
        self._test_vm = test_vm

    def bring_up(self, host: Host, found: dict[str, Any] | None, progress: Progress) -> None:
        """From whatever `found` is (podman's record of the container, None without one) to a host that answers."""
        definition = self._definition(host)
        if found is not None and self._must_be_made_anew(host, found, definition, progress):
            self._podman.remove([host.container])
            found = None
        if found is None:
            self._make(host, definition)
            progress.changed(f"{host.name}: made from {self._image.rsplit('/', 1)[1]}")
        if found is None or not is_running(found):
            self._podman.run(["start", host.container], timeout=_ATTEMPT_SECONDS)
            progress.changed(f"{host.name}: started")
            found = self._podman.containers()[host.container]
        if host.is_prober:
            cgroups.give_real_time(host.name, int(found["Pid"]), progress)
        network.plug_in(host, int(found["Pid"]), progress)
        wait_until_it_answers(host, progress)

    def _must_be_made_anew(self, host: Host, found: dict[str, Any], definition: str, progress: Progress) -> bool:
        if (found.get("Labels") or {}).get(_LABEL) != definition:
            progress.say(f"{host.name}: its definition or image changed, making it anew")
            return True
        # Anything else is half a host: not started yet, perhaps without its keys, or believed to run by podman alone.
        return not is_running(found) and found["State"] not in ("exited", "stopped")

    def _make(self, host: Host, definition: str) -> None:
        create = ["create", f"--label={_LABEL}={definition}", *self._arguments(host), self._image]
        self._podman.run(create, timeout=_ATTEMPT_SECONDS)
        self._podman.run(["cp", "-", f"{host.container}:/"], stdin=self._identity(host), timeout=_ATTEMPT_SECONDS)

    def _arguments(self, host: Host) -> list[str]:
        arguments = [
            f"--name={host.container}",
            f"--hostname={host.name}",
            # network.py does the cabling.
            "--network=none",
            # podman's own /etc/hosts would be a mount, which no role could replace in one step.
            "--no-hosts",
            # Units with PrivateTmp, ProtectSystem or DynamicUser need the right to mount.
            "--privileged",
            "--cgroupns=private",
            f"--cgroup-parent=/{CGROUP}",
            "--pids-limit=-1",
            # podman's own way to run systemd mounts, on cgroup version 1, the machine's whole systemd hierarchy over
            # the host's, and hosts then share their slices. So: its mounts by hand, and the variables systemd reads.
            "--systemd=false",
            "--env=container=podman",
            f"--env=container_uuid={_machine_id(host)}",
            "--tmpfs=/run:rw,nosuid,nodev,mode=755",
            "--tmpfs=/run/lock:rw,nosuid,nodev,noexec,mode=1777",
            "--tmpfs=/tmp:rw,nosuid,nodev,exec,mode=1777",
            "--stop-signal=SIGRTMIN+3",
            "--stop-timeout=5",
        ]
        if host.has_test_vm_files:
            arguments.append(f"--volume={self._test_vm}:/srv/guest:ro")
        return arguments

    def _definition(self, host: Host) -> str:
        digest = hashlib.sha256("\0".join([self._image, *self._arguments(host)]).encode())
        digest.update(self._identity(host))
        return digest.hexdigest()[:16]

    def _identity(self, host: Host) -> bytes:
        """A tar of the files that make this host itself: ssh host key, who may log in, whom it knows."""
        known = "".join(f"{other.management_ip} {other.name}\n" for other in HOSTS)
        key = self._access.host_key(host)
        public = key.with_name(key.name + ".pub").read_bytes()
        user_key = self._access.user_key
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            _add_file(tar, "etc/hosts", ("127.0.0.1 localhost\n::1 localhost\n" + known).encode(), 0o644)
            _add_file(tar, "etc/ssh/ssh_host_ed25519_key", key.read_bytes(), 0o600)
            _add_file(tar, "etc/ssh/ssh_host_ed25519_key.pub", public, 0o644)
            authorized = user_key.with_name(user_key.name + ".pub").read_bytes()
            _add_file(tar, f"etc/ssh/authorized_keys/{OPERATOR}", authorized, 0o644)
        return buffer.getvalue()


def is_running(found: dict[str, Any]) -> bool:
    """Podman's word is not enough: with its monitor killed or the machine restarted, it does not know of the end."""
    return bool(found["State"] == "running" and found["Pid"] in cgroups.processes())


def wait_until_it_answers(host: Host, progress: Progress) -> None:
    """Until the operator can log in and systemd has finished starting; names the units that failed."""
    deadline = time.monotonic() + _ATTEMPT_SECONDS
    while True:
        try:
            # Cheaper than ssh, and ends the moment the service listens.
            socket.create_connection((host.management_ip, 22), timeout=1).close()
            state = ssh(host, "sh", "-c", _STATE, timeout=_ATTEMPT_SECONDS)
            break
        except (OSError, LabError) as error:  # not listening yet, or still "System is booting up"
            if time.monotonic() > deadline:
                raise LabError(f"{host.name}: no login on {host.management_ip} within {_ATTEMPT_SECONDS} s: {error}") from None
            time.sleep(0.1)
    if state.strip() != "running":
        progress.say(f"{host.name}: not every unit runs: {', '.join(state.split())}")


def _machine_id(host: Host) -> str:
    """Different for every host, the same whenever it is made anew. systemd takes it over at its first start."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{host.name}.lab.vmsite.internal"))


def _add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.mode, member.size = mode, len(content)
    tar.addfile(member, io.BytesIO(content))
