# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fresh guest for all files, which run in the order of their names: each goes on where the one before has ended."""

from __future__ import annotations

import os
import pathlib
import platform
import subprocess
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.guest import outcomes
from ansible_collections.baremetal.vmsite.tests.guest.guest import everything, lab
from ansible_collections.baremetal.vmsite.tests.make import CHECKOUT

# For whoever works on one of the files: with this set, the guest that is up is used as the files before have left it.
AS_IT_IS = bool(os.environ.get("VMSITE_GUEST_AS_IT_IS"))

NOT_SHOWN = (
    "Not shown by a guest that is emulated in software: packets through a VF (QEMU's igb does not carry the VF's mailbox), latency and any effect "
    "of isolation on it, switchdev and devlink, firmware of real NICs."
)


@pytest.fixture(scope="session", autouse=True)
def _fresh_guest() -> t.Iterator[None]:
    if AS_IT_IS:
        yield
        return
    print(lab("up", "--fresh"))
    yield
    lab("down")


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where runs keep what doors said and what the guest was like."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="session")
def clean() -> dict[str, object]:
    """Everything of the guest as it is after its maintenance, when the first test asks: what the site makes of it again and again."""
    return everything()


def pytest_terminal_summary(terminalreporter: t.Any) -> None:
    if not outcomes.ROWS:
        return
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout.strip()
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    machine = f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs, load {load}; commit {commit}. {NOT_SHOWN}"
    text = outcomes.table(machine)
    outcomes.TABLE.parent.mkdir(parents=True, exist_ok=True)
    outcomes.TABLE.write_text(text, encoding="utf-8")
    terminalreporter.write_line("")
    terminalreporter.write_line(text)
    terminalreporter.write_line("; ".join([f"{len(outcomes.RETRIED)} retries", *outcomes.RETRIED]))
    terminalreporter.write_line(
        f"{len(outcomes.ROWS)} outcomes, {sum(not row.held for row in outcomes.ROWS)} not as planned: {outcomes.TABLE}"
    )
