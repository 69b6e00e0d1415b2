# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps what Python compiles from zip files, which it does not by itself. Ansible sends each module as one; under emulation compiling takes a
third of a task's time. What a module does is the same. Loaded by zip_bytecode.pth at each start of Python in the guest.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import zipimport

CACHE = "/var/cache/zip_bytecode"  # root's, as are the tasks
compile_source = zipimport._compile_source  # type: ignore[attr-defined]


def compiled(path: str, source: bytes) -> object:
    """By name and content: the directory of a zip file is another one in each run, and only shows in tracebacks."""
    kept = os.path.join(CACHE, hashlib.sha256(os.path.basename(path).encode() + b"\0" + source).hexdigest())
    try:
        with open(kept, "rb") as file:
            return marshal.load(file)
    except (OSError, EOFError, TypeError, ValueError):  # not there, or cut off by a power cut
        return keep(kept, compile_source(path, source))


def keep(kept: str, code: object) -> object:
    try:
        with open(f"{kept}.{os.getpid()}", "wb") as file:
            marshal.dump(code, file)
        os.rename(file.name, kept)
    except OSError:  # another user: nothing is kept
        pass
    return code


zipimport._compile_source = compiled  # type: ignore[attr-defined]
