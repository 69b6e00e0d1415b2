# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The arguments of the kernel that runs."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot import tokens

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

RUNNING = "/proc/cmdline"


def read_running(root: HostRoot) -> list[str]:
    """Empty for an image that does not run."""
    return tokens.split(root.read_optional(RUNNING) or "")
