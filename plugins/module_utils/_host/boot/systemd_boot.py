# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""systemd-boot: /etc/kernel/cmdline, and entries that kernel-install makes from it.

kernel-install(8): the 90-loaderentry plugin takes /etc/kernel/cmdline, else /usr/lib/kernel/cmdline, else what runs, for every entry that it
writes. loader.conf(5) and the Boot Loader Interface say which entry is the default.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot import tokens
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.efi import loader_variable
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.entries import Entry, read_entries, version_key
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.loader import BootLoader, CommandLine
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.running import read_running

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

BOOT_ROOTS = ("/efi", "/boot", "/boot/efi")  # in the order of kernel-install(8)
INPUT = "/etc/kernel/cmdline"
DIRECTORY = posixpath.dirname(INPUT)
SHIPPED = "/usr/lib/kernel/cmdline"
REASON = "kernel-install takes the arguments of every entry from there"
COUNTED = re.compile(r"(.*)\+(\d+)(-\d+)?")  # boot counting: name+LEFT-DONE
TIMEOUT_SECONDS = 900  # a kernel-install plugin may make the initrd anew


class SystemdBoot(BootLoader):
    name = "systemd-boot"
    remedy = f"take it out of {INPUT} and run kernel-install, or do not ask for it here"

    def __init__(self, root: HostRoot) -> None:
        self._root = root

    def command_lines(self) -> list[CommandLine]:
        entries = self._entries()
        default = self._default(entries)
        lines = [CommandLine(entry.what, tuple(tokens.split(entry.options)), entry is default) for entry in entries]
        return [*lines, CommandLine(f"kernel arguments in {INPUT}", tuple(self._input()))]

    def compare(self, changes: ChangeSet, own: tokens.Tokens) -> None:
        if own and not self._root.is_dir(DIRECTORY):
            changes.compare(f"directory {DIRECTORY}", "absent", "present", REASON)

    def obstacles(self, ours: tokens.Tokens) -> list[Failure]:
        """kernel-install writes whole entries: what only an entry has would be gone."""
        kept = tokens.without(self._input(), ours)
        found = []
        for entry in self._entries():
            lost = tokens.subtract([token for token in tokens.without(tokens.split(entry.options), ours) if not _added(token)], kept)
            if lost:
                found.append(
                    Failure(
                        asked="make the boot entries anew",
                        found=f"{' '.join(lost)} is in the entry and not in {INPUT}, so it would be lost",
                        where=entry.path,
                        remedy=f"write it to {INPUT} if it is to stay, or take it out of the entry",
                    )
                )
        return found

    def write(self, ours: tokens.Tokens, own: tokens.Tokens) -> None:
        line = tokens.replaced(self._input(), ours, own)
        if tokens.pick(self._input(), ours) != list(own):
            if not self._root.is_dir(DIRECTORY):
                self._root.make_dir(DIRECTORY)
            self._root.write_file(INPUT, " ".join(line) + "\n")
        for entry in self._entries():
            if tokens.pick(tokens.split(entry.options), tokens.joined(ours, own)) != list(own):
                version = self._version(entry)
                self._root.run(
                    ["kernel-install", "add", version, self._root.real(self._image(version) or "")], changes=True, timeout=TIMEOUT_SECONDS
                )

    def _input(self) -> list[str]:
        for path in (INPUT, SHIPPED):
            text = self._root.read_optional(path)
            if text is not None:
                return tokens.split(text)
        return [token for token in read_running(self._root) if not token.startswith(("BOOT_IMAGE=", "initrd="))]

    def _entries(self) -> list[Entry]:
        """Those that kernel-install can make again. Raises Failure if that is none, or if images have the arguments built in."""
        place = next((root for root in BOOT_ROOTS if self._root.is_dir(f"{root}/loader/entries")), BOOT_ROOTS[1])
        asked = "the kernel arguments of the next boot"
        unified = [image for root in BOOT_ROOTS for image in self._root.glob(f"{root}/EFI/Linux/*.efi")]
        if unified:
            found = f"a unified kernel image, which has its arguments built in: {', '.join(unified)}"
            raise Failure(asked=asked, found=found, where=posixpath.dirname(unified[0]), remedy="build the image with these arguments")
        entries = [entry for entry in read_entries(self._root, f"{place}/loader/entries") if self._image(self._version(entry))]
        if not entries:
            found = "no entry of an installed kernel"
            raise Failure(
                asked=asked, found=found, where=f"{place}/loader/entries", remedy="run kernel-install add for the installed kernels"
            )
        return entries

    def _version(self, entry: Entry) -> str:
        """Of an entry that a killed kernel-install left without its fields, by its name: TOKEN-VERSION."""
        named = (version for version in self._root.names("/usr/lib/modules") if _plain(entry).endswith(f"-{version}"))
        return entry.fields.get("version") or next(named, "")

    def _image(self, version: str) -> str | None:
        """The installed kernel of this version."""
        paths = (f"/usr/lib/modules/{version}/vmlinuz", f"/lib/modules/{version}/vmlinuz", f"/boot/vmlinuz-{version}")
        return next((path for path in paths if version and self._root.exists(path)), None)

    def _default(self, entries: list[Entry]) -> Entry:
        """systemd-boot(7): the entry for once, the one chosen in the menu, loader.conf's pattern, else the first in its order."""
        ordered = sorted(entries, key=lambda entry: version_key(self._version(entry)), reverse=True)
        ordered.sort(key=lambda entry: (_failed(entry), "sort-key" not in entry.fields, entry.fields.get("sort-key", "")))
        for pattern in self._choices():
            matching = [entry for entry in ordered if fnmatch.fnmatchcase(f"{_plain(entry)}.conf", pattern)]
            if matching:
                return matching[0]
        return ordered[0]

    def _choices(self) -> list[str]:
        """What was chosen, the strongest choice first."""
        stored = [loader_variable(self._root, "LoaderEntryOneShot"), loader_variable(self._root, "LoaderEntryDefault")]
        last = loader_variable(self._root, "LoaderEntryLastBooted")
        return [choice for choice in (last if pattern == "@saved" else pattern for pattern in (*stored, self._configured())) if choice]

    def _configured(self) -> str | None:
        texts = (self._root.read_optional(f"{root}/loader/loader.conf") for root in ("/efi", "/boot/efi", "/boot"))
        found = re.findall(r"^default[ \t]+(\S+)", "\n".join(text for text in texts if text), re.MULTILINE)
        return found[0] if found else None


def _added(token: str) -> bool:
    """What 90-loaderentry adds by itself to an entry."""
    return token.startswith("systemd.machine_id=")


def _plain(entry: Entry) -> str:
    counted = COUNTED.fullmatch(entry.id)
    return counted[1] if counted else entry.id


def _failed(entry: Entry) -> bool:
    """True where boot counting has no try left: such entries come last."""
    counted = COUNTED.fullmatch(entry.id)
    return counted is not None and int(counted[2]) == 0
