# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""GRUB with Boot Loader Specification entries, as RHEL and Fedora have it, changed by grubby.

grubby (grubby-bls, update_args) takes out each named argument wherever it stands, puts new ones at the end, and, with --update-kernel=ALL,
also keeps kernelopts in grubenv (RHEL 8), /etc/default/grub and /etc/kernel/cmdline, where it has learnt of them: those are what a kernel
installed later gets. An argument of somebody else with a name of ours would be lost, so that is refused before (tokens.share).
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot import tokens
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.entries import Entry, read_entries, version_key
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.grub_environment import chosen, read_environment
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.loader import BootLoader, CommandLine

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ENTRIES = "/boot/loader/entries"
ENVIRONMENT = "/boot/grub2/grubenv"
FOR_NEW_KERNELS = "/etc/kernel/cmdline"
SETTINGS = "/etc/default/grub"
LOST = re.compile(r"^GRUB_CMDLINE_LINUX_DEFAULT=", re.MULTILINE)
VARIABLE = re.compile(r"\$\{?(\w+)\}?")
TIMEOUT_SECONDS = 300


class Bls(BootLoader):
    name = "bls"
    remedy = "take it out with grubby --update-kernel=ALL --remove-args=ARGUMENT, or do not ask for it here"

    def __init__(self, root: HostRoot) -> None:
        self._root = root

    def command_lines(self) -> list[CommandLine]:
        environment = read_environment(self._root.read_optional(ENVIRONMENT))
        entries = self._entries()
        default = _default(entries, chosen(environment, "${saved_entry}"))
        lines = [CommandLine(entry.what, _expanded(entry.options, environment), entry is default) for entry in entries]
        later = self._root.read_optional(FOR_NEW_KERNELS)
        if later is not None:
            lines.append(CommandLine(f"kernel arguments in {FOR_NEW_KERNELS}", tuple(tokens.split(later))))
        return lines

    def obstacles(self, ours: tokens.Tokens) -> list[Failure]:
        """grubby replaces every line that begins with GRUB_CMDLINE_LINUX, and so this one of somebody else."""
        if not LOST.search(self._root.read_optional(SETTINGS) or ""):
            return []
        return [
            Failure(
                asked="change the boot entries with grubby",
                found="GRUB_CMDLINE_LINUX_DEFAULT, which grubby overwrites with GRUB_CMDLINE_LINUX",
                where=SETTINGS,
                remedy="move its arguments to GRUB_CMDLINE_LINUX: nothing reads it where entries are BLS entries",
            )
        ]

    def write(self, ours: tokens.Tokens, own: tokens.Tokens) -> None:
        self._mend_for_new_kernels(ours)
        names = dict.fromkeys(token.split("=", 1)[0] for token in (*ours, *own))
        arguments = [f"--remove-args={' '.join(names)}"] + ([f"--args={' '.join(own)}"] if own else [])
        self._root.run(["grubby", "--update-kernel=ALL", *arguments], changes=True, timeout=TIMEOUT_SECONDS)
        later = self._root.read_optional(FOR_NEW_KERNELS)
        line, known = tokens.split(later or ""), tokens.joined(ours, own)
        if later is not None and tokens.pick(line, known) != list(own):  # a grubby that does not know the file
            self._root.write_file(FOR_NEW_KERNELS, " ".join(tokens.replaced(line, known, own)) + "\n")

    def _mend_for_new_kernels(self, ours: tokens.Tokens) -> None:
        """grubby writes this file in place: killed there, it leaves it empty, and a new kernel without root=."""
        if self._root.read_optional(FOR_NEW_KERNELS) == "":
            default = next(line for line in self.command_lines() if line.next_boot)
            self._root.write_file(FOR_NEW_KERNELS, " ".join(tokens.without(default.tokens, ours)) + "\n")

    def _entries(self) -> list[Entry]:
        """In the order of the menu: the newest first."""
        entries = sorted(read_entries(self._root, ENTRIES), key=lambda entry: version_key(entry.id), reverse=True)
        if not entries:
            raise Failure(
                asked="the kernel arguments of the next boot",
                found="no boot entries",
                where=ENTRIES,
                remedy="install a kernel, or make the entries with kernel-install",
            )
        return entries


def _default(entries: list[Entry], wanted: str) -> Entry:
    """C(wanted) is an id, a title or a place in the menu; the first entry if none matches."""
    if wanted.isdigit() and int(wanted) < len(entries):
        return entries[int(wanted)]
    return next((entry for entry in entries if wanted in (entry.id, entry.title)), entries[0])


def _expanded(options: str, environment: dict[str, str]) -> tuple[str, ...]:
    """With $kernelopts, $tuned_params and the like replaced; GRUB takes an unset variable for nothing."""
    return tuple(tokens.split(VARIABLE.sub(lambda found: environment.get(found[1], ""), options)))
