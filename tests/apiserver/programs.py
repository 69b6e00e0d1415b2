# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the programs of the control plane are: in the lab's tool cache, which "make lab-tools" fills."""

from __future__ import annotations

import os
import pathlib
import shutil

# Names another directory that holds the programs; by default those on the search path.
PLACE = "VMSITE_CONTROL_PLANE_PROGRAMS"


def program(name: str) -> pathlib.Path:
    """The one place that knows. A missing program is no reason to skip: the tests would prove nothing."""
    found = shutil.which(name, path=os.environ.get(PLACE))
    if found is None:
        raise FileNotFoundError(f"{name} is not in {os.environ.get(PLACE) or 'PATH'}: run 'make lab-tools', which builds it once")
    return pathlib.Path(found)
