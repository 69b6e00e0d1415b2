# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible callback: keeps the changes that doors return, for molecule/shared/judge.py to compare with what happened.

Writes PLAYBOOK-check.json or PLAYBOOK-apply.json into Molecule's directory for the scenario, anew in each run:
host -> list of {task, changed, changes}.
"""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: keep_changes
type: notification
short_description: Keeps the changes that doors return
description: Writes what every task of a run changed, or would change, into Molecule's directory for the scenario.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "keep_changes"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        self._playbook = pathlib.Path(playbook._file_name).stem
        self._tasks: dict[str, list[dict[str, t.Any]]] = {}

    def v2_runner_on_ok(self, result: t.Any) -> None:
        values = result._result
        for one in values.get("results", [values]):
            kept = {"task": result._task.get_name(), "changed": one.get("changed", False), "changes": one.get("changes", [])}
            self._tasks.setdefault(result._host.get_name(), []).append(kept)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        kind = "check" if context.CLIARGS.get("check") else "apply"
        file = pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / f"{self._playbook}-{kind}.json"
        file.write_text(json.dumps(self._tasks, indent=1, default=str), encoding="utf-8")
