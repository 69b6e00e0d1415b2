# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image every host starts from: a Debian root file system, and on it a small layer with the lab's own files.

Each of the two is named by the checksum of its definition: a changed one is built, an unchanged one never again.
Both steps are atomic: a killed build leaves a partial tar, which the next one throws away, or a whole one to import.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from .commands import LabError
from .definition import IMAGES, SUITE
from .podman import Podman
from .progress import Progress

_DEFINITION = IMAGES / "host"
_PACKAGES = _DEFINITION / "packages.txt"
_BASE = "localhost/vmsite-host-base"
_HOST = "localhost/vmsite-host"
# Nobody reads manuals in a lab host; a third of the size.
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/info/*", "/usr/share/doc/*", "/usr/share/locale/*")


def host_image(podman: Podman, mirror: str, progress: Progress) -> str:
    """Name of the host image, built first if this definition was not built before."""
    base = f"{_BASE}:{_checksum([_PACKAGES], SUITE, *_LEFT_OUT)}"
    host = f"{_HOST}:{_checksum(_files(_DEFINITION), base)}"
    if podman.has_image(host):
        return host
    if not podman.has_image(base):
        _make_base(podman, base, mirror, progress)
    progress.changed("adding the lab's files to the host image")
    build = ["build", "--quiet", "--pull=never", "--layers=false", "--isolation=chroot"]
    podman.run([*build, f"--build-arg=BASE={base}", f"--tag={host}", str(_DEFINITION)], timeout=300)
    podman.remove_images_except((_BASE, _HOST), keep=(base, host))
    return host


def _make_base(podman: Podman, name: str, mirror: str, progress: Progress) -> None:
    tar = podman.directory.parent / f"{name.rsplit('/', 1)[1].replace(':', '-')}.tar"
    if not tar.exists():
        partial = tar.with_suffix(".partial.tar")
        partial.unlink(missing_ok=True)
        progress.changed("building the host's root file system (once; a few minutes)")
        _mmdebstrap(partial, mirror, progress)
        os.replace(partial, tar)
    progress.changed("importing the root file system")
    podman.run(["import", "--quiet", "--change", 'CMD ["/sbin/init"]', str(tar), name], timeout=600)
    tar.unlink()


def _mmdebstrap(target: Path, mirror: str, progress: Progress) -> None:
    packages = [line for line in _PACKAGES.read_text().split("\n") if line and not line.startswith("#")]
    # All its processes and mounts end with us, even when we are killed: it would go on writing beside the next build.
    argv = ["setpriv", "--pdeathsig=KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    argv += ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}"]
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    argv += [SUITE, str(target)]
    argv += [
        f"deb {mirror} {SUITE} main",
        f"deb {mirror} {SUITE}-updates main",
        f"deb {mirror}-security {SUITE}-security main",
    ]
    # A killed build leaves its half-made tree here, where the next one finds and removes it.
    work = target.parent / "building"
    if work.exists():
        shutil.rmtree(work)
    work.mkdir(parents=True)
    log = target.with_suffix(".log")
    with open(log, "w", encoding="utf-8") as log_file:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "TMPDIR": str(work), "LC_ALL": "C.UTF-8"},
        )
        assert process.stdout is not None
        for line in process.stdout:
            log_file.write(line)
            if line.startswith("I: "):
                progress.say("  " + line[3:].strip())
    if process.wait() != 0:
        raise LabError(f"mmdebstrap failed with rc {process.returncode}; its output is in {log}. Is {mirror} reachable from this machine?")
    log.unlink()
    shutil.rmtree(work)


def _checksum(files: list[Path], *parameters: str) -> str:
    digest = hashlib.sha256()
    for parameter in parameters:
        digest.update(parameter.encode() + b"\0")
    for file in files:
        digest.update(f"{file.relative_to(IMAGES)} {file.stat().st_mode & 0o111}".encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())
