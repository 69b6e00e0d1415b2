# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of an inventory as tests use them: doors and playbooks by Ansible, and the truth by ssh."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import typing as t

from ansible_collections.baremetal.vmsite.tests.make import CHECKOUT

Result = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Inventory:
    """C(path) below the checkout; C(ssh_config) as its hosts are reached; C(socket) of one connection that commands share, where logins are slow."""

    path: str
    ssh_config: str
    socket: str | None = None

    @property
    def ssh(self) -> list[str]:
        shared = ["-o", f"ControlPath={self.socket}"] if self.socket else []
        return ["ssh", "-n", "-F", self.ssh_config, "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", *shared]

    def connect(self, host: str) -> None:
        """Have the shared connection up. It is started apart: one that a command leaves behind keeps that command's pipes open."""
        quiet: dict[str, t.Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": 60}
        if self.socket and subprocess.run([*self.ssh, "-O", "check", host], check=False, **quiet).returncode != 0:
            subprocess.run([*self.ssh, "-o", "ControlMaster=auto", "-o", "ControlPersist=yes", "-N", "-f", host], check=False, **quiet)

    def on(self, host: str, command: str, check: bool = True, timeout: int = 60) -> str:
        """What a command prints that root's shell runs on the host; it must hold no single quote."""
        self.connect(host)
        done = subprocess.run([*self.ssh, host, f"sudo sh -c '{command}'"], capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"{host}: {command}: {done.stderr}"
        return done.stdout.strip()

    def start_door(self, host: str, module: str, options: Result, check_mode: bool = False) -> subprocess.Popen[str]:
        command = ["ansible", host, "-i", self.path, "-m", f"baremetal.vmsite.{module}", "-a", json.dumps(options), "-o"]
        return subprocess.Popen(
            command + (["--check"] if check_mode else []),
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def door(self, host: str, module: str, check_mode: bool = False, timeout: int = 240, **options: t.Any) -> Result:
        return finish(self.start_door(host, module, options, check_mode), timeout)

    def start_playbook(self, playbook: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["ansible-playbook", "-i", self.path, playbook, *arguments],
            cwd=CHECKOUT,
            env={**os.environ, "ANSIBLE_FORCE_COLOR": "0", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def playbook(self, playbook: str, *arguments: str, timeout: int = 600, **environment: str) -> tuple[int, str]:
        """Its exit code, and what it printed."""
        process = self.start_playbook(playbook, *arguments, **environment)
        said, _nothing = process.communicate(timeout=timeout)
        return process.returncode, said


def finish(process: subprocess.Popen[str], timeout: int = 240) -> Result:
    """The door's result; C(failed) in it says whether it failed."""
    out, err = process.communicate(timeout=timeout)
    line = next((line for line in out.splitlines() if " => " in line), None)
    assert line is not None, f"no result from Ansible: {out}{err}"
    verdict, _arrow, values = line.partition(" => ")
    result: Result = json.loads(values)
    return {**result, "failed": "FAILED" in verdict or "UNREACHABLE" in verdict}


def succeeds(result: Result) -> Result:
    assert not result["failed"], result["msg"]
    return result


def fails(result: Result) -> str:
    assert result["failed"], f"it did not fail: {result}"
    return str(result["msg"])
