# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command lines of the lab's parts have in common: root, one at a time, and an error in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from .commands import LabError
from .machine import only_one_at_a_time, require_root


def carry_out(action: str, status: Callable[[], bool], others: Mapping[str, Callable[[], None]], lock: Path, needs_root: str) -> int:
    """The exit code. `status` only asks, so it waits for nobody; `needs_root` is what require_root says."""
    try:
        require_root(needs_root)
        if action == "status":
            return 0 if status() else 1
        with only_one_at_a_time(lock):
            others[action]()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0
