# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook host_maintenance on the lab's two libvirt hosts: a VM that leaves and comes back, and a run that stops at what is not clean.

A reboot is not shown here: a lab host is a container.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.lab.libvirt_hosts import LAB, on, snapshot, state_of

pytestmark = pytest.mark.lab

VM = "ledger1"
CHRONY = "/etc/chrony/chrony.conf"


@dataclasses.dataclass(frozen=True)
class Run:
    """C(ends): what the last play said of each host."""

    code: int
    said: str
    ends: dict[str, str]


def playbook(name: str, *arguments: str, **variables: t.Any) -> Run:
    code, said = LAB.playbook(f"playbooks/{name}.yml", "-e", json.dumps(variables), *arguments)
    last = said.rpartition("PLAY [How it ended]")[2]
    ends = re.findall(r"^(?:ok|fatal): \[(\w+)\].*?msg: [\"']?(.*?)[\"']?\n(?=\S|\n)", last, re.MULTILINE | re.DOTALL)
    return Run(code, said, {host: " ".join(text.replace("''", "'").split()) for host, text in ends})


def maintain(*arguments: str, hosts: t.Sequence[str] = ("compute2", "compute1"), **variables: t.Any) -> Run:
    return playbook("host_maintenance", *arguments, host_maintenance_hosts=list(hosts), **variables)


def places() -> dict[str, str]:
    return {host: state_of(host, VM) for host in ("compute1", "compute2")}


@pytest.fixture(scope="module", autouse=True)
def _work_to_do() -> t.Iterator[None]:
    """The site as its model says, with the VM at home, but for one file on compute2 that asks for no reboot."""
    built = playbook("site")
    assert built.code == 0, built.said
    assert places() == {"compute1": "absent", "compute2": "running"}
    on("compute2", f"echo cmdport 0 >> {CHRONY}; systemctl restart chrony")
    yield


def test_a_rehearsal_says_everything_and_changes_nothing() -> None:
    before = {host: snapshot(host) + on(host, f"cat {CHRONY}") for host in ("compute1", "compute2")}
    rehearsed = maintain("--check", hosts=["compute2"], host_maintenance_reboot="always")
    assert rehearsed.code == 0, rehearsed.said
    assert {host: snapshot(host) + on(host, f"cat {CHRONY}") for host in before} == before
    assert f"compute2: VMs that move away: {VM} to compute1" in rehearsed.said
    assert f"file {CHRONY}" in rehearsed.ends["compute2"]
    assert "a reboot: it is asked for" in rehearsed.ends["compute2"]


def test_a_run_stops_at_what_is_not_clean_and_the_same_command_goes_on() -> None:
    on("compute2", f"chattr +i {CHRONY}")  # what apply cannot mend
    try:
        stopped = maintain()
    finally:
        on("compute2", f"chattr -i {CHRONY}")
    assert stopped.code == 2, stopped.said
    assert re.search(rf'^compute2: not clean after \d+ s, at "Keep the clock right": .*{CHRONY}', stopped.ends["compute2"]), stopped.ends
    assert stopped.ends["compute1"].startswith("compute1: not begun")
    assert places() == {"compute1": "running", "compute2": "absent"}, "what is not clean stays drained"

    done = maintain()
    assert done.code == 0, done.said
    assert re.search(rf"^compute2: done after .*file {CHRONY}.*not rebooted", done.ends["compute2"]), done.ends
    assert re.search(r"^compute1: verified after .*nothing to do", done.ends["compute1"]), done.ends
    assert "cmdport" not in on("compute2", f"cat {CHRONY}")
    assert places() == {"compute1": "absent", "compute2": "running"}, "it comes back, though another run moved it away"
