# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Staging and swapping: new files are complete beside their destination before the first one takes its place, and the old ones stay until the end.

Both lie in hidden directories of the destination's own directory: a rename there is atomic, a program confined by AppArmor may read there, and
what reads whole directories (conf.d) overlooks them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import shutil
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.record import ABSENT, KEPT

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import Ownership

REMEDIES = {
    errno.ENOSPC: "free space on this file system",
    errno.EDQUOT: "free space on this file system",
    errno.EROFS: "remount the file system writable, or find out why the kernel made it read-only",
    errno.ENOENT: "list its directory in directories, or find out why no package brought it",
}


@contextlib.contextmanager
def refusing(action: str, path: str) -> t.Iterator[None]:
    """Turn what the operating system refuses into a Failure."""
    try:
        yield
    except OSError as error:
        raise Failure(
            asked=f"{action} {path}",
            found=f"{errno.errorcode.get(error.errno or 0, 'error')}: {error.strerror or error}",
            where=path,
            remedy=REMEDIES.get(error.errno or 0, "look at the file system and at the kernel's log"),
        ) from error


class Stage:
    """The hidden directories of one service. C(purpose) keeps the copies that check mode shows to validators apart from a real run's."""

    def __init__(self, root: HostRoot, service: str, purpose: str = "new") -> None:
        self.root = root
        self.name = f".vmsite-{service}-{purpose}"

    def directory(self, path: str) -> str:
        return posixpath.join(posixpath.dirname(path), self.name)

    def place(self, path: str) -> str:
        """Where the staged (or kept) copy of a file lies. It has the same name, since some programs judge by it."""
        return posixpath.join(self.directory(path), posixpath.basename(path))

    def open(self, path: str, mode: int = 0o755) -> str:
        """Make the directory for a file and return the file's place in it."""
        if not self.root.is_dir(self.directory(path)):
            with refusing("stage", path):
                self.root.boundary(f"make directory {self.directory(path)}")
                os.mkdir(self.root.real(self.directory(path)))  # not its parents: they are not ours to make
                os.chmod(self.root.real(self.directory(path)), mode)
        return self.place(path)

    def has_room(self, path: str) -> bool:
        """Whether the destination's directory is there."""
        return self.root.is_dir(posixpath.dirname(path))

    def write(self, path: str, content: str, ownership: Ownership) -> None:
        self.root.write_file(self.open(path), content, ownership.mode, ownership.owner, ownership.group)

    def left(self, paths: t.Iterable[str]) -> list[str]:
        """The directories that are there, for these files."""
        return sorted({self.directory(path) for path in paths if self.root.is_dir(self.directory(path))})

    def remove(self, paths: t.Iterable[str]) -> None:
        for directory in self.left(paths):
            self.root.boundary(f"remove {directory}")
            shutil.rmtree(self.root.real(directory), ignore_errors=True)


class Swap:
    """Puts staged files in place, and the previous ones back."""

    def __init__(self, root: HostRoot, service: str) -> None:
        self.root = root
        self.new = Stage(root, service, "new")
        self.previous = Stage(root, service, "previous")

    def what_was(self, paths: t.Sequence[str], earlier: dict[str, str]) -> dict[str, str]:
        """Path -> kept or absent, as before the first run that did not finish; C(earlier) is what that run recorded."""
        result = dict(earlier)
        for path in paths:
            still_known = earlier.get(path) == ABSENT or (path in earlier and self._is_there(self.previous.place(path)))
            if not still_known:
                result[path] = KEPT if self._is_there(path) else ABSENT
        return result

    def keep(self, paths: t.Sequence[str], was: dict[str, str], earlier: dict[str, str]) -> None:
        """A second name for each old file, so that putting it back restores content, owner and mode alike."""
        for path in paths:
            place = self.previous.place(path)
            if was[path] == ABSENT or (path in earlier and self._is_there(place)):
                continue
            self.previous.open(path, 0o700)
            with refusing("keep", path):
                self.root.boundary(f"keep {path}")
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.root.real(place))
                os.link(self.root.real(path), self.root.real(place), follow_symlinks=False)

    def put(self, path: str) -> None:
        self._rename(self.new.place(path), path)

    def restore(self, was: dict[str, str]) -> None:
        for path, state in was.items():
            if state == ABSENT:
                self.root.remove(path)
            elif self._is_there(self.previous.place(path)):
                self._rename(self.previous.place(path), path)

    def left(self, paths: t.Iterable[str]) -> list[str]:
        paths = list(paths)
        return self.new.left(paths) + self.previous.left(paths)

    def clean(self, paths: t.Iterable[str]) -> None:
        paths = list(paths)
        self.new.remove(paths)
        self.previous.remove(paths)

    def _rename(self, source: str, path: str) -> None:
        with refusing("replace", path):
            self.root.boundary(f"replace {path}")
            os.replace(self.root.real(source), self.root.real(path))
            descriptor = os.open(os.path.dirname(self.root.real(path)), os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _is_there(self, path: str) -> bool:
        return os.path.lexists(self.root.real(path))
