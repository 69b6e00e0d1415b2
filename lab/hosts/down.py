# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make lab-down`: nothing of the lab stays on the machine but the cached images, keys and files of the test VM."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..commands import run
from ..progress import Progress
from ..ssh import close_shared_connections
from . import cgroups, network
from .access import CONTROL_SOCKETS
from .definition import RUNTIME
from .hugepages import HugepagePool
from .podman import Podman


def down(cache: Path) -> None:
    progress = Progress()
    podman = Podman(cache / "podman")
    close_shared_connections(CONTROL_SOCKETS)
    has_podman = shutil.which("podman") is not None and podman.directory.is_dir()
    if has_podman:
        podman.configure()
        _remove_containers(podman, progress, last_attempt=False)
    cgroups.remove(progress)
    if has_podman:
        # What podman could not end itself, because it or its monitor was killed, has no processes any more.
        _remove_containers(podman, progress, last_attempt=True)
    network.remove(progress)
    _unmount(podman.directory, progress)
    _unmount(RUNTIME, progress)
    HugepagePool(RUNTIME / "hugepages.json").restore(progress)
    if RUNTIME.exists():
        shutil.rmtree(RUNTIME)
    done = "there was nothing" if progress.changes == 0 else f"{progress.changes} changes"
    progress.say(f"lab is down ({done}); images, keys and files of the test VM stay in {cache}")


def _remove_containers(podman: Podman, progress: Progress, last_attempt: bool) -> None:
    names = list(podman.containers())
    if names:
        progress.changed(f"removing {' '.join(sorted(names))}")
        podman.remove(names, check=last_attempt)


def _unmount(directory: Path, progress: Progress) -> None:
    """podman keeps its store mounted on itself, and a killed one leaves more; the deepest go first."""
    for mount in sorted(_mounts_below(directory), key=len, reverse=True):
        run(["umount", mount])
        progress.say(f"unmounted {mount}")


def _mounts_below(directory: Path) -> list[str]:
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        targets = [line.split()[1].encode().decode("unicode_escape") for line in mounts]
    return [target for target in targets if Path(target) == directory or directory in Path(target).parents]
