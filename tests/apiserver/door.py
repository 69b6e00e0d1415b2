# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls cluster_objects as Ansible does: the module's own main() with its arguments, or through ansible itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t

Json = dict[str, t.Any]

MODULE = "ansible_collections.baremetal.vmsite.plugins.modules.cluster_objects"
# Starts the module as a program of its own, as on a bastion.
PROGRAM = [sys.executable, "-m", MODULE]


def call(objects: list[Json], check_mode: bool = False, **options: t.Any) -> Json:
    """The module's result, failed or not."""
    done = subprocess.run(
        PROGRAM, input=arguments(objects, check_mode, **options), capture_output=True, text=True, check=False, timeout=300
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    result: Json = json.loads(done.stdout)
    return result


def arguments(objects: list[Json], check_mode: bool = False, **options: t.Any) -> str:
    given = {"objects": objects, "_ansible_check_mode": check_mode, "_ansible_diff": True, **options}
    return json.dumps({"ANSIBLE_MODULE_ARGS": given})


def failures_of(result: Json) -> list[Json]:
    assert result.get("failed"), result
    return list(result["failures"])


def through_ansible(kubeconfig: str, objects: list[Json], *arguments: str, **options: t.Any) -> Json:
    """The same by Ansible's own command, with its diff and its highest verbosity, the kubeconfig from the environment. Holds all that it printed."""
    command = [
        "ansible", "localhost", "--inventory", "localhost,", "--connection", "local", "--module-name", "baremetal.vmsite.cluster_objects",
        "--args", json.dumps({"objects": objects, **options}), "--diff", *arguments,
    ]  # fmt: skip
    environment = {
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "K8S_AUTH_KUBECONFIG": kubeconfig,
    }
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=300)
    printed = json.loads(done.stdout[done.stdout.index("{") :])
    result: Json = printed["plays"][0]["tasks"][0]["hosts"]["localhost"]
    return {**result, "printed": done.stdout + done.stderr}
