# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one command of the machine, with a limit in time and an error that says what to do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence


class LabError(Exception):
    """Something the lab cannot do; the text is one readable message with the remedy."""


def run(
    argv: Sequence[str],
    *,
    timeout: float = 60,
    stdin: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run `argv`; output is text. LabError when it is missing, too slow or, with `check`, fails."""
    try:
        done = subprocess.run(
            list(argv),
            check=False,  # a failure is reported below, with what the command said
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
        )
    except FileNotFoundError:
        raise LabError(f"{argv[0]}: no such program; 'make lab-up' installs what the lab needs") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"'{' '.join(argv)}' gave no answer within {timeout:g} s") from None
    out = done.stdout.decode("utf-8", "replace")
    err = done.stderr.decode("utf-8", "replace")
    if check and done.returncode != 0:
        raise LabError(f"'{' '.join(argv)}' failed with rc {done.returncode}: {(err or out).strip()[-2000:]}")
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)
