# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""A concern: one aspect of one host (its hugepages, its OVS, one service) that can be read, planned, applied and verified.

What can be compared and verified but is not a door's to change is a Comparison only.
"""

from __future__ import annotations

import abc
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet


class Comparison(abc.ABC):
    """What C(host_verify_info) asks: C(plan) and C(verify)."""

    @abc.abstractmethod
    def plan(self) -> ChangeSet:
        """Read the host and compare it with what is wanted. Writes nothing. Raises Failure(s) for what can be refused up front."""

    def verify(self) -> None:
        """Check what only shows after the change is in force. Writes nothing. Raises Failure(s)."""

    def facts(self) -> dict[str, t.Any]:
        """Further return values of the door, JSON-able, read after everything else."""
        return {}


class Concern(Comparison):
    """What stands behind a state-changing door."""

    @abc.abstractmethod
    def apply(self, changes: ChangeSet) -> None:
        """Carry out the changes that C(plan) listed, nothing else. A second C(plan) must then be empty."""
