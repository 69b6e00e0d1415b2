# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""A Linux host under one root directory. Every file and every command that host code touches goes through HostRoot.

The root is C(/) on a managed host. Any other root is a captured or made-up host: files are taken below it, and programs are looked up
below it only, so nothing of the machine that runs the code leaks in.
"""

from __future__ import annotations

import dataclasses
import errno
import glob
import grp
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

PROGRAM_DIRECTORIES = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")

# A sysfs attribute may exist and still have no value to give: that is "not there" for a reader.
NOTHING_TO_READ = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO, errno.EINVAL, errno.EIO, errno.EOPNOTSUPP)


@dataclasses.dataclass(frozen=True)
class Completed:
    """A command that ended: C(rc), and its output as text."""

    argv: tuple[str, ...]
    rc: int
    out: str
    err: str


class HostRoot:
    """All access to one host.

    C(on_boundary) is called before every write and every changing command with its number and description; tests kill the process there.
    """

    def __init__(self, path: str = "/", on_boundary: t.Callable[[int, str], None] | None = None) -> None:
        self.path = os.path.abspath(path)
        self.write_boundaries = 0
        self._on_boundary = on_boundary

    @property
    def is_live(self) -> bool:
        """True if this is the running host, not a tree that only looks like one."""
        return self.path == "/"

    def real(self, path: str) -> str:
        """Where a host's path lies for the process that runs this code."""
        return os.path.join(self.path, path.lstrip("/"))

    # Reading

    def read(self, path: str) -> str:
        """The text of a file without its last newline. Raises OSError."""
        with open(self.real(path), encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
        return text[:-1] if text.endswith("\n") else text

    def read_optional(self, path: str) -> str | None:
        """As C(read), but None where there is no file or the attribute has nothing to say."""
        try:
            return self.read(path)
        except OSError as error:
            if error.errno in NOTHING_TO_READ:
                return None
            raise

    def exists(self, path: str) -> bool:
        return os.path.exists(self.real(path))

    def is_dir(self, path: str) -> bool:
        return os.path.isdir(self.real(path))

    def names(self, path: str) -> list[str]:
        """The sorted names in a directory; empty if there is no such directory."""
        try:
            return sorted(os.listdir(self.real(path)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def glob(self, pattern: str) -> list[str]:
        """The sorted paths that match, as the host sees them."""
        prefix = "" if self.is_live else self.path
        return sorted(found[len(prefix) :] for found in glob.glob(glob.escape(prefix) + "/" + pattern.lstrip("/")))

    def readlink(self, path: str) -> str | None:
        try:
            return os.readlink(self.real(path))
        except OSError:
            return None

    def stat(self, path: str) -> os.stat_result | None:
        try:
            return os.stat(self.real(path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def sha256(self, path: str) -> str | None:
        """The checksum of a file's content, None if there is no such file."""
        digest = hashlib.sha256()
        try:
            with open(self.real(path), "rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return digest.hexdigest()

    # Writing

    def boundary(self, description: str) -> None:
        """Called before anything on the host changes."""
        self.write_boundaries += 1
        if self._on_boundary:
            self._on_boundary(self.write_boundaries, description)

    def write_value(self, path: str, text: str) -> None:
        """Write a kernel attribute (sysfs, procfs): in place, since such a file cannot be replaced."""
        self.boundary(f"write {text!r} to {path}")
        try:
            with open(self.real(path), "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise self._refused(f"write {text!r}", path, error) from error

    def write_file(self, path: str, content: str | bytes, mode: int = 0o644, owner: str | None = None, group: str | None = None) -> None:
        """Replace a file as a whole: whoever reads it, or whatever kills us, finds the old content or the new, never a part."""
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        real = self.real(path)
        directory, name = os.path.split(real)
        temporary = os.path.join(directory, f".{name}.vmsite-new")  # a fixed name: what a killed run left is replaced by the next
        try:
            _remove_if_there(temporary)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fchown(file.fileno(), *self._owner_ids(owner, group))
                os.fsync(file.fileno())
            self.boundary(f"replace {path}")
            os.rename(temporary, real)
            _sync_directory(directory)
        except BaseException as error:
            _remove_if_there(temporary)
            if isinstance(error, OSError):
                raise self._refused("write the file", path, error) from error
            raise

    def make_dir(self, path: str, mode: int = 0o755, owner: str | None = None, group: str | None = None) -> None:
        """Make a directory (its parents too, with mode 0755) or correct its mode and owner."""
        self.boundary(f"make directory {path}")
        real = self.real(path)
        try:
            os.makedirs(real, exist_ok=True)
            os.chmod(real, mode)
            os.chown(real, *self._owner_ids(owner, group))
        except OSError as error:
            raise self._refused("make the directory", path, error) from error

    def set_mode(self, path: str, mode: int, owner: str | None = None, group: str | None = None) -> None:
        """Correct mode and owner of what is there."""
        self.boundary(f"set mode of {path}")
        try:
            os.chown(self.real(path), *self._owner_ids(owner, group))
            os.chmod(self.real(path), mode)
        except OSError as error:
            raise self._refused(f"set mode {mode:04o}", path, error) from error

    def remove(self, path: str) -> None:
        """Remove a file or link; fine if it is gone already."""
        self.boundary(f"remove {path}")
        try:
            os.unlink(self.real(path))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._refused("remove the file", path, error) from error

    def link(self, target: str, path: str) -> None:
        """Make C(path) a symbolic link to C(target), replacing what is there in one step."""
        real = self.real(path)
        temporary = f"{real}.vmsite-new"
        try:
            _remove_if_there(temporary)
            os.symlink(target, temporary)
            self.boundary(f"link {path} to {target}")
            os.rename(temporary, real)
        except OSError as error:
            raise self._refused(f"link to {target}", path, error) from error

    # Commands

    def has_program(self, name: str) -> bool:
        return self._program(name) is not None

    def run(self, argv: t.Sequence[str], *, changes: bool, timeout: float = 60, input: str | None = None, check: bool = True) -> Completed:
        """Run a program of this host. C(changes=False) is a promise that it only reads. Raises Failure if it is missing, hangs or (C(check)) fails."""
        program = self._program(argv[0])
        command = " ".join(argv)
        if program is None:
            raise Failure(
                asked=f"run {command}",
                found=f"no program {argv[0]}",
                where=f"{self.path}: {', '.join(PROGRAM_DIRECTORIES)}",
                remedy=f"install the package that brings {argv[0]}",
            )
        if changes:
            self.boundary(f"run {command}")
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "VMSITE_ROOT": self.path}
        try:
            ended = subprocess.run(
                [program, *argv[1:]],
                input=input,
                stdin=subprocess.DEVNULL if input is None else None,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=timeout,
                check=False,
                env=environment,
            )
        except subprocess.TimeoutExpired as error:
            raise Failure(
                asked=f"run {command}", found=f"no end after {timeout:g} s", where=program, remedy="look at what the program waits for"
            ) from error
        completed = Completed(tuple(argv), ended.returncode, ended.stdout, ended.stderr)
        if check and completed.rc != 0:
            said = (completed.err.strip() or completed.out.strip() or "nothing").replace("\n", " / ")
            raise Failure(
                asked=f"run {command}",
                found=f"exit code {completed.rc}, it said: {said}",
                where=program,
                remedy="mend what the program names",
            )
        return completed

    def _program(self, name: str) -> str | None:
        if name.startswith("/"):
            return self.real(name) if os.access(self.real(name), os.X_OK) else None
        return shutil.which(name, path=os.pathsep.join(self.real(directory) for directory in PROGRAM_DIRECTORIES))

    def _owner_ids(self, owner: str | None, group: str | None) -> tuple[int, int]:
        """Numeric ids, -1 for "leave". Names are the running machine's: a tree that only looks like a host keeps the owner it has."""
        if not self.is_live:
            return -1, -1
        try:
            return (pwd.getpwnam(owner).pw_uid if owner else -1), (grp.getgrnam(group).gr_gid if group else -1)
        except KeyError as error:
            raise Failure(
                asked=f"owner {owner}, group {group}",
                found=str(error.args[0]),
                where="/etc/passwd, /etc/group",
                remedy="install the package that makes this user",
            ) from error

    def _refused(self, action: str, path: str, error: OSError) -> Failure:
        remedies = {
            errno.EROFS: "remount the file system writable, or find out why the kernel made it read-only",
            errno.ENOSPC: "free space on this file system",
            errno.EACCES: "run with become",
            errno.EPERM: "run with become, or drop what forbids it (immutable flag, lockdown, container)",
            errno.ENOENT: "install what brings this file, or check the kernel's configuration",
        }
        found = f"{errno.errorcode.get(error.errno or 0, 'error')}: {error.strerror or error}"
        return Failure(asked=action, found=found, where=path, remedy=remedies.get(error.errno or 0, "look at the kernel's log"))


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_if_there(path: str) -> None:
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    except OSError as error:
        if error.errno != errno.EROFS:
            raise


def mode_of(status: os.stat_result) -> int:
    """The permission bits of a stat result."""
    return stat.S_IMODE(status.st_mode)
