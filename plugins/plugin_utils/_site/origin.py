# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Where a value was written, as far as the core remembers it.

ansible-core 2.19 and later tag every value read from a file with its origin; 2.18 keeps C(ansible_pos) on mappings, lists and strings.
Neither is public, so both are read with care, and "unknown" is always a possible answer.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Place

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:  # ansible-core 2.18
    Origin = None

KNOWS_EVERY_LINE = Origin is not None


def place_of(value: t.Any) -> Place | None:
    """The file (relative to the working directory where it lies below it) and line of a value, None if the core does not know."""
    if Origin is not None:
        origin = Origin.get_tag(value)
        return Place(_short(origin.path), origin.line_num or 0) if origin is not None and origin.path else None
    position = getattr(value, "ansible_pos", None)
    if isinstance(position, tuple) and len(position) == 3 and isinstance(position[0], str):
        return Place(_short(position[0]), int(position[1] or 0))
    return None


def _short(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
