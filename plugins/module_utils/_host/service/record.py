# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What a killed run leaves for the next one, below /var/lib/vmsite/services.

The pending record is written before the first file is swapped and removed after the units are ready. While it is there, a unit is due for a
restart as long as systemd still gives it the activation (InvocationID) that it had before the swap. Clocks play no part in that.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

DIRECTORY = "/var/lib/vmsite/services"
KEPT, ABSENT = "kept", "absent"


@dataclasses.dataclass(frozen=True)
class Due:
    """A unit that ran with C(activation) when C(items) changed."""

    activation: str
    items: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Pending:
    """C(previous): path -> whether the old file was kept aside or there was none. C(waiting): everything is done but restarts that were not allowed."""

    previous: dict[str, str]
    due: dict[str, Due]
    waiting: bool


class Records:
    """The records of one service."""

    def __init__(self, root: HostRoot, name: str) -> None:
        self.root = root
        self._pending = f"{DIRECTORY}/{name}.pending"
        self._artifacts = f"{DIRECTORY}/{name}.artifacts"

    def pending(self) -> Pending | None:
        values = self._read(self._pending)
        if values is None:
            return None
        due = {name: Due(entry["activation"], tuple(entry["items"])) for name, entry in values.get("due", {}).items()}
        return Pending(values.get("previous", {}), due, bool(values.get("waiting")))

    def write_pending(self, pending: Pending) -> None:
        self._write(self._pending, dataclasses.asdict(pending))

    def remove_pending(self) -> None:
        if self.root.exists(self._pending):
            self.root.remove(self._pending)

    def artifacts(self) -> dict[str, dict[str, str]]:
        """Path of an installed member -> checksum of its archive, its name in it, its own checksum."""
        return self._read(self._artifacts) or {}

    def write_artifacts(self, artifacts: dict[str, dict[str, str]]) -> None:
        if artifacts != self.artifacts():
            self._write(self._artifacts, artifacts)

    def _read(self, path: str) -> dict[str, t.Any] | None:
        text = self.root.read_optional(path)
        if text is None:
            return None
        try:
            values = json.loads(text)
        except ValueError:  # not ours, or a disk's damage: as good as a record that says nothing
            return {}
        return values if isinstance(values, dict) else {}

    def _write(self, path: str, values: dict[str, t.Any]) -> None:
        if not self.root.is_dir(DIRECTORY):
            self.root.make_dir(DIRECTORY, 0o755)
        self.root.write_file(path, json.dumps(values, indent=1, sort_keys=True) + "\n", 0o600)
