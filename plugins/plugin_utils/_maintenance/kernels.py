# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Whether a newer kernel than the running one is installed. No I/O."""

from __future__ import annotations

import re
import typing as t

PREFIX = "vmlinuz-"
# Words in a release that are no flavour: what distributions put beside the version.
NO_FLAVOUR = {"bpo", "deb"}

Key = tuple[tuple[bool, t.Union[int, str]], ...]


def newer_kernel(running: str, files: t.Iterable[str]) -> str | None:
    """The newest release among C(files) (names as /boot/vmlinuz-6.1.0-30-amd64) of the flavour that runs, if it is newer than C(running)."""
    releases = [name[len(PREFIX) :] for name in (file.rpartition("/")[2] for file in files) if name.startswith(PREFIX)]
    newer = [release for release in releases if _flavour(release) == _flavour(running) and _key(release) > _key(running)]
    return max(newer, key=_key, default=None)


def _key(release: str) -> Key:
    """Numbers count as numbers: 6.1.0-9 is older than 6.1.0-10."""
    return tuple((part.isdecimal(), int(part) if part.isdecimal() else part) for part in re.findall(r"\d+|[a-z]+", release.lower()))


def _flavour(release: str) -> list[str]:
    """The words, as rt in 6.1.0-30-rt-amd64: a host that was given a real-time kernel does not wait for an ordinary one."""
    return [word for word in re.findall(r"[a-z]+", release.lower()) if word not in NO_FLAVOUR]
