# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role time_sync on the lab's hosts: one gives the time, the others follow it, and none touches the machine's clock."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

from ansible_collections.baremetal.vmsite.tests.lab.libvirt_hosts import on
from ansible_collections.baremetal.vmsite.tests.make import CHECKOUT

pytestmark = pytest.mark.lab

PLAYBOOK = """\
- hosts: kvm_hosts,probes
  gather_facts: false
  become: true
  roles:
    - baremetal.vmsite.time_sync
"""


def run_role(directory: pathlib.Path, *arguments: str) -> dict[str, int]:
    """Host -> number of changed tasks."""
    playbook = directory / "time_sync.yml"
    playbook.write_text(PLAYBOOK, encoding="utf-8")
    command = ["ansible-playbook", "-i", "inventories/lab", str(playbook), *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {host: int(changed) for host, changed in re.findall(r"^(\w+)\s+: ok=\d+\s+changed=(\d+)", done.stdout, re.MULTILINE)}


def configuration(host: str) -> str:
    return on(
        host, "cat /etc/chrony/chrony.conf /etc/systemd/system/chrony.service.d/*.conf 2>/dev/null; systemctl is-active chrony", check=False
    )


def test_hosts_follow_the_server_and_no_one_sets_the_clock(tmp_path: pathlib.Path) -> None:
    before = {host: configuration(host) for host in ("compute1", "compute2", "probe1")}
    run_role(tmp_path, "--check")
    assert {host: configuration(host) for host in before} == before
    run_role(tmp_path)
    assert run_role(tmp_path, "--check") == {"compute1": 0, "compute2": 0, "probe1": 0}
    assert run_role(tmp_path) == {"compute1": 0, "compute2": 0, "probe1": 0}
    for host in ("compute2", "probe1"):
        assert re.search(r"^\^\* 10\.97\.0\.11 ", on(host, "chronyc -n sources"), re.MULTILINE)
    for host in before:
        commands = on(host, "pgrep -a chronyd").splitlines()
        assert commands
        assert all(" -x" in command for command in commands), commands
