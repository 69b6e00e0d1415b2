# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guest has written to its disk. Removed with the guest, kept through a power cut."""

from __future__ import annotations

import os
from pathlib import Path

from ..commands import run
from ..small_file import write_small_file
from .image import Image
from .qemu import Qemu


class Overlay:
    """What a guest has written, in the file `file`; beside it stands on which image."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._base = file.with_suffix(".base")

    def fits(self, image: Image) -> bool:
        """Whether it was made on exactly this image: on another one, even of the same name, it is garbage."""
        return self.file.exists() and self._base.exists() and self._base.read_text() == _base(image)

    def make(self, qemu: Qemu, image: Image) -> None:
        self.remove()
        write_small_file(self._base, _base(image))
        arguments = ["create", "-q", "-f", "qcow2", "-b", str(image.file), "-F", "qcow2"]
        partial = self.file.with_suffix(".partial")
        run([str(qemu.image), *arguments, str(partial)], environment=qemu.environment)
        os.replace(partial, self.file)

    def remove(self) -> bool:
        """False when there was none."""
        found = self.file.exists()
        for file in (self.file, self._base, self.file.with_suffix(".partial")):
            file.unlink(missing_ok=True)
        return found


def _base(image: Image) -> str:
    return f"{image.content}  {image.file}\n"
