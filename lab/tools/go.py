# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Go toolchain of the machine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ..commands import LabError, run

# Where Go's own releases are unpacked to, if they are not on the search path.
USUAL = "/usr/local/go/bin/go"


@dataclass(frozen=True)
class Go:
    """`home`: directory for what Go downloads and compiles. Nothing is left in the user's own Go directories, nor taken from there."""

    program: str
    home: Path

    @classmethod
    def find(cls, home: Path) -> Go:
        found = shutil.which("go") or shutil.which(USUAL)
        if found is None:
            raise LabError(
                "no Go toolchain: the lab compiles upstream's programs. Install Go 1.21 or later; it fetches the version that a module asks for"
            )
        return cls(found, home)

    @property
    def environment(self) -> dict[str, str]:
        """One set of flags for everything, since flags are part of the key of Go's own cache."""
        return {
            "GOMODCACHE": str(self.home / "modules"),
            "GOCACHE": str(self.home / "compiled"),
            "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
            "GOWORK": "off",
            "CGO_ENABLED": "0",
        }

    def version(self, module: Path) -> str:
        """Of the toolchain that builds this module."""
        return run([self.program, "env", "-C", str(module), "GOVERSION"], environment=self.environment, timeout=600).stdout.strip()
