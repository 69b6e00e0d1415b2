# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages of the machine: what is missing is installed, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .commands import LabError, run
from .progress import Progress

# Where packages of hosts and guest come from, unless the command line names another mirror.
MIRROR = "http://deb.debian.org/debian"

_APT = {"DEBIAN_FRONTEND": "noninteractive"}


def install_packages(packages: Sequence[str], progress: Progress) -> None:
    """Install what is missing of `packages`; the package index is fetched only when apt does not know one of them."""
    missing = missing_packages(packages)
    if not missing:
        return
    if not Path("/usr/bin/apt-get").exists():
        raise LabError(f"this machine lacks {', '.join(missing)} and has no apt-get; install them by hand")
    refresh_index(missing, progress)
    progress.changed(f"installing {' '.join(missing)}")
    # Waits for another apt on the machine instead of failing on its lock.
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "--option=DPkg::Lock::Timeout=300"]
    run([*install, *missing], timeout=1500, environment=_APT)


def missing_packages(packages: Sequence[str]) -> list[str]:
    found = run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *packages], check=False).stdout
    installed = {line.split()[0] for line in found.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def refresh_index(packages: Sequence[str], progress: Progress) -> None:
    """Run apt-get update when a package has no candidate. Its rc is no proof, so the candidates are read again."""
    if not _without_candidate(packages):
        return
    progress.say("fetching the package index")
    run(["apt-get", "update", "--quiet"], timeout=600, environment=_APT, check=False)
    unknown = _without_candidate(packages)
    if unknown:
        raise LabError(f"apt knows no package {', '.join(unknown)}; check the machine's apt sources and 'apt-get update'")


def _without_candidate(packages: Sequence[str]) -> list[str]:
    """The packages that apt could not install now; `apt-cache policy` prints "name:" and "  Candidate: version"."""
    known = set()
    name = ""
    for line in run(["apt-cache", "policy", *packages], check=False).stdout.splitlines():
        if not line.startswith(" "):
            name = line.rstrip(":")
        elif line.strip().startswith("Candidate:") and "(none)" not in line:
            known.add(name)
    return [package for package in packages if package not in known]
