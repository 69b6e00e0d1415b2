# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""A oneshot unit that sets again at each boot what no reboot survives, with its program and data: planned, written, enabled, removed.

Only files and the link that C(systemctl enable) would make (systemctl(1), systemd.unit(5), [Install]), so that an image without a running
systemd is served too. The unit is not started here: the caller has just set the same things live.
"""

from __future__ import annotations

import dataclasses
import posixpath
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import mode_of
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.unit import Systemd, read_units

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

UNITS = "/etc/systemd/system"
PROGRAMS = "/usr/local/libexec/vmsite"
DATA = "/etc/vmsite"
RUNNING_SYSTEMD = "/run/systemd/system"


def systemd_runs(root: HostRoot) -> bool:
    """False for an image that is changed while nothing of it runs."""
    return root.is_dir(RUNNING_SYSTEMD)


def written_by(door: str) -> str:
    """The first line of a file for boot, for whoever comes across it."""
    return f"# Written by {door}: what is changed here is undone by its next run."


@dataclasses.dataclass(frozen=True)
class BootFile:
    """One file; C(content) None means that it is not to be there."""

    path: str
    content: str | None
    mode: int = 0o644


class BootUnit:
    """C(files) in the order in which they are written; the unit itself is the last. Without content it is removed, link first."""

    def __init__(self, root: HostRoot, name: str, files: t.Sequence[BootFile], target: str, reason: str) -> None:
        self._root = root
        self._name = name
        self._files = files
        self._reason = reason
        self._link = f"{UNITS}/{target}.wants/{name}"
        self._definition = f"{UNITS}/{name}"
        self._wanted_link = self._definition if all(file.content is not None for file in files) else None

    def compare(self, changes: ChangeSet) -> None:
        """Record what differs: directories, contents, modes, the link, and a definition that systemd read before it changed."""
        for directory in self._directories():
            if not self._root.is_dir(directory):
                changes.compare(f"directory {directory}", "absent", "present", self._reason)
        for file in self._files:
            current = self._root.read_optional(file.path)
            wanted = None if file.content is None else file.content[:-1]  # read() drops the last newline
            if not changes.compare(file.path, current, wanted, self._reason) and file.content is not None:
                changes.compare(f"{file.path} mode", self._mode(file.path), f"{file.mode:04o}", self._reason)
        changes.compare(self._link, self._root.readlink(self._link), self._wanted_link, self._reason)
        if systemd_runs(self._root) and read_units(self._root, [self._name])[self._name].outdated:
            changes.compare(self._unread, "older than its file", "read again", "systemd warns of it")

    def apply(self, changes: ChangeSet) -> None:
        """Write what C(compare) recorded. If something cannot be written, what was written is put back."""
        named = {change.what for change in changes}
        before = {file.path: self._root.read_optional(file.path) for file in self._files}
        written: list[BootFile] = []
        try:
            self._write(named, written)
        except Failure:
            for file in written:
                old = before[file.path]
                self._put(BootFile(file.path, None if old is None else old + "\n", file.mode))
            raise

    def _write(self, named: set[str], written: list[BootFile]) -> None:
        for directory in self._directories():
            if f"directory {directory}" in named:
                self._root.make_dir(directory)
        if self._wanted_link is None and self._link in named:
            self._root.remove(self._link)
        for file in self._files:
            if file.path in named or f"{file.path} mode" in named:
                self._put(file)
                written.append(file)
        if self._wanted_link is not None and self._link in named:
            self._root.link(self._wanted_link, self._link)
        if systemd_runs(self._root) and named & {self._definition, self._link, self._unread}:
            Systemd(self._root).read_definitions_again()

    def _put(self, file: BootFile) -> None:
        if file.content is None:
            self._root.remove(file.path)
        else:
            self._root.write_file(file.path, file.content, mode=file.mode)

    def _directories(self) -> list[str]:
        if self._wanted_link is None:
            return []
        return list(dict.fromkeys(posixpath.dirname(path) for path in (*(file.path for file in self._files), self._link)))

    def _mode(self, path: str) -> str | None:
        status = self._root.stat(path)
        return f"{mode_of(status):04o}" if status else None

    @property
    def _unread(self) -> str:
        return f"unit {self._name} definition"


@dataclasses.dataclass(frozen=True)
class EarlyProgram:
    """A program that makes what a table says before network and kubelet start. C(reason): what a reboot forgets."""

    unit: str
    description: str
    door: str
    table: str
    path: str
    text: str
    reason: str
    after: tuple[str, ...] = ()

    def boot_unit(self, root: HostRoot, lines: t.Sequence[str]) -> BootUnit:
        """The unit for these lines of the table; without any there is none, and what an earlier run wrote is removed."""
        table = "\n".join((written_by(self.door), *lines, "")) if lines else None
        files = [
            BootFile(self.table, table),
            BootFile(self.path, self.text if lines else None, mode=0o755),
            BootFile(f"{UNITS}/{self.unit}", _early_unit(self.description, self.path, self.door, self.after) if lines else None),
        ]
        return BootUnit(root, self.unit, files, "multi-user.target", self.reason)


def _early_unit(description: str, program: str, door: str, after: t.Sequence[str] = ()) -> str:
    """The unit of a program that must have ended before network and kubelet start.

    Without default dependencies, because units that order themselves before sysinit.target (cloud-init) wait for the network. udev may still
    be loading drivers: the program waits for what it needs.
    """
    behind = ("local-fs.target", "systemd-modules-load.service", "systemd-udevd.service", "systemd-udev-trigger.service", *after)
    before = (
        *("network-pre.target", "systemd-networkd.service", "NetworkManager.service", "networking.service", "wicked.service"),
        *("openvswitch-switch.service", "openvswitch.service", "ovs-vswitchd.service", "ovsdb-server.service"),
        *("libvirtd.service", "virtqemud.service", "containerd.service", "crio.service", "kubelet.service", "shutdown.target"),
    )
    return f"""{written_by(door)}
[Unit]
Description={description}
DefaultDependencies=no
Wants=network-pre.target
After={" ".join(behind)}
Before={" ".join(before)}
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={program}
TimeoutStartSec=600

[Install]
WantedBy=multi-user.target
"""
