# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab's guest."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..commands import LabError
from ..machine import only_one_at_a_time, require_root
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
    try:
        require_root("makes a disk with Debian on it")
        if options.action == "status":
            return 0 if status(cache) else 1
        with only_one_at_a_time(directory / "lock"):
            if options.action == "image":
                image(cache, options.mirror)
            elif options.action == "up":
                up(cache, options.mirror, options.fresh)
            elif options.action == "down":
                down(cache)
            elif options.action == "power-off":
                power_off()
            else:
                power_on(cache)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
