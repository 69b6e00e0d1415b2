# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What the boot loader tells the running system through EFI variables. systemd, "The Boot Loader Interface"; efivarfs."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

VARIABLES = "/sys/firmware/efi/efivars"
VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
ATTRIBUTE_BYTES = 4


def loader_variable(root: HostRoot, name: str) -> str | None:
    """The text of one variable (UTF-16, behind its attributes); None if it is not set, or without EFI."""
    text = root.read_optional(f"{VARIABLES}/{name}-{VENDOR}")
    if text is None:
        return None
    data = text.encode("utf-8", "surrogateescape")[ATTRIBUTE_BYTES:]
    return data.decode("utf-16-le", "replace").rstrip("\0") or None
