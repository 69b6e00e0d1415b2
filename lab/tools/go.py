# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Go toolchain of the machine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..commands import LabError, run

# Where Go's own releases are unpacked to, if they are not on the search path.
USUAL = "/usr/local/go/bin/go"


@dataclass(frozen=True)
class Go:
    """`home`: directory for what Go downloads and compiles. Nothing is left in the user's own Go directories, nor taken from there."""

    program: str
    home: Path
    # One set for everything, since flags are part of the key of Go's own cache.
    flags: ClassVar[str] = "-mod=readonly -trimpath -buildvcs=false"

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
        return {
            "GOMODCACHE": str(self.home / "modules"),
            "GOCACHE": str(self.home / "compiled"),
            "GOFLAGS": self.flags,
            "GOWORK": "off",
            "CGO_ENABLED": "0",
        }

    def target(self, module: Path) -> str:
        """The version of the toolchain that builds this module, and what it builds for."""
        asked = ("GOVERSION", "GOOS", "GOARCH", "GOAMD64")
        return run([self.program, "env", "-C", str(module), *asked], environment=self.environment, timeout=600).stdout
