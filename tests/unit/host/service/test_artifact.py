# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts come from a real HTTP server in this process, or from a path."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import pathlib
import tarfile
import threading
import typing as t
import zipfile

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import kill_at_every_boundary
from ansible_collections.baremetal.vmsite.tests.unit.host.service.service_host import carry_out, concern, host, leftovers, what

PROGRAM = b"#!/bin/sh\nexit 0\n"
DEST = "/usr/bin/exporter"


class Mirror(http.server.SimpleHTTPRequestHandler):
    asked: t.ClassVar[list[str]] = []

    def log_message(self, format: str, *arguments: t.Any) -> None:
        self.asked.append(self.path)


@pytest.fixture
def mirror(tmp_path: pathlib.Path) -> t.Iterator[str]:
    directory = tmp_path / "mirror"
    directory.mkdir()
    (directory / "exporter").write_bytes(PROGRAM)
    with tarfile.open(directory / "exporter.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo("exporter-1/exporter")
        entry.size = len(PROGRAM)
        tar.addfile(entry, io.BytesIO(PROGRAM))
    with zipfile.ZipFile(directory / "exporter.zip", "w") as zipped:
        zipped.writestr("exporter-1/exporter", PROGRAM)
    Mirror.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Mirror, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def root(tmp_path: pathlib.Path) -> HostRoot:
    place = tmp_path / "host"
    place.mkdir()
    return host(place)


def only(artifact: dict[str, str]) -> dict[str, t.Any]:
    return {"packages": [], "files": [], "validators": [], "units": [], "artifacts": [artifact]}


def artifact(tmp_path: pathlib.Path, mirror: str, name: str = "exporter") -> dict[str, str]:
    checksum = hashlib.sha256((tmp_path / "mirror" / name).read_bytes()).hexdigest()
    member = {} if name == "exporter" else {"member": "exporter-1/exporter"}
    return {"source": f"{mirror}/{name}", "sha256": checksum, "dest": DEST, **member}


@pytest.mark.parametrize("name", ["exporter", "exporter.tar.gz", "exporter.zip"])
def test_it_is_downloaded_once(tmp_path: pathlib.Path, mirror: str, root: HostRoot, name: str) -> None:
    wanted = only(artifact(tmp_path, mirror, name))
    assert what(carry_out(root, **wanted)) == [f"artifact {DEST}", f"mode of {DEST}"]
    installed = pathlib.Path(root.path + DEST)
    assert (installed.read_bytes(), installed.stat().st_mode & 0o777) == (PROGRAM, 0o755)
    assert not carry_out(root, **wanted)
    assert len(Mirror.asked) == 1
    assert leftovers(root) == []
    installed.write_bytes(b"changed by somebody")
    assert what(carry_out(root, **wanted)) == [f"artifact {DEST}"]
    assert installed.read_bytes() == PROGRAM


def test_check_mode_downloads_nothing(tmp_path: pathlib.Path, mirror: str, root: HostRoot) -> None:
    assert concern(root, **only(artifact(tmp_path, mirror))).plan()
    assert Mirror.asked == []


def test_a_wrong_checksum_installs_nothing(tmp_path: pathlib.Path, mirror: str, root: HostRoot) -> None:
    with pytest.raises(Failure, match="wrong checksum"):
        carry_out(root, **only({**artifact(tmp_path, mirror), "sha256": "0" * 64}))
    assert not root.exists(DEST)
    assert leftovers(root) == []


def test_a_wrong_checksum_on_the_host_itself_is_refused_in_check_mode(tmp_path: pathlib.Path, root: HostRoot) -> None:
    pathlib.Path(root.path, "srv").mkdir()
    pathlib.Path(root.path, "srv/exporter").write_bytes(PROGRAM)
    with pytest.raises(Failure, match="wrong checksum"):
        concern(root, **only({"source": "/srv/exporter", "sha256": "0" * 64, "dest": DEST})).plan()


@pytest.mark.parametrize(("change", "says"), [({"source": "/none"}, "HTTP 404"), ({"member": "none"}, "the archive has no file none")])
def test_what_the_mirror_does_not_have(tmp_path: pathlib.Path, mirror: str, root: HostRoot, change: dict[str, str], says: str) -> None:
    wanted = artifact(tmp_path, mirror, "exporter.tar.gz")
    wanted.update({key: mirror + value if key == "source" else value for key, value in change.items()})
    with pytest.raises(Failure, match=says):
        carry_out(root, **only(wanted))
    assert not root.exists(DEST)
    assert leftovers(root) == []


def test_a_mirror_that_is_not_there(root: HostRoot) -> None:
    with pytest.raises(Failure, match=r"127\.0\.0\.1:9.*refused|refused.*127\.0\.0\.1:9"):
        carry_out(root, **only({"source": "http://127.0.0.1:9/x", "sha256": "0" * 64, "dest": DEST}))


def test_killed_anywhere_the_next_run_finishes(tmp_path: pathlib.Path, mirror: str) -> None:
    wanted = only(artifact(tmp_path, mirror, "exporter.tar.gz"))
    hosts = tmp_path / "hosts"
    hosts.mkdir()
    assert kill_at_every_boundary(hosts, host, lambda root: concern(root, **wanted)) > 5
