# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Where the measurements of a host lie and what state each is in."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import time
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe import process, samples
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.channel import Endpoint
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.process import Identity, Pace

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

DIRECTORY = "/var/lib/vmsite/probes"
VALID_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_SPARE_SECONDS = 5.0
_SETTLED_WITHIN_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class Settings:
    """What was asked for when a measurement was started."""

    endpoint: Endpoint
    pace: Pace

    def as_dict(self) -> dict[str, t.Any]:
        return {**dataclasses.asdict(self.endpoint), **dataclasses.asdict(self.pace)}


class Session:
    """One measurement by its id: C(session.json) says who does what, C(samples) is the record."""

    def __init__(self, root: HostRoot, identifier: str) -> None:
        self._root = root
        self.identifier = identifier
        self.directory = f"{DIRECTORY}/{identifier}"
        self.record = f"{self.directory}/samples"
        self._description = f"{self.directory}/session.json"

    def state(self) -> str:
        """V(running), V(ended) or V(absent).

        A prober whose starter was killed half-way holds the record for a moment longer, and one that is being started has not written yet: both are
        waited for.
        """
        deadline = time.monotonic() + _SETTLED_WITHIN_SECONDS
        while process.is_locked(self._root.real(self.record)):
            if self._at_work() or time.monotonic() >= deadline:
                return "running"
            time.sleep(0.02)
        return "ended" if self._root.is_dir(self.directory) else "absent"

    def _at_work(self) -> bool:
        status = self._root.stat(self.record)
        return bool(status and status.st_size) and self._root.exists(self._description)

    def settings(self) -> dict[str, t.Any]:
        return dict(self._read().get("settings", {}))

    def prober(self) -> Identity | None:
        found = self._read().get("prober")
        return Identity(**found) if found else None

    def recording(self) -> samples.Recording:
        """The record so far. Raises Failure if it holds nothing that can be read."""
        try:
            with open(self._root.real(self.record), "rb") as file:
                return samples.read(file.read())
        except (OSError, ValueError, samples.NoRecording) as error:
            raise Failure(
                asked=f"the measurement {self.identifier}",
                found=str(error) or "an empty record: the run that started it was killed before the first request",
                where=self.record,
                remedy="measure again",
            ) from error

    def begin(self) -> int:
        """Open an empty record for a new measurement, and lock it."""
        self._root.make_dir(self.directory, mode=0o700)
        self._root.remove(self._description)  # it describes the measurement before this one
        self._root.boundary(f"empty {self.record}")
        try:
            return process.open_record(self._root.real(self.record))
        except BlockingIOError as error:
            raise Failure(
                asked=f"start probe {self.identifier}",
                found="another run has just started it",
                where=self.record,
                remedy="give each measurement an id of its own",
            ) from error

    def describe(self, settings: Settings, prober: Identity) -> None:
        content = {"id": self.identifier, "prober": dataclasses.asdict(prober), "settings": settings.as_dict()}
        self._root.write_file(self._description, json.dumps(content, indent=2, sort_keys=True) + "\n", mode=0o600)

    def end(self) -> None:
        """Ask the prober to end, wait until its record is whole, and insist if it does not end."""
        self._root.boundary(f"end the prober of {self.identifier}")
        path = self._root.real(self.record)
        linger = self.settings().get("linger_ms", 0) / 1000
        for number in (signal.SIGTERM, signal.SIGKILL):
            prober = self.prober()
            if prober:
                prober.signal(number)
            if process.wait_until_unlocked(path, linger + _SPARE_SECONDS):
                return
        raise Failure(
            asked=f"end probe {self.identifier}",
            found="its processes still hold the record after SIGKILL",
            where=self.record,
            remedy="find who holds it (fuser), probably a process that waits for a disk",
        )

    def remove(self) -> None:
        for name in self._root.names(self.directory):
            self._root.remove(f"{self.directory}/{name}")
        self._root.boundary(f"remove directory {self.directory}")
        os.rmdir(self._root.real(self.directory))

    def _read(self) -> dict[str, t.Any]:
        text = self._root.read_optional(self._description)
        return dict(json.loads(text)) if text else {}
