# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian root file system as a tar, made from packages by mmdebstrap. Debian's package manager checks the signatures."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .commands import LabError
from .contained import run_contained
from .progress import Progress

# Nobody reads manuals in the lab; a third of the size.
LEFT_OUT = ("/usr/share/man/*", "/usr/share/info/*", "/usr/share/doc/*", "/usr/share/locale/*")


def package_names(file: Path) -> list[str]:
    """The packages that a packages.txt lists, one a line."""
    return [line for line in file.read_text().split("\n") if line and not line.startswith("#")]


def make_root_file_system(tar: Path, suite: str, packages: list[str], mirror: str, progress: Progress) -> None:
    """Write `tar`, in one step: a killed build leaves a partial file, which the next one throws away."""
    partial = tar.with_suffix(".partial.tar")
    partial.unlink(missing_ok=True)
    argv = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}"]
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    argv += [suite, str(partial)]
    argv += [
        f"deb {mirror} {suite} main",
        f"deb {mirror} {suite}-updates main",
        f"deb {mirror}-security {suite}-security main",
    ]
    # A killed build leaves its half-made tree here, where the next one finds and removes it.
    work = tar.parent / "building"
    if work.exists():
        shutil.rmtree(work)
    work.mkdir(parents=True)
    log = partial.with_suffix(".log")

    def tell(line: str) -> None:
        if line.startswith("I: "):
            progress.say("  " + line[3:].strip())

    rc = run_contained(argv, log, {"TMPDIR": str(work)}, tell)
    if rc != 0:
        raise LabError(f"mmdebstrap failed with rc {rc}; its output is in {log}. Is {mirror} reachable from this machine?")
    log.unlink()
    shutil.rmtree(work)
    os.replace(partial, tar)
