# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Directories, files, links and absent paths: what is there, what differs, and what can be refused before anything is touched."""

from __future__ import annotations

import dataclasses
import grp
import hashlib
import os
import posixpath
import pwd
import stat
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import (
    Artifact,
    Directory,
    File,
    Link,
    Ownership,
    Service,
)

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ABSENT = "absent"
MOST_SHOWN = 64 * 1024
Needs = t.Callable[[str], str]


@dataclasses.dataclass
class Differences:
    """What is not as wanted. C(modes) are files and artifacts whose content is right and whose owner or mode is not."""

    directories: list[Directory] = dataclasses.field(default_factory=list)
    artifacts: list[Artifact] = dataclasses.field(default_factory=list)
    files: list[File] = dataclasses.field(default_factory=list)
    links: list[Link] = dataclasses.field(default_factory=list)
    absent: list[str] = dataclasses.field(default_factory=list)
    modes: list[tuple[str, Ownership]] = dataclasses.field(default_factory=list)

    def swapped(self) -> list[str]:
        """Every path that gets another content or goes away."""
        return [item.path for item in self.staged()] + self.absent

    def staged(self) -> list[Artifact | File | Link]:
        """What is staged before it takes its place."""
        return [*self.artifacts, *self.files, *self.links]


def compare_directories(root: HostRoot, service: Service, changes: ChangeSet, found: Differences) -> None:
    for directory in service.directories:
        current = ownership_text(root, directory.path, directory.ownership)
        if changes.compare(f"directory {directory.path}", current, wanted_text(directory.ownership), "directories"):
            found.directories.append(directory)


def compare_files(root: HostRoot, service: Service, changes: ChangeSet, found: Differences, needs: Needs) -> None:
    for file in service.files:
        current = content_of(root, file.path)
        if current != file.content.encode("utf-8", "surrogateescape"):
            shown = shown_content(current, file.secret), shown_content(file.content.encode("utf-8", "surrogateescape"), file.secret)
            changes.compare(f"file {file.path}", *shown, "files", needs(file.path))
            found.files.append(file)
        compare_mode(root, file.path, file.ownership, changes, found, replaced=file in found.files)
    for link in service.links:
        target = root.readlink(link.path)
        current_target = target or ("not a link" if root.exists(link.path) else ABSENT)
        if changes.compare(f"link {link.path}", current_target, link.target, "links", needs(link.path)):
            found.links.append(link)
    for path in service.absent:
        if changes.compare(f"path {path}", "present" if os.path.lexists(root.real(path)) else ABSENT, ABSENT, "absent", needs(path)):
            found.absent.append(path)


def compare_mode(root: HostRoot, path: str, ownership: Ownership, changes: ChangeSet, found: Differences, replaced: bool) -> None:
    """A file that is replaced gets owner and mode with its content; another one gets them alone."""
    differs = changes.compare(f"mode of {path}", ownership_text(root, path, ownership), wanted_text(ownership), "owner, group and mode")
    if differs and not replaced:
        found.modes.append((path, ownership))


def content_of(root: HostRoot, path: str) -> bytes | None:
    try:
        with open(root.real(path), "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def shown_content(content: bytes | None, secret: bool) -> str:
    """A file's text for the diff; a checksum where it is secret, binary or long."""
    if content is None:
        return ABSENT
    checksum = hashlib.sha256(content).hexdigest()
    if secret:
        return f"secret, sha256 {checksum[:12]}"
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return f"sha256 {checksum}"
    return text if len(content) <= MOST_SHOWN else f"sha256 {checksum}"


def wanted_text(ownership: Ownership) -> str:
    return f"{ownership.owner}:{ownership.group} {ownership.mode:04o}"


def ownership_text(root: HostRoot, path: str, wanted: Ownership) -> str:
    """Owner, group and mode of what is there. A tree that only looks like a host has its files' modes, not their owners."""
    status = root.stat(path)
    if status is None:
        return ABSENT
    mode = f"{stat.S_IMODE(status.st_mode):04o}"
    if not root.is_live:
        return f"{wanted.owner}:{wanted.group} {mode}"
    return f"{_name(pwd.getpwuid, status.st_uid)}:{_name(grp.getgrgid, status.st_gid)} {mode}"


def _name(lookup: t.Callable[[int], t.Any], number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def owner_problems(root: HostRoot, service: Service) -> list[Failure]:
    """Users and groups that do not exist."""
    items: list[Directory | Artifact | File] = [*service.directories, *service.artifacts, *service.files]
    owned = [(item.path, item.ownership) for item in items]
    failures = []
    for kind, database, names in (
        ("user", "/etc/passwd", {ownership.owner: path for path, ownership in owned}),
        ("group", "/etc/group", {ownership.group: path for path, ownership in owned}),
    ):
        for name, path in sorted(names.items()):
            if name != "root" and not _account_exists(root, database, name):
                failures.append(
                    Failure(
                        asked=f"{kind} {name} for {path}",
                        found=f"no such {kind}, and no package of this call is still to be installed",
                        where=database,
                        remedy=f"list the package that makes it, or make the {kind} first",
                    )
                )
    return failures


def _account_exists(root: HostRoot, database: str, name: str) -> bool:
    if root.is_live:  # names may also come from a directory service
        try:
            (pwd.getpwnam if database.endswith("passwd") else grp.getgrnam)(name)
        except KeyError:
            return False
        return True
    return any(line.startswith(f"{name}:") for line in (root.read_optional(database) or "").splitlines())


def place_problems(root: HostRoot, service: Service, differences: Differences, packages_missing: bool) -> list[Failure]:
    """Destinations that cannot be written: wrong kind, no directory, a read-only file system."""
    failures = []
    listed = {directory.path for directory in service.directories}
    for path in differences.swapped():
        parent = posixpath.dirname(path)
        if os.path.isdir(root.real(path)) and not os.path.islink(root.real(path)):
            failures.append(_place(path, "a directory is there", "move it away, or choose another path"))
        elif not root.is_dir(parent):
            expected = packages_missing or any(place == parent or place.startswith(f"{parent}/") for place in listed)
            if not expected:
                failures.append(_place(path, f"no directory {parent}", "list the directory in directories"))
        elif _is_read_only(root, parent):
            failures.append(
                _place(path, f"EROFS: {parent} is on a read-only file system", "remount it writable, or find out why it is not")
            )
    for directory in differences.directories:
        if root.exists(directory.path) and not root.is_dir(directory.path):
            failures.append(_place(directory.path, "it is no directory", "move it away, or choose another path"))
        above = directory.path
        while not root.exists(above):
            above = posixpath.dirname(above)
        if _is_read_only(root, above):
            failures.append(
                _place(directory.path, f"EROFS: {above} is on a read-only file system", "remount it writable, or find out why it is not")
            )
    return failures


def _is_read_only(root: HostRoot, directory: str) -> bool:
    return bool(os.statvfs(root.real(directory)).f_flag & os.ST_RDONLY)


def _place(path: str, found: str, remedy: str) -> Failure:
    return Failure(asked=f"write {path}", found=found, where=path, remedy=remedy)
