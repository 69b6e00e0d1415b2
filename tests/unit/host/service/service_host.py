# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host and the door as these tests use them."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.concern import SiteService
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import read_options
from ansible_collections.baremetal.vmsite.tests.fakes.debian_without_systemd import make_debian_host, read_state
from ansible_collections.baremetal.vmsite.tests.unit.host import as_the_door_does

CONFIGURATION = "/etc/timed/timed.conf"
UNIT = "timed.service"


def host(place: pathlib.Path, hook: t.Callable[[int, str], None] | None = None) -> HostRoot:
    """The host in this directory; a fresh one if the directory is empty."""
    if not any(place.iterdir()):
        make_debian_host(place)
    return HostRoot(str(place), hook)


def options(**changed: t.Any) -> dict[str, t.Any]:
    """A service named timed, with what the door's defaults add."""
    values: dict[str, t.Any] = {
        "name": "timed",
        "packages": [{"name": "timed"}],
        "files": [{"path": CONFIGURATION, "content": "ours\n"}],
        "validators": [{"argv": ["timed", "--check", f"{{file:{CONFIGURATION}}}"]}],
        "units": [{"name": UNIT, "enabled": True, "state": "started"}],
        "readiness": {"active_for": 0, "timeout": 1},
    }
    return {**values, **changed}


def concern(root: HostRoot, **changed: t.Any) -> SiteService:
    return SiteService(root, read_options(options(**changed)))


def carry_out(root: HostRoot, **changed: t.Any) -> ChangeSet:
    return as_the_door_does.carry_out(concern(root, **changed))


def what(changes: ChangeSet) -> list[str]:
    return [change.what for change in changes]


def content(text: str) -> list[dict[str, str]]:
    return [{"path": CONFIGURATION, "content": text}]


def log(root: HostRoot) -> list[str]:
    """What the stand-in for systemctl was told, in order."""
    entries = read_state(pathlib.Path(root.path))["log"]
    assert isinstance(entries, list)
    return entries


def unit(root: HostRoot, name: str = UNIT) -> dict[str, t.Any]:
    units = read_state(pathlib.Path(root.path))["units"]
    assert isinstance(units, dict)
    found: dict[str, t.Any] = units[name]
    return found


def leftovers(root: HostRoot) -> list[str]:
    """What is only there while a run is under way."""
    hidden = [str(path) for path in pathlib.Path(root.path).rglob(".vmsite-*")]
    return hidden + root.glob("/var/lib/vmsite/services/*.pending")
