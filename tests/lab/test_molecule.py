# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role's Molecule scenario on hosts that have seen no role, in the order in which a site is built.

Makes the lab anew once, so whatever ran in it is gone afterwards. What a scenario shows is in .config/molecule/config.yml.
"""

from __future__ import annotations

import os
import re
import subprocess
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.make import CHECKOUT, make

pytestmark = pytest.mark.lab

# Each stands on the ones before.
STEPS = ["prepare", "side_effect", "check", "side_effect", "converge", "side_effect", "check", "side_effect", "idempotence", "verify"]
SCENARIOS = ("host_plan", "time_sync", "host_tuning", "sriov", "ovs_dpdk", "libvirt_host", "libvirt_vm")


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def _fresh_hosts() -> t.Iterator[None]:
    make("lab-down")
    make("lab-up")
    yield


def test_every_scenario_is_in_the_order() -> None:
    assert sorted(SCENARIOS) == sorted(file.parent.name for file in CHECKOUT.glob("molecule/*/molecule.yml"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str) -> None:
    said = run("molecule", "test", "--scenario-name", scenario, ANSIBLE_FORCE_COLOR="0", NO_COLOR="1")
    # Molecule passes over a missing playbook without failing, so every step must say that it ran.
    steps = re.findall(rf"^{scenario} > (\w+): Executed: Successful$", said, re.MULTILINE)
    assert steps == STEPS, said
