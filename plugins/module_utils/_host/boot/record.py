# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Which kernel arguments are ours: a file of our own, because command lines of boot entries cannot carry a mark.

It is written before the boot loader is touched and again afterwards. In between C(going) has what is being taken out, so that a killed run
leaves no token behind that nobody owns.
"""

from __future__ import annotations

import dataclasses
import json
import posixpath
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot import tokens

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

PATH = "/etc/vmsite/kernel_args.json"
DIRECTORY = posixpath.dirname(PATH)
DIRECTORY_CHANGE = f"directory {DIRECTORY}"
REASON = "it says which kernel arguments may be taken out again"
FIELDS = ("own", "going", "dropped")


@dataclasses.dataclass(frozen=True)
class Record:
    """C(own): set by us. C(going): being taken out by a run that has not ended. C(dropped): taken out, maybe still in the running kernel."""

    own: tuple[str, ...] = ()
    going: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def ours(self) -> list[str]:
        return tokens.joined(self.own, self.going)

    def begin(self, own: tokens.Tokens, marked: tokens.Tokens) -> Record:
        """Before the boot loader is touched. C(marked) are tokens that are ours by another mark."""
        going = tokens.subtract(tokens.joined(self.ours, marked), own)
        return Record(tuple(own), tuple(going), self.dropped)

    def end(self, running: tokens.Tokens) -> Record:
        """After the boot loader was changed."""
        kept = tokens.subtract(tokens.joined(self.going, self.dropped), self.own)
        return Record(self.own, (), tuple(token for token in kept if token in running))


def read(root: HostRoot) -> Record:
    """The record of this host, an empty one if there is none. Raises Failure."""
    text = root.read_optional(PATH)
    if text is None:
        return Record()
    try:
        data = json.loads(text)
        lists = [tuple(str(token) for token in data[field]) for field in FIELDS]
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(
            asked="which kernel arguments are ours",
            found=f"{error.__class__.__name__}: {error}",
            where=PATH,
            remedy="write the file again as it was; without it, arguments that are no longer wanted have to be taken out by hand",
        ) from error
    return Record(*lists)


def compare(root: HostRoot, changes: ChangeSet, own: tokens.Tokens) -> None:
    found = read(root)
    if (not own and not found.own and not found.going) or (list(found.own) == list(own) and not found.going):
        return
    if not root.is_dir(DIRECTORY):
        changes.compare(DIRECTORY_CHANGE, "absent", "present", REASON)
    changes.compare(PATH, {"own": list(found.own), "going": list(found.going)}, {"own": list(own), "going": []}, REASON)


def put_back(root: HostRoot, record: Record) -> None:
    """As before a run that has changed nothing."""
    if record == Record():
        root.remove(PATH)
    else:
        write(root, record)


def write(root: HostRoot, record: Record) -> None:
    if record == read(root):
        return
    if not root.is_dir(DIRECTORY):
        root.make_dir(DIRECTORY)
    root.write_file(PATH, json.dumps(dataclasses.asdict(record), indent=1) + "\n")
