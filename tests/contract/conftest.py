# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.contract.checkout import CHECKOUT


@pytest.fixture
def run_make() -> t.Callable[..., str]:
    """Run make in the checkout as a user would, not as a part of the make that runs the tests."""

    def run(*arguments: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        return subprocess.run(["make", *arguments], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True).stdout

    return run
