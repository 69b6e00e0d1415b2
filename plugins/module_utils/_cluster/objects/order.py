# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""In which order objects are written: what others need comes first. Deletion goes the other way round."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import WantedObject


def comes_first(wanted: WantedObject) -> bool:
    """Whether others can only be written when this is there."""
    return wanted.is_namespace or wanted.is_kind_definition


def in_order_of_writing(objects: t.Sequence[WantedObject]) -> list[WantedObject]:
    """Namespaces, then definitions of kinds, then the rest as it was listed: the list's author knows what else needs what."""
    return sorted(objects, key=lambda wanted: (not wanted.is_namespace, not wanted.is_kind_definition))


def in_order_of_deletion(objects: t.Sequence[WantedObject]) -> list[WantedObject]:
    return in_order_of_writing(objects)[::-1]
