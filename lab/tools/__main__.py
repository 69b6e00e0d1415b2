# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab's tools. It needs no root: nothing leaves the cache."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..commands import LabError
from ..machine import only_one_at_a_time
from ..progress import Progress
from .build import Tools
from .definition import PROGRAMS


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.tools", description="Upstream's programs, built from their Go modules.")
    parser.add_argument("action", choices=("build",))
    parser.add_argument("--cache", type=Path, required=True, help="directory for what is downloaded and built")
    options = parser.parse_args()
    tools, progress = Tools(options.cache.expanduser().resolve() / "tools"), Progress()
    try:
        with only_one_at_a_time(tools.directory / "lock"):
            tools.build(PROGRAMS, progress)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    progress.say(f"{len(PROGRAMS)} programs are in {tools.programs} ({progress.changes} built)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
