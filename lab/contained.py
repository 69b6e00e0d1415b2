# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a long command whose processes and mounts all end with us, even when we are killed: the kernel ends them, no handler of ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# It is killed when we die, and as first process of a process namespace takes all others with it. Its mounts are in a namespace of its own.
_CONTAINED = ("setpriv", "--pdeathsig=KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def run_contained(argv: Sequence[str], log: Path, environment: Mapping[str, str], each_line: Callable[[str], None]) -> int:
    """The return code. Everything it prints goes to the file `log`, and line by line to `each_line`."""
    with open(log, "w", encoding="utf-8") as log_file:
        process = subprocess.Popen(
            [*_CONTAINED, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
        )
        assert process.stdout is not None
        for line in process.stdout:
            log_file.write(line)
            each_line(line)
    return process.wait()
