# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""One limit of time for all waits of a call."""

from __future__ import annotations

import time

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class Deadline:
    """Begins when it is made. C(seconds) is what the user allowed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._pause = FIRST_PAUSE

    def pause(self) -> bool:
        """Sleep a little, each time longer; False if the time is up."""
        left = self._end - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(self._pause, left))
        self._pause = min(self._pause * 1.5, LONGEST_PAUSE)
        return True

    def restart_pauses(self) -> None:
        """Another thing is awaited now: look soon."""
        self._pause = FIRST_PAUSE
