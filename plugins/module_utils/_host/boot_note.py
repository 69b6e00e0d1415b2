# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What a run has learnt that holds until the next boot: a JSON file in /run, which no boot survives."""

from __future__ import annotations

import json
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

DIRECTORY = "/run/vmsite"


def read_note(root: HostRoot, path: str) -> dict[str, t.Any]:
    """A note that is not there or cannot be read is an empty one: it only saves what would be learnt again."""
    try:
        found = json.loads(root.read_optional(path) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def add_to_note(root: HostRoot, path: str, learnt: t.Mapping[str, t.Any]) -> None:
    """C(path) is in DIRECTORY."""
    if not root.is_dir(DIRECTORY):
        root.make_dir(DIRECTORY)
    root.write_file(path, json.dumps({**read_note(root, path), **learnt}, indent=1, sort_keys=True) + "\n")
