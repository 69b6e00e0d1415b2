# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab's hosts: up, status, down."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from ..command_line import carry_out
from ..packages import MIRROR
from .down import down
from .status import status
from .up import up


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.hosts", description="Lab hosts on this machine.")
    parser.add_argument("action", choices=("up", "status", "down"))
    parser.add_argument("--cache", type=Path, required=True, help="directory for images, keys and files of the test VM")
    parser.add_argument("--mirror", default=MIRROR, help="Debian mirror for the hosts' packages (default: %(default)s)")
    options = parser.parse_args()
    cache = options.cache.expanduser().resolve() / "lab"
    others: dict[str, Callable[[], None]] = {"up": lambda: up(cache, options.mirror), "down": lambda: down(cache)}
    return carry_out(options.action, lambda: status(cache), others, cache / "lock", "makes containers, bridges and a hugepage pool")


if __name__ == "__main__":
    sys.exit(main())
