# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key pairs of the lab, made once: of the user who logs in, and of the hosts that are logged in to."""

from __future__ import annotations

import os
from pathlib import Path

from .commands import run


def make_key(private: Path, comment: str) -> None:
    """An ed25519 pair without a passphrase, `private` and `private`.pub; one that exists is left alone."""
    if private.exists():
        return
    # The private key is renamed last: when it exists, the pair is whole.
    temporary = private.with_suffix(".new")
    for left_over in (temporary, public_key(temporary)):
        left_over.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(temporary)])
    os.replace(public_key(temporary), public_key(private))
    os.replace(temporary, private)


def public_key(private: Path) -> Path:
    return private.with_name(private.name + ".pub")


def known_host(names: str, private: Path) -> str:
    """The line of a known_hosts file for the host with that key; `names` is "name,address"."""
    kind, key = public_key(private).read_text().split()[:2]
    return f"{names} {kind} {key}\n"
