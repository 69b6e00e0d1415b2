# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make guest-up`: from whatever is there to a guest that answers. What is already in place is left alone."""

from __future__ import annotations

from ..progress import Progress
from . import machine
from .access import SSH_CONFIG
from .boot import bring_up
from .cache import GuestCache
from .definition import NAME, RUNTIME
from .prepare import prepare


def up(cache: GuestCache, mirror: str, fresh: bool) -> None:
    """With `fresh` the guest begins with an empty overlay, even if one runs."""
    progress = Progress()
    prepare(cache, mirror, progress)
    unwanted = "a fresh guest is wanted" if fresh else _why_disk_is_unfit(cache)
    _stop(cache, unwanted, progress)
    if machine.running() is None:
        image = cache.images.verified_or_built(cache.qemu, mirror, progress)
        if unwanted or not cache.overlay.fits(image):
            cache.overlay.make(cache.qemu, image)
            progress.changed(f"{NAME}: fresh disk" + (f", {unwanted}" if unwanted else ", the image was built anew"))
    RUNTIME.mkdir(mode=0o755, exist_ok=True)
    cache.access.configure_ssh(progress)
    failed = bring_up(cache.qemu, cache.overlay.file, progress)

    done = "nothing to change" if progress.changes == 0 else f"{progress.changes} changes"
    counted = f", {failed} boot did not come up and was repeated" if failed else ""
    progress.say(f"guest is up ({done}{counted}). Log in: ssh -F {SSH_CONFIG} {NAME}")


def _why_disk_is_unfit(cache: GuestCache) -> str:
    """Why the guest needs a fresh disk; empty if the one that is there will do."""
    if not cache.overlay.file.exists():
        return "there was none"
    image = cache.images.recorded()
    return "" if image is not None and cache.overlay.fits(image) else "its image is defined otherwise now"


def _stop(cache: GuestCache, unwanted: str, progress: Progress) -> None:
    """A running guest whose disk or hardware is not what it should be."""
    pid = machine.running()
    if pid is None:
        return
    reason = unwanted
    if not reason and machine.command_line(pid) != machine.arguments(cache.qemu, cache.overlay.file):
        reason = "its hardware is defined otherwise now"
    if reason:
        machine.kill()
        progress.changed(f"{NAME}: powered off, {reason}")
