# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The concern behind the door C(report): two files in a directory on the controller."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.rendering import render

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot


class Report(Concern):
    """C(directory)/C(name).html and .json hold this record. Raises Failure(s) at once if the record is not one."""

    def __init__(self, root: HostRoot, record: dict[str, t.Any], directory: str, name: str) -> None:
        self._root = root
        self._rendered = render(record)
        self._html, self._json = (f"{directory.rstrip('/')}/{name}{ending}" for ending in (".html", ".json"))
        self._directory = directory

    def plan(self) -> ChangeSet:
        changes = ChangeSet()
        for path, wanted in self._files():
            changes.compare(path, self._root.sha256(path), hashlib.sha256(wanted.encode()).hexdigest(), "SHA-256 of this record's report")
        return changes

    def apply(self, changes: ChangeSet) -> None:
        if not self._root.is_dir(self._directory):
            self._root.make_dir(self._directory)
        differing = {change.what for change in changes}
        for path, wanted in self._files():
            if path in differing:
                self._root.write_file(path, wanted)

    def verify(self) -> None:
        left = self.plan()
        if left:
            raise Failure(
                asked="a report as written",
                found="other content than was just written",
                where=", ".join(change.what for change in left),
                remedy="look at what else writes to this directory, then run again",
            )

    def facts(self) -> dict[str, t.Any]:
        verdict = self._rendered.verdict
        findings = [f"{finding.about}: {finding.text}" for finding in verdict.findings if finding.result == verdict.result]
        return {"html": self._html, "json": self._json, "verdict": {"result": verdict.result, "reasons": findings}}

    def _files(self) -> list[tuple[str, str]]:
        """The record first: a report without its record would be the worse half."""
        return [(self._json, self._rendered.data), (self._html, self._rendered.html)]
