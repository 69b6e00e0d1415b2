# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills a concern without a signal handler's mercy at every place where it writes, and lets the next run finish the job."""

from __future__ import annotations

import hashlib
import os
import pathlib
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

KILLED = 137

MakeRoot = t.Callable[[pathlib.Path, t.Callable[[int, str], None]], HostRoot]


def kill_at_every_boundary(
    directory: pathlib.Path,
    make_root: MakeRoot,
    make_concern: t.Callable[[HostRoot], Concern],
    check: t.Callable[[HostRoot], None] = lambda root: None,
) -> int:
    """Return how many boundaries were tried; at least one.

    C(make_root) builds a fresh fake host in an empty directory, or attaches to the one that is there already, and passes the hook on.
    C(check) looks at the host right after the kill: files must be whole.
    """
    undisturbed = make_root(_fresh(directory, "undisturbed"), _no_hook)
    _run(make_concern(undisturbed))
    wanted_tree = tree(undisturbed.path)
    boundary = 0
    while True:
        boundary += 1
        place = _fresh(directory, f"killed-at-{boundary}")
        if not _killed_at(boundary, place, make_root, make_concern):
            assert boundary > 1, "the concern wrote nothing, so there was nothing to kill"
            return boundary - 1
        survivor = make_root(place, _no_hook)
        check(survivor)
        _run(make_concern(survivor))
        left = make_concern(survivor).plan()
        assert not left, f"killed at boundary {boundary}, the next run left {[change.what for change in left]}"
        assert tree(survivor.path) == wanted_tree, f"killed at boundary {boundary}, the next run ended in another state"


def tree(root: str) -> dict[str, str]:
    """Every file below root with the checksum of its content (or the target of the link)."""
    found = {}
    for path in sorted(pathlib.Path(root).rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _run(concern: Concern) -> None:
    changes = concern.plan()
    if changes:
        concern.apply(changes)
    concern.verify()


def _killed_at(boundary: int, place: pathlib.Path, make_root: MakeRoot, make_concern: t.Callable[[HostRoot], Concern]) -> bool:
    """Run in a child that vanishes at this boundary. False if the run ended before it."""

    def vanish(number: int, _description: str) -> None:
        if number == boundary:
            os._exit(KILLED)

    child = os.fork()
    if child == 0:
        try:
            _run(make_concern(make_root(place, vanish)))
        except BaseException as error:  # the child must never return into pytest
            os.write(2, f"{error}\n".encode())
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED), f"the run failed by itself with code {code} before boundary {boundary}"
    return code == KILLED


def _fresh(directory: pathlib.Path, name: str) -> pathlib.Path:
    place = directory / name
    place.mkdir()
    return place


def _no_hook(_number: int, _description: str) -> None:
    return None
