# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make guest-image`: what a guest starts from. Afterwards no network is needed."""

from __future__ import annotations

from ..packages import install_packages
from ..progress import Progress
from .cache import GuestCache
from .definition import MACHINE_PACKAGES
from .qemu import fetch_qemu


def prepare(cache: GuestCache, mirror: str, progress: Progress) -> None:
    """Programs of the machine, QEMU, keys."""
    install_packages(MACHINE_PACKAGES, progress)
    fetch_qemu(cache.qemu, mirror, progress)
    cache.access.make_keys()


def image(cache: GuestCache, mirror: str) -> None:
    progress = Progress()
    prepare(cache, mirror, progress)
    ready = cache.images.verified_or_built(cache.qemu, mirror, progress)
    progress.say(f"the guest's image is ready: {ready.file}")
