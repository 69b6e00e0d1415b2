# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine must have before a lab can run on it: root and a few packages."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .commands import LabError, run
from .definition import MACHINE_PACKAGES
from .progress import Progress

_APT = {"DEBIAN_FRONTEND": "noninteractive"}


def require_root() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab makes containers, bridges and a hugepage pool and needs root; run it as root or with sudo")


@contextmanager
def only_one_at_a_time(lock_file: Path) -> Iterator[None]:
    """Hold the lab's lock; a second up or down waits for the first."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with open(lock_file, "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def install_packages(progress: Progress) -> None:
    """Install missing MACHINE_PACKAGES; the package index is fetched only when apt does not know one of them."""
    missing = missing_packages()
    if not missing:
        return
    if not Path("/usr/bin/apt-get").exists():
        raise LabError(f"this machine lacks {', '.join(missing)} and has no apt-get; install them by hand")
    refresh_index(missing, progress)
    progress.changed(f"installing {' '.join(missing)}")
    # Waits for another apt on the machine instead of failing on its lock.
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "--option=DPkg::Lock::Timeout=300"]
    run([*install, *missing], timeout=1500, environment=_APT)


def missing_packages() -> list[str]:
    found = run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *MACHINE_PACKAGES], check=False).stdout
    installed = {line.split()[0] for line in found.splitlines() if line.endswith(" installed")}
    return [package for package in MACHINE_PACKAGES if package not in installed]


def refresh_index(packages: list[str], progress: Progress) -> None:
    """Run apt-get update when a package has no candidate. Its rc is no proof, so the candidates are read again."""
    if not _without_candidate(packages):
        return
    progress.say("fetching the package index")
    run(["apt-get", "update", "--quiet"], timeout=600, environment=_APT, check=False)
    unknown = _without_candidate(packages)
    if unknown:
        raise LabError(f"apt knows no package {', '.join(unknown)}; check the machine's apt sources and 'apt-get update'")


def _without_candidate(packages: list[str]) -> list[str]:
    """The packages that apt could not install now; `apt-cache policy` prints "name:" and "  Candidate: version"."""
    known = set()
    name = ""
    for line in run(["apt-cache", "policy", *packages], check=False).stdout.splitlines():
        if not line.startswith(" "):
            name = line.rstrip(":")
        elif line.strip().startswith("Candidate:") and "(none)" not in line:
            known.add(name)
    return [package for package in packages if package not in known]
