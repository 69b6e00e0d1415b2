# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything of the guest lies below its directory of the cache."""

from __future__ import annotations

from pathlib import Path

from .access import Access
from .image import Images
from .overlay import Overlay
from .qemu import Qemu


class GuestCache:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.qemu = Qemu(directory / "qemu")
        self.access = Access(directory / "access")
        self.images = Images(directory / "image", self.access)
        self.overlay = Overlay(directory / "overlay.qcow2")
