# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab's guest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from ..command_line import carry_out
from ..packages import MIRROR
from .cache import GuestCache
from .down import down
from .power import power_off, power_on
from .prepare import image
from .status import status
from .up import up


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.guest", description="A virtual machine with bare-metal hardware.")
    parser.add_argument("action", choices=("image", "up", "status", "down", "power-off", "power-on"))
    parser.add_argument("--cache", type=Path, required=True, help="directory for QEMU, image, keys and the guest's disk")
    parser.add_argument("--mirror", default=MIRROR, help="Debian mirror (default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="with up: begin with an empty disk, even if a guest runs")
    options = parser.parse_args()
    directory = options.cache.expanduser().resolve() / "guest"
    cache = GuestCache(directory)
    others: dict[str, Callable[[], None]] = {
        "image": lambda: image(cache, options.mirror),
        "up": lambda: up(cache, options.mirror, options.fresh),
        "down": lambda: down(cache),
        "power-off": power_off,
        "power-on": lambda: power_on(cache),
    }
    return carry_out(options.action, lambda: status(cache), others, directory / "lock", "makes a disk with Debian on it")


if __name__ == "__main__":
    sys.exit(main())
