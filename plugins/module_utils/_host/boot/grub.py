# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""GRUB as Debian and Ubuntu have it: a drop-in of ours, and grub.cfg generated from it.

Debian's grub-mkconfig reads /etc/default/grub, then /etc/default/grub.d/*.cfg. Its C(update-grub) is C(grub-mkconfig -o /boot/grub/grub.cfg),
which writes that file in place at the end: killed there, the host has half a menu. So it is told to write beside, the result is looked
at, and then the menu is replaced as a whole.
"""

from __future__ import annotations

import posixpath
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot import tokens
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.grub_environment import read_environment
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.grub_menu import default_entry
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.loader import BootLoader, CommandLine
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import mode_of

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

MENU = "/boot/grub/grub.cfg"
GENERATED = "/boot/grub/grub.cfg.vmsite-new"
LEFT_BY_KILLED = (GENERATED, f"{GENERATED}.new")  # the second is grub-mkconfig's own
ENVIRONMENT = "/boot/grub/grubenv"
DROP_IN = "/etc/default/grub.d/zz-vmsite.cfg"  # the last one, because files such as Ubuntu's 50-cloudimg-settings.cfg assign, not append
DIRECTORY = posixpath.dirname(DROP_IN)
GENERATOR = "grub-mkconfig"
REASON = "grub-mkconfig takes the arguments from there"
ASSIGNMENT = re.compile(r'^GRUB_CMDLINE_LINUX="\$GRUB_CMDLINE_LINUX (.*)"$', re.MULTILINE)
MINUTES = 60.0


class Grub(BootLoader):
    name = "grub"
    remedy = (
        "take it out of /etc/default/grub or the file in /etc/default/grub.d that has it, and run update-grub; or do not ask for it here"
    )

    def __init__(self, root: HostRoot) -> None:
        self._root = root

    def command_lines(self) -> list[CommandLine]:
        return [self._default(self._root.read_optional(MENU) or "", MENU)]

    def marked(self) -> list[str]:
        found = ASSIGNMENT.search(self._root.read_optional(DROP_IN) or "")
        return found[1].split() if found else []

    def compare(self, changes: ChangeSet, own: tokens.Tokens) -> None:
        text = _drop_in(own)
        if text is not None and not self._root.is_dir(DIRECTORY):
            changes.compare(f"directory {DIRECTORY}", "absent", "present", REASON)
        changes.compare(DROP_IN, self._root.read_optional(DROP_IN), text, REASON)
        for path in LEFT_BY_KILLED:
            if self._root.exists(path):
                changes.compare(path, "present", "absent", "a run was killed before it was done with it")

    def write(self, ours: tokens.Tokens, own: tokens.Tokens) -> None:
        before = self._root.read_optional(DROP_IN)
        try:
            self._put(_drop_in(own))
            menu = self._generate(own)
        except (Failure, Failures):
            self._put(before)
            for path in LEFT_BY_KILLED:
                if self._root.exists(path):
                    self._root.remove(path)
            raise
        status = self._root.stat(MENU)
        self._root.write_file(MENU, menu, mode=mode_of(status) if status else 0o600)

    def _generate(self, own: tokens.Tokens) -> str:
        """The new menu's text, with our tokens in its default entry as they must be. Raises Failure."""
        self._root.run([GENERATOR, "-o", self._root.real(GENERATED)], changes=True, timeout=10 * MINUTES)
        text = self._root.read(GENERATED) + "\n"
        line = self._default(text, GENERATED).tokens
        _own, contradictions = tokens.share(own, {MENU: tokens.without(line, own)}, self.remedy)
        raise_all(contradictions)
        if tokens.pick(line, own) != list(own):
            raise Failure(
                asked=f"kernel arguments {' '.join(own)}",
                found=f"the menu that {GENERATOR} makes has {' '.join(line) or 'none'} for its default entry",
                where=DROP_IN,
                remedy=f"see which file sorted behind it in {DIRECTORY} sets GRUB_CMDLINE_LINUX anew; nothing was changed",
            )
        self._root.remove(GENERATED)
        return text

    def _put(self, text: str | None) -> None:
        if text == self._root.read_optional(DROP_IN):
            return
        if text is None:
            self._root.remove(DROP_IN)
            return
        if not self._root.is_dir(DIRECTORY):
            self._root.make_dir(DIRECTORY)
        self._root.write_file(DROP_IN, text + "\n")

    def _default(self, menu: str, path: str) -> CommandLine:
        entry = default_entry(menu, read_environment(self._root.read_optional(ENVIRONMENT)))
        if entry is None or entry.arguments is None:
            raise Failure(
                asked="the kernel arguments of the next boot",
                found="no entries" if entry is None else f"the default entry {entry.title!r} starts no Linux",
                where=path,
                remedy="make a Linux entry the default (GRUB_DEFAULT in /etc/default/grub, grub-set-default) and run update-grub",
            )
        return CommandLine(f"kernel arguments of {entry.title!r} in {MENU}", tuple(entry.arguments), next_boot=True)


def _drop_in(own: tokens.Tokens) -> str | None:
    """The drop-in's text without its last newline; None if there is to be none. Recovery entries have these arguments too."""
    if not own:
        return None
    return f"""# Written by kernel_args: what is changed here is undone by its next run.
GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {" ".join(own)}\""""
