# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU 10 for a machine that has an older one or none: unpacked below the cache, nothing is installed.

apt resolves and verifies it with a configuration of its own, so the machine's sources and package state stay as they are. It fetches
QEMU and those of its libraries that the machine lacks.
"""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..commands import LabError, run
from ..progress import Progress
from .definition import QEMU_MACHINE_SUITE, QEMU_PACKAGES, QEMU_SUITE

_SOURCE = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirror} {suite} main\n"
_MULTIARCH = "x86_64-linux-gnu"


@dataclass(frozen=True)
class Qemu:
    """QEMU, unpacked below `directory`. Its programs need `environment`: else they load the modules and libraries of an installed one."""

    directory: Path

    @property
    def tree(self) -> Path:
        return self.directory / "tree"

    @property
    def system(self) -> Path:
        return self.tree / "usr/bin/qemu-system-x86_64"

    @property
    def image(self) -> Path:
        return self.tree / "usr/bin/qemu-img"

    @property
    def firmware(self) -> list[Path]:
        """Directories of the BIOS and QEMU's own option ROMs."""
        return [self.tree / "usr/share/qemu", self.tree / "usr/share/seabios"]

    @property
    def environment(self) -> dict[str, str]:
        libraries = (self.tree / "usr/lib" / _MULTIARCH, self.tree / "lib" / _MULTIARCH)
        return {"QEMU_MODULE_DIR": str(libraries[0] / "qemu"), "LD_LIBRARY_PATH": ":".join(map(str, libraries))}

    def version(self) -> str | None:
        """ "10.0.2" or the like; None when it does not run, for example because a library of the machine is gone."""
        if not self.system.exists():
            return None
        answer = run([str(self.system), "--version"], environment=self.environment, check=False)
        words = answer.stdout.split()
        return words[3] if answer.returncode == 0 and words[:3] == ["QEMU", "emulator", "version"] else None


def fetch_qemu(qemu: Qemu, mirror: str, progress: Progress) -> None:
    """Fetch it if it is not there or does not run."""
    if qemu.version() is not None:
        return
    _refuse_another_machine()
    progress.changed(f"QEMU in {qemu.directory} does not run any more: fetching it anew" if qemu.tree.exists() else "fetching QEMU")
    building = qemu.directory / "building"
    for left_over in (qemu.tree, building):
        if left_over.exists():
            shutil.rmtree(left_over)
    archives = _download(building, mirror)
    new = Qemu(building)
    for archive in archives:
        run(["dpkg-deb", "--extract", str(archive), str(new.tree)], timeout=120)
    version = new.version()
    if version is None:
        complaint = run([str(new.system), "--version"], environment=new.environment, check=False).stderr.strip()
        raise LabError(f"QEMU from {QEMU_SUITE} does not run on this machine: {complaint}")
    os.replace(new.tree, qemu.tree)
    shutil.rmtree(building)
    progress.say(f"  QEMU {version} from {QEMU_SUITE}, {len(archives)} packages unpacked")


def _refuse_another_machine() -> None:
    release = Path("/etc/os-release").read_text() if Path("/etc/os-release").exists() else ""
    codename = next((line.split("=", 1)[1].strip('"') for line in release.splitlines() if line.startswith("VERSION_CODENAME=")), "unknown")
    if codename != QEMU_MACHINE_SUITE or platform.machine() != "x86_64":
        raise LabError(
            f"the guest's QEMU is made of packages from {QEMU_SUITE}, which fit {QEMU_MACHINE_SUITE} on x86_64; "
            f"this machine is {codename} on {platform.machine()}. Run the guest on Debian 12 (a container with it is enough)"
        )


def _download(building: Path, mirror: str) -> list[Path]:
    """The archives of QEMU and of what it needs and the machine lacks."""
    for directory in ("lists/partial", "archives/partial"):
        (building / directory).mkdir(parents=True)
    sources = building / "sources.list"
    sources.write_text("".join(_SOURCE.format(mirror=mirror, suite=suite) for suite in (QEMU_MACHINE_SUITE, QEMU_SUITE)))
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": building / "lists",
        "Dir::Cache::archives": building / "archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "root",
        # Nothing is installed, so another apt on the machine is no reason to wait.
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "--quiet", *(f"--option={name}={value}" for name, value in settings.items())]
    run([*apt, "update"], timeout=600)
    install = [*apt, "--download-only", "--yes", "--no-install-recommends", f"--target-release={QEMU_SUITE}", "install"]
    run([*install, *QEMU_PACKAGES], timeout=600)
    return sorted((building / "archives").glob("*.deb"))
