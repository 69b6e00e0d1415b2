# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome table: what was asked of the guest, by which command, what it showed, and what was planned. Printed by conftest.py at the end."""

from __future__ import annotations

import dataclasses
import json
import time

from ansible_collections.baremetal.vmsite.tests.guest.guest import CACHE, NAME, on
from ansible_collections.baremetal.vmsite.tests.inventory import Result

TABLE = CACHE / "guest" / "outcomes.md"
# How playbooks/site.yml begins its list of what only a reboot brings.
REBOOT = f"{NAME} needs a reboot"


@dataclasses.dataclass(frozen=True)
class Row:
    part: str
    case: str
    command: str
    raw: str
    planned: str
    at: str

    @property
    def held(self) -> bool:
        return self.raw == self.planned or (self.planned.startswith("...") and self.planned[3:] in self.raw)


ROWS: list[Row] = []
# Retries, one sentence each.
RETRIED: list[str] = []


def note(part: str, case: str, command: str, raw: str, planned: str) -> None:
    """Add a row, and fail if it does not hold. C(planned) that begins with C(...) is a part of what is shown."""
    row = Row(part, case, command, raw, planned, time.strftime("%H:%M:%S", time.gmtime()))
    ROWS.append(row)
    print(f"{row.at} {'as planned' if row.held else 'NOT AS PLANNED'}: {case}: {raw[:120]}")
    assert row.held, f"{case}: {command}\nshows   {raw!r}\nplanned {planned!r}"


def shows(part: str, case: str, command: str, planned: str) -> None:
    """A command of the guest's own shell shows what was planned."""
    note(part, case, command, on(command, check=False), planned)


def refuses(part: str, case: str, module: str, options: Result, result: Result, planned: str) -> None:
    """A door has failed, and its message has these words."""
    said = str(result.get("msg", "")) if result["failed"] else "it did not fail"
    note(part, case, f"ansible {NAME} -m baremetal.vmsite.{module} -a '{json.dumps(options)}'", said, f"...{planned}")


def piece(said: str, words: str) -> str:
    """What was said around these words, short enough for a table; its end if they were not said."""
    at = said.find(words)
    return said[max(0, at - 60) : at + 400] if at >= 0 else said[-400:]


def table(machine: str) -> str:
    """Markdown, with the machine and the commit that it was shown on."""
    lines = [
        f"# Outcomes in the guest\n\n{machine}\n",
        "| part | case | command | raw value | planned value | at (UTC) | held |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        cells = (row.part, row.case, f"`{row.command}`", row.raw, row.planned, row.at, "yes" if row.held else "NO")
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ; ") for cell in cells) + " |")
    return "\n".join([*lines, ""])
