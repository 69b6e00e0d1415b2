# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest's image: a disk with Debian on it, built once and never written to; what a guest writes goes to its overlay.

It is named by the checksum of its definition (lab/images/guest, the keys), and its content has a checksum of its own, because a
cache may be damaged and a guest on a damaged disk fails in ways that nobody would look for here. A killed build leaves its work
directory, which the next one removes; its mounts and loop device end with it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from ..checksum import IMAGES, checksum, files_below
from ..commands import LabError, run
from ..contained import run_contained
from ..keys import public_key
from ..progress import Progress
from ..root_file_system import LEFT_OUT, make_root_file_system, package_names
from ..small_file import write_small_file
from ..ssh import OPERATOR
from .access import Access
from .definition import DISK_GIB, NAME, SUITE
from .qemu import Qemu

_DEFINITION = IMAGES / "guest"
_PACKAGES = _DEFINITION / "packages.txt"
# A site host is a site host: how one logs in and becomes root is the same as on the lab's hosts.
_FILES_OF_HOSTS = (IMAGES / "host/files/etc/ssh/sshd_config.d/lab.conf", IMAGES / "host/files/etc/sudoers.d/operator")


@dataclass(frozen=True)
class Image:
    """A whole image: `file` is qcow2, `content` the SHA-256 of its bytes."""

    file: Path
    content: str


class Images:
    """Images below `directory`, of which one is kept."""

    def __init__(self, directory: Path, access: Access) -> None:
        self._directory = directory
        self._access = access

    @property
    def _file(self) -> Path:
        keys = [public_key(key).read_text() for key in (self._access.user_key, self._access.host_key) if key.exists()]
        name = checksum([*files_below(_DEFINITION), *_FILES_OF_HOSTS], SUITE, NAME, str(DISK_GIB), *LEFT_OUT, *keys)
        return self._directory / f"guest-{name}.qcow2"

    @property
    def _content(self) -> Path:
        return self._file.with_suffix(".sha256")

    def recorded(self) -> Image | None:
        """The image of this definition, if it was built; not verified."""
        if not (self._file.exists() and self._content.exists()):
            return None
        return Image(self._file, self._content.read_text().split()[0])

    def verified_or_built(self, qemu: Qemu, mirror: str, progress: Progress) -> Image:
        """The image of this definition, with its content as it was when it was built."""
        image = self.recorded()
        if image is not None:
            found = _sha256(image.file)
            if found == image.content:
                return image
            progress.changed(f"the image is damaged: {image.file} has SHA-256 {found[:16]}..., was built with {image.content[:16]}...")
        return self._build(qemu, mirror, progress)

    def _build(self, qemu: Qemu, mirror: str, progress: Progress) -> Image:
        progress.changed("building the guest's image (once; two minutes)")
        self._directory.mkdir(parents=True, exist_ok=True)
        work = self._directory / "building"
        if work.exists():
            shutil.rmtree(work)
        work.mkdir(mode=0o700)
        tar = work / "root.tar"
        make_root_file_system(tar, SUITE, package_names(_PACKAGES), mirror, progress)
        self._assemble_files(work / "files")
        raw = work / "disk.raw"
        self._make_disk(raw, tar, work, progress)
        progress.say("  converting the disk")
        new = work / "disk.qcow2"
        run([str(qemu.image), "convert", "-O", "qcow2", str(raw), str(new)], environment=qemu.environment, timeout=600)
        # Only root may read it: the guest's host key is in it.
        new.chmod(0o600)
        image = Image(self._file, _sha256(new))
        for old in self._directory.iterdir():
            if old != work:
                old.unlink()
        # In the form that sha256sum --check reads. The image comes last: when both are there, the image is whole.
        write_small_file(self._content, f"{image.content}  {image.file.name}\n")
        os.replace(new, image.file)
        shutil.rmtree(work)
        progress.say(f"  {image.file.name}: {image.file.stat().st_size >> 20} MiB")
        return image

    def _assemble_files(self, target: Path) -> None:
        """Everything that is copied over Debian's files: fixed ones, and those that make this guest itself."""
        shutil.copytree(_DEFINITION / "files", target)
        for file in _FILES_OF_HOSTS:
            destination = target / file.relative_to(IMAGES / "host/files")
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, destination)
        machine_id = uuid.uuid5(uuid.NAMESPACE_DNS, f"{NAME}.lab.vmsite.internal").hex
        texts = {
            "etc/hostname": f"{NAME}\n",
            "etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {NAME}\n::1 localhost\n",
            "etc/machine-id": f"{machine_id}\n",
            "etc/ssh/ssh_host_ed25519_key": self._access.host_key.read_text(),
            "etc/ssh/ssh_host_ed25519_key.pub": public_key(self._access.host_key).read_text(),
            f"etc/ssh/authorized_keys/{OPERATOR}": public_key(self._access.user_key).read_text(),
        }
        for name, text in texts.items():
            file = target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def _make_disk(self, raw: Path, tar: Path, work: Path, progress: Progress) -> None:
        log = self._directory / "make_disk.log"

        def tell(line: str) -> None:
            if line.startswith("== "):
                progress.say("  " + line[3:].strip())

        argv = ["sh", str(_DEFINITION / "make_disk"), str(raw), str(DISK_GIB), str(tar), str(work / "files"), str(work / "root")]
        rc = run_contained(argv, log, {}, tell)
        if rc != 0:
            raise LabError(f"making the guest's disk failed with rc {rc}; its output is in {log}. It ends with: {_last_line(log)}")
        log.unlink()


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with open(file, "rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _last_line(log: Path) -> str:
    lines = log.read_text().split("\n")
    return next((line for line in reversed(lines) if line), "nothing")
