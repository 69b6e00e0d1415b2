# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the site model on the controller. An action plugin, for only the controller sees every host's variables and where they were written."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.check import check
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.collect import collect
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.normalise import counts, normalised
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.schema import MODEL_VERSION


class ActionModule(ActionBase):
    """The door site_model: connects to no host and writes nothing."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec={})
        variables = task_vars or {}
        try:
            site = collect(variables["hostvars"], variables["groups"])
            report = check(site)
        except Failure as failure:
            return {**result, "failed": True, "msg": str(failure), "failures": [failure.as_dict()]}
        result.update(changed=False, model_version=MODEL_VERSION, warnings=[str(warning.failure()) for warning in report.warnings])
        if report.mistakes:
            lines = [f"({number}) {mistake.failure()}" for number, mistake in enumerate(report.mistakes, 1)]
            noun = "mistake" if len(lines) == 1 else "mistakes"
            message = "\n".join([f"{len(lines)} {noun} in the site model:", *lines])
            return {**result, "failed": True, "msg": message, "failures": [mistake.as_dict() for mistake in report.mistakes]}
        return {**result, "counts": counts(report.site), "model": normalised(report.site)}
