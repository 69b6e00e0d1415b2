# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a record where the reader is: on the controller. An action plugin, so that no record travels to a host and back."""

from __future__ import annotations

import os
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.record_options import RECORD_OPTIONS
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.report import Report

ARGUMENT_SPEC: dict[str, t.Any] = {
    "record": {"type": "dict", "required": True, "options": RECORD_OPTIONS},
    "dest": {"type": "path", "required": True},
    "name": {"type": "str", "default": "report"},
}

# The record is checked by record.parse instead, which tells all mistakes at once, each with its place, and converts nothing.
CHECKED_BY_ANSIBLE = {name: {key: value for key, value in option.items() if key != "options"} for name, option in ARGUMENT_SPEC.items()}


class ActionModule(ActionBase):
    """The door report: connects to no host."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=CHECKED_BY_ANSIBLE)
        try:
            report = Report(HostRoot(), options["record"], os.path.abspath(options["dest"]), options["name"])
            changes = report.plan()
            if changes and not self._task.check_mode:
                report.apply(changes)
                report.verify()
        except Failures as several:
            lines = [f"({number}) {failure}" for number, failure in enumerate(several.failures, 1)]
            message = "\n".join([f"{len(lines)} things stand in the way:", *lines])
            return {**result, "failed": True, "msg": message, "failures": [failure.as_dict() for failure in several.failures]}
        except Failure as failure:
            return {**result, "failed": True, "msg": str(failure), "failures": [failure.as_dict()]}
        return {**result, **changes.result(), **report.facts()}
