# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Artifacts: files that are known by their checksum. Downloaded only if needed, verified before anything is replaced."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import posixpath
import shutil
import tarfile
import typing as t
import urllib.error
import zipfile

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.files import ABSENT, Differences, compare_mode
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.swap import refusing

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.files import Needs
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.swap import Stage
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import Artifact, Service

READ_TIMEOUT = 60.0
BLOCK = 1 << 20
Known = dict[str, dict[str, str]]


def compare_artifacts(root: HostRoot, service: Service, known: Known, changes: ChangeSet, found: Differences, needs: Needs) -> None:
    """C(known) is the record of members: the checksum that is given is their archive's, not their own."""
    for artifact in service.artifacts:
        wanted = artifact.sha256 + (f" {artifact.member}" if artifact.member else "")
        if changes.compare(f"artifact {artifact.path}", _current(root, artifact, known), wanted, artifact.source, needs(artifact.path)):
            found.artifacts.append(artifact)
        compare_mode(root, artifact.path, artifact.ownership, changes, found, replaced=artifact in found.artifacts)


def _current(root: HostRoot, artifact: Artifact, known: Known) -> str:
    installed = root.sha256(artifact.path) if not root.is_dir(artifact.path) else None
    entry = known.get(artifact.path)
    if artifact.member and entry and entry["installed"] == installed:
        return f"{entry['archive']} {entry['member']}"
    return installed or ABSENT


def source_problems(root: HostRoot, artifacts: t.Sequence[Artifact]) -> list[Failure]:
    """What can be said of sources on the host itself before anything is touched."""
    failures = []
    for artifact in artifacts:
        path = _local(artifact.source)
        if path is not None:
            actual = root.sha256(path) if not root.is_dir(path) else None
            if actual is None:
                failures.append(_failure(artifact, "no such file", "put the file there, or name a mirror"))
            elif actual != artifact.sha256:
                failures.append(_wrong_checksum(artifact, actual))
    return failures


def stage_artifacts(root: HostRoot, artifacts: t.Sequence[Artifact], stage: Stage) -> Known:
    """Download, verify, unpack and stage each. Returns what is to be recorded of members. Raises Failure."""
    members: Known = {}
    for artifact in artifacts:
        place = stage.open(artifact.path)
        cached = posixpath.join(posixpath.dirname(place), f".download-{artifact.sha256}")
        if root.sha256(cached) != artifact.sha256:  # whole and right: a killed run, or another member of the same archive
            _fetch(root, artifact, cached)
        root.boundary(f"stage {artifact.path}")
        with refusing("stage", artifact.path):
            _unpack(root.real(cached), artifact, root.real(place))
        root.set_mode(place, artifact.ownership.mode, artifact.ownership.owner, artifact.ownership.group)
        if artifact.member:
            members[artifact.path] = {"archive": artifact.sha256, "member": artifact.member, "installed": str(root.sha256(place))}
    return members


def _fetch(root: HostRoot, artifact: Artifact, cached: str) -> None:
    root.boundary(f"download {artifact.source}")
    digest = hashlib.sha256()
    try:
        with _open_source(root, artifact) as source, open(root.real(cached), "wb") as file:
            for block in iter(lambda: source.read(BLOCK), b""):
                digest.update(block)
                file.write(block)
    except urllib.error.HTTPError as error:
        raise _failure(artifact, f"HTTP {error.code} {error.reason}", "look at the mirror and at the path in the URL") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _failure(
            artifact, f"{getattr(error, 'reason', error)}", "look at the mirror, its name, its certificate and the way to it"
        ) from error
    except OSError as error:
        found = f"{errno.errorcode.get(error.errno or 0, 'error')}: {error.strerror or error}"
        raise _failure(artifact, found, f"make room for the download in {posixpath.dirname(cached)}") from error
    if digest.hexdigest() != artifact.sha256:
        os.unlink(root.real(cached))
        raise _wrong_checksum(artifact, digest.hexdigest())


def _open_source(root: HostRoot, artifact: Artifact) -> t.Any:
    path = _local(artifact.source)
    if path is not None:
        return open(root.real(path), "rb")
    from ansible.module_utils.urls import open_url  # large, and needed only when something is downloaded

    return open_url(artifact.source, timeout=READ_TIMEOUT)


def _unpack(archive: str, artifact: Artifact, place: str) -> None:
    """Copy the one wanted file, to the disk."""
    with open(place, "wb") as target:
        if artifact.member is None:
            with open(archive, "rb") as source:
                shutil.copyfileobj(source, target, BLOCK)
        else:
            _copy_member(archive, artifact, target)
        target.flush()
        os.fsync(target.fileno())


def _copy_member(archive: str, artifact: Artifact, target: t.IO[bytes]) -> None:
    member = t.cast("str", artifact.member)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped, zipped.open(member) as inside:
                shutil.copyfileobj(inside, target, BLOCK)
            return
        with tarfile.open(archive) as tar:
            entry = next((found for found in tar if posixpath.normpath(found.name) == posixpath.normpath(member)), None)
            file = tar.extractfile(entry) if entry is not None and entry.isfile() else None
            if file is None:
                raise KeyError(member)
            shutil.copyfileobj(file, target, BLOCK)
    except KeyError as error:
        raise _failure(artifact, f"the archive has no file {member}", "look at its list of contents") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise _failure(artifact, f"no tar or zip archive that can be read: {error}", "drop member if it is no archive") from error


def _local(source: str) -> str | None:
    """The path on the host, None for a URL of another machine."""
    if source.startswith("/"):
        return source
    return source[len("file://") :] if source.startswith("file://") else None


def _wrong_checksum(artifact: Artifact, actual: str) -> Failure:
    return _failure(
        artifact,
        f"wrong checksum: {actual}, not {artifact.sha256}",
        "find out whether the source or the checksum is wrong; do not just copy the new one",
    )


def _failure(artifact: Artifact, found: str, remedy: str) -> Failure:
    return Failure(asked=f"install {artifact.path}", found=found, where=artifact.source, remedy=remedy)
