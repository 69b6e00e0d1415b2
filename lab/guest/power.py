# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut the guest's power, and power it on again with the disk as the cut left it."""

from __future__ import annotations

from ..commands import LabError
from ..progress import Progress
from . import machine
from .boot import bring_up
from .cache import GuestCache
from .definition import NAME


def power_off() -> None:
    """As when a plug is pulled: no unit stops, nothing is written any more."""
    progress = Progress()
    progress.say(f"{NAME}: powered off" if machine.kill() else f"{NAME} was powered off already")


def power_on(cache: GuestCache) -> None:
    """Start, and wait for a login. LabError when there is no disk to start from, or not on the image that is there."""
    progress = Progress()
    image = cache.images.recorded()
    if image is None or not cache.overlay.fits(image):
        raise LabError(f"{NAME} has no disk ({cache.overlay.file}) that fits its image; 'make guest-up' makes one")
    failed = bring_up(cache.qemu, cache.overlay.file, progress)
    progress.say(f"{NAME} is up" + (f"; {failed} boot did not come up and was repeated" if failed else ""))
