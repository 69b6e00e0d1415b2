# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""podman with a store and a configuration of the lab's own: other containers of the machine are never touched."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..commands import LabError, run
from .definition import RUNTIME

# cgroupfs and file: the defaults want systemd as the machine's PID 1. ulimits: a machine may refuse to raise them.
_ENGINE = """\
[containers]
default_ulimits = ["nofile=1024:20000", "nproc=8192:8192"]
log_driver = "k8s-file"

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
tmp_dir = "{runtime}/libpod"
volume_path = "{directory}/volumes"

[engine.runtimes]
runc = ["{directory}/runc"]

[network]
network_config_dir = "{directory}/networks"
"""
_STORAGE = """\
[storage]
driver = "overlay"
runroot = "{runtime}/containers"
graphroot = "{directory}/store"
"""


# podman cannot tell its monitor where runc shall keep its state; this can, and so the state goes when RUNTIME goes.
_RUNC = """\
#!/bin/sh
exec runc --root={runtime}/runc "$@"
"""


class Podman:
    """The podman command, bound to `directory` (in the cache) for images and to RUNTIME for what a boot ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._environment = {
            "CONTAINERS_CONF": str(directory / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(directory / "storage.conf"),
        }

    def configure(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        for name, text, mode in (
            ("containers.conf", _ENGINE, 0o644),
            ("storage.conf", _STORAGE, 0o644),
            ("runc", _RUNC, 0o755),
        ):
            wanted = text.format(directory=self.directory, runtime=RUNTIME)
            file = self.directory / name
            if not file.exists() or file.read_text() != wanted:
                file.write_text(wanted)
            file.chmod(mode)

    def run(
        self, arguments: Sequence[str], *, timeout: float = 60, stdin: bytes | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return run(["podman", *arguments], timeout=timeout, stdin=stdin, environment=self._environment, check=check)

    def containers(self) -> dict[str, dict[str, Any]]:
        """Every container of the lab by name, as podman reports it (keys State, Pid, Labels, ...)."""
        listed = json.loads(self.run(["ps", "--all", "--format=json"]).stdout or "[]")
        return {container["Names"][0]: container for container in listed}

    def remove(self, containers: Iterable[str], check: bool = True) -> None:
        """Remove containers, running or not. Nothing in them is worth a slow shutdown."""
        names = list(containers)
        if not names:
            return
        argv = ["rm", "--force", "--time=0", *names]
        # With its monitor killed, podman learns only by failing that a host has ended; it can remove it the next time.
        if self.run(argv, timeout=120, check=False).returncode != 0:
            self.run(argv, timeout=120, check=check)

    def has_image(self, name: str) -> bool:
        return self.run(["image", "exists", name], check=False).returncode == 0

    def remove_images_except(self, repositories: Sequence[str], keep: Sequence[str]) -> None:
        """Drop images of earlier definitions; one that a container still uses stays for now."""
        listed: list[str] = self.run(["images", "--format={{.Repository}}:{{.Tag}}"]).stdout.split()
        for image in listed:
            if image.rsplit(":", 1)[0] in repositories and image not in keep:
                self.run(["rmi", image], timeout=120, check=False)


def require_version(podman: Podman) -> None:
    """LabError when podman cannot run at all (for example a broken store)."""
    answer = podman.run(["version", "--format={{.Client.Version}}"], check=False)
    if answer.returncode != 0:
        raise LabError(f"podman does not work on this machine: {answer.stderr.strip()}")
