# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every part of the lab asks of the machine first: root, and that no second up or down works beside it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .commands import LabError


def require_root(why: str) -> None:
    """LabError without root; `why` completes "the lab ...": what it makes that needs root."""
    if os.geteuid() != 0:
        raise LabError(f"the lab {why} and needs root; run it as root or with sudo")


@contextmanager
def only_one_at_a_time(lock_file: Path) -> Iterator[None]:
    """Hold the lab's lock; a second up or down waits for the first."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with open(lock_file, "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
