# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build programs that are not there yet. A killed build leaves no program, and Go's own cache goes on where it was."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..checksum import checksum
from ..commands import LabError, run
from ..progress import Progress
from .definition import Program
from .go import Go

# Seconds. The largest program takes 4 minutes on two quiet cores with nothing compiled, 11 on busy ones.
BUILD_SECONDS = 3600


class Tools:
    """Programs in `directory`: <checksum>/<name> as they were built, and bin/<name>, a link to the one that is wanted now."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.programs = directory / "bin"

    def build(self, programs: Iterable[Program], progress: Progress) -> None:
        go = Go.find(self.directory / "go")
        self.programs.mkdir(parents=True, exist_ok=True)
        for program in programs:
            built = self.directory / _key(program, go) / program.name
            if not built.exists():
                self._build(program, built, go, progress)
            self._link(program.name, built)

    def _build(self, program: Program, built: Path, go: Go, progress: Progress) -> None:
        progress.say(f"building {program.name}: some minutes if nothing of it is compiled yet")
        built.parent.mkdir(parents=True, exist_ok=True)
        for left in built.parent.glob(f"{program.name}.*"):
            left.unlink()
        # A name of its own: a compiler whose parent was killed may still write to that of an earlier run.
        partial = built.with_suffix(f".{os.getpid()}")
        argv = [go.program, "build", "-C", str(program.module), "-ldflags", _linker(program), "-o", str(partial), program.package]
        done = run(argv, environment=go.environment, timeout=BUILD_SECONDS, check=False)
        if done.returncode != 0:
            said = "\n".join(done.stderr.strip().splitlines()[-12:])
            raise LabError(
                f"{program.name} could not be built from {program.module / 'go.mod'}:\n{said}\nIs the module proxy reachable (GOPROXY)?"
            )
        os.replace(partial, built)
        progress.changed(f"{program.name} is built: {built.stat().st_size / 1e6:.0f} MB")

    def _link(self, name: str, built: Path) -> None:
        link = self.programs / name
        if not link.is_symlink() or link.readlink() != built:
            new = link.with_suffix(".new")
            new.unlink(missing_ok=True)
            new.symlink_to(built)
            os.replace(new, link)


def _linker(program: Program) -> str:
    """Without symbols, which nobody debugs here: a third of the size."""
    return f"-s -w {program.stamp}".strip()


def _key(program: Program, go: Go) -> str:
    files = (program.module / "go.mod", program.module / "go.sum")
    decides = (program.name, program.package, _linker(program), go.target(program.module), go.flags)
    return checksum(files, *decides, below=program.module)
