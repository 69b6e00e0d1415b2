# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small file, written in one step: a reader, or a kill in between, finds the old text or the new one, never half of it."""

from __future__ import annotations

import os
from pathlib import Path


def write_small_file(file: Path, text: str) -> bool:
    """False when it already says so."""
    if file.exists() and file.read_text() == text:
        return False
    temporary = file.with_name(file.name + ".new")
    temporary.write_text(text)
    os.replace(temporary, file)
    return True
