# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is built is named by the checksum of its definition: a changed one is built, an unchanged one never again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

# The definitions of all images, one directory each.
IMAGES = Path(__file__).resolve().parent / "images"


def checksum(files: Iterable[Path], *parameters: str, below: Path = IMAGES) -> str:
    """16 digits over the names, contents and executable bits of `files` (below that directory), and whatever else decides the result."""
    digest = hashlib.sha256()
    for parameter in parameters:
        digest.update(parameter.encode() + b"\0")
    for file in files:
        digest.update(f"{file.relative_to(below)} {file.stat().st_mode & 0o111}".encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def files_below(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())
