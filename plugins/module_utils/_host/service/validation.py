# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The program's own judgement of new files, before any of them is in place."""

from __future__ import annotations

import posixpath
import shutil
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import PLACEHOLDER

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.swap import Stage
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import File, Service

WHOLE_TREE = "{root}"
SHORTEST_SECRET = 6


def stage_files(files: t.Sequence[File], stage: Stage) -> None:
    for file in files:
        stage.write(file.path, file.content, file.ownership)


def can_run_now(root: HostRoot, service: Service, changing: t.Collection[str]) -> bool:
    """Whether all programs are there before anything is installed; C(changing) are the artifacts that are not."""
    for argv in service.validators:
        words = set(PLACEHOLDER.findall(" ".join(argv)))
        if words & set(changing) or argv[0] in changing or not (PLACEHOLDER.match(argv[0]) or root.has_program(argv[0])):
            return False
    return True


def run_validators(root: HostRoot, service: Service, staged: t.Collection[str], stage: Stage) -> None:
    """Run each validator on the staged files. Raises Failure(s) with the programs' own words, all of them."""
    whole = f"/run/vmsite/{stage.name}"
    try:
        if any(WHOLE_TREE in word for argv in service.validators for word in argv):
            _write_tree(root, service, whole)
        _judge(root, service, staged, stage, whole)
    finally:
        shutil.rmtree(root.real(whole), ignore_errors=True)


def _write_tree(root: HostRoot, service: Service, whole: str) -> None:
    root.make_dir(whole, 0o700)
    for file in service.files:
        root.make_dir(posixpath.dirname(whole + file.path))
        root.write_file(whole + file.path, file.content, file.ownership.mode)


def _judge(root: HostRoot, service: Service, staged: t.Collection[str], stage: Stage, whole: str) -> None:
    failures = []
    for argv in service.validators:
        command = [
            PLACEHOLDER.sub(lambda match: root.real(stage.place(match[1]) if match[1] in staged else match[1]), word).replace(
                WHOLE_TREE, root.real(whole)
            )
            for word in argv
        ]
        done = root.run(command, changes=False, check=False)
        if done.rc != 0:
            words = done.err.strip() or done.out.strip() or "nothing"
            for path in staged:
                words = words.replace(root.real(stage.place(path)), path)
            failures.append(
                Failure(
                    asked=f"accept the new files: {' '.join(argv)}",
                    found=f"refused with exit code {done.rc}, it said: {without_secrets(words, service)}".replace("\n", " / "),
                    where=", ".join(sorted(staged)),
                    remedy="mend what it names; no file was replaced",
                )
            )
    raise_all(failures)


def without_secrets(text: str, service: Service) -> str:
    """What a program says may quote the file it read: words and lines of secret files are taken out."""
    for file in service.files:
        if file.secret:
            parts = {part.strip() for part in [*file.content.splitlines(), *file.content.split()]}
            for part in sorted((part for part in parts if len(part) >= SHORTEST_SECRET), key=len, reverse=True):
                text = text.replace(part, "(secret)")
    return text
