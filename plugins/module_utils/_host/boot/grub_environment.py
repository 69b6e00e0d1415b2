# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""GRUB's environment block: C(name=value) lines, filled up with #. GRUB manual, "The GRUB environment block"."""

from __future__ import annotations


def read_environment(text: str | None) -> dict[str, str]:
    """The variables of a grubenv file; none if there is no file."""
    lines = [line for line in (text or "").split("\n") if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines if "=" in line)


def chosen(environment: dict[str, str], default: str) -> str:
    """The entry that util/grub.d/00_header would choose: once (grub-reboot), else C(default), which may be the saved one."""
    if environment.get("next_entry"):
        return environment["next_entry"]
    if default in ("${saved_entry}", "$saved_entry"):
        return environment.get("prev_saved_entry") or environment.get("saved_entry") or "0"
    return default
