# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress lines with elapsed seconds, and the count of changes that tells a quiet second run from a first one."""

from __future__ import annotations

import sys
import time


class Progress:
    """Prints one line per event. `changes` counts what was really changed."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.changes = 0

    def say(self, text: str) -> None:
        # One write per line: several hosts report at once.
        sys.stdout.write(f"[{time.monotonic() - self.started:6.1f} s] {text}\n")
        sys.stdout.flush()

    def changed(self, text: str) -> None:
        self.changes += 1
        self.say(text)
