# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A concern carried out as _door does it, without Ansible."""

from __future__ import annotations

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern


def carry_out(concern: Concern) -> ChangeSet:
    """Plan, apply, plan again, verify."""
    changes = concern.plan()
    if changes:
        concern.apply(changes)
        left = concern.plan()
        assert not left, [(change.what, change.current, change.wanted) for change in left]
    concern.verify()
    return changes
