# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make guest-down`: nothing of the guest stays on the machine but QEMU, the image and the keys in the cache."""

from __future__ import annotations

import shutil

from ..progress import Progress
from ..ssh import close_shared_connections
from . import machine
from .access import CONTROL_SOCKETS
from .cache import GuestCache
from .definition import NAME, RUNTIME


def down(cache: GuestCache) -> None:
    progress = Progress()
    close_shared_connections(CONTROL_SOCKETS)
    if machine.kill():
        progress.changed(f"{NAME}: powered off")
    if cache.overlay.remove():
        progress.changed(f"{NAME}: its disk is removed")
    if RUNTIME.exists():
        shutil.rmtree(RUNTIME)
    done = "there was nothing" if progress.changes == 0 else f"{progress.changes} changes"
    progress.say(f"guest is down ({done}); QEMU, image and keys stay in {cache.directory}")
