# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to a running QEMU over its monitor socket (QMP: JSON, one object a line)."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from ..commands import LabError


def ask(monitor: Path, command: str, timeout: float = 5, **arguments: Any) -> Any:
    """What QEMU returns for a QMP command, for example "query-status". LabError when it refuses or does not answer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(monitor))
            with connection.makefile("rw", encoding="utf-8") as lines:
                json.loads(lines.readline())  # the greeting
                _exchange(lines, {"execute": "qmp_capabilities"})
                return _exchange(lines, {"execute": command, "arguments": arguments})
    except (OSError, ValueError) as error:
        raise LabError(f"QEMU's monitor {monitor} did not answer '{command}': {error}") from None


def _exchange(lines: Any, request: dict[str, Any]) -> Any:
    lines.write(json.dumps(request) + "\n")
    lines.flush()
    while True:
        answer = json.loads(lines.readline())
        if "return" in answer:
            return answer["return"]
        if "error" in answer:
            raise LabError(f"QEMU refused {request['execute']}: {answer['error'].get('desc')}")
        # anything else is an event
