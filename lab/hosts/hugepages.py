# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's pool of 2 MiB hugepages, which all lab hosts share: saved, set, and put back.

There is one pool for the whole kernel, so the lab owns it and roles only check "at least".
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from ..commands import LabError
from ..progress import Progress

_COUNT = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
_FREE = _COUNT.with_name("free_hugepages")
_SURPLUS = _COUNT.with_name("surplus_hugepages")
_COMPACT = Path("/proc/sys/vm/compact_memory")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class HugepagePool:
    """`saved` keeps the count found before the lab. It is written first, so a kill in between loses nothing."""

    def __init__(self, saved: Path) -> None:
        self._saved = saved

    def count(self) -> int:
        return int(_COUNT.read_text())

    def free(self) -> int:
        return int(_FREE.read_text())

    def reserve(self, pages: int, progress: Progress) -> None:
        """At least `pages` pages. LabError, with the old count back in force, when the memory is not there."""
        if not _COUNT.exists():
            raise LabError("this kernel has no 2 MiB hugepages; OVS with DPDK cannot run here")
        found = self.count()
        if found >= pages:
            return
        if self._remembered() is None:
            self._remember(found)
        # The write succeeds even if no page can be had: only reading back tells. Compaction helps fragmented memory.
        _COUNT.write_text(str(pages))
        if self.count() < pages:
            _COMPACT.write_text("1")
            _COUNT.write_text(str(pages))
        got = self.count()
        if got < pages:
            _COUNT.write_text(str(found))
            raise LabError(
                f"asked for {pages} hugepages of 2 MiB, got {got}; free {2 * (pages - got)} MiB of memory, "
                "or restart the machine if its memory is fragmented"
            )
        progress.changed(f"hugepages of 2 MiB: {found} -> {pages}")

    def restore(self, progress: Progress) -> None:
        """The count found before the lab.

        Pages that a process outside the lab took meanwhile cannot be taken from it: the kernel counts them as surplus
        and gives them up when that process ends, so the count is in force all the same. Pages of just killed hosts
        take a moment.
        """
        before = self._remembered()
        if before is not None:
            found = self.count()
            _COUNT.write_text(str(before))
            deadline = time.monotonic() + 5
            while self.count() > before and time.monotonic() < deadline:
                time.sleep(0.1)
            if self.count() - int(_SURPLUS.read_text()) != before:
                raise LabError(f"hugepages: asked for {before}, {_COUNT} reads {self.count()}")
            if found != before:
                progress.changed(f"hugepages of 2 MiB: {found} -> {before}")
            if self.count() != before:
                progress.say(f"  {self.count() - before} more go when their users end: {', '.join(_users()) or 'unknown'}")
        self._saved.unlink(missing_ok=True)

    def _remembered(self) -> int | None:
        """The saved count, unless the machine has been booted since: then nothing is left to put back."""
        try:
            saved = json.loads(self._saved.read_text())
        except FileNotFoundError:
            return None
        return int(saved["pages"]) if saved["boot_id"] == _BOOT_ID.read_text().strip() else None

    def _remember(self, pages: int) -> None:
        temporary = self._saved.with_suffix(".new")
        temporary.write_text(json.dumps({"pages": pages, "boot_id": _BOOT_ID.read_text().strip()}))
        os.replace(temporary, self._saved)


def _users() -> list[str]:
    """Processes that have hugepages mapped, as "name (pid)"."""
    users = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue  # it ended while we looked
        if int(fields.get("HugetlbPages", "0").split()[0]) > 0:
            users.append(f"{fields['Name'].strip()} ({status.parent.name})")
    return users
