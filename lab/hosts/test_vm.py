# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel and initrd of the test VM: Debian's cloud kernel, busybox and what stands in lab/images/test_vm.

Small enough for software emulation: it boots in three seconds. The packages are unpacked in a temporary directory, not
installed: a kernel package would touch the machine's boot loader.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..checksum import IMAGES
from ..commands import LabError, run
from ..packages import refresh_index
from ..progress import Progress
from .definition import TEST_VM_BUSYBOX, TEST_VM_COMPILER, TEST_VM_KERNEL

_DEFINITION = IMAGES / "test_vm"


def test_vm_files(directory: Path, progress: Progress) -> Path:
    """Directory with `vmlinuz` and `initrd.gz`, made below `directory` if this definition was not built before."""
    ready = directory / _checksum()
    if ready.is_dir():
        return ready
    progress.changed("making the test VM's kernel and initrd")
    directory.mkdir(parents=True, exist_ok=True)
    for left_over in directory.glob("building-*"):
        shutil.rmtree(left_over)
    work = Path(tempfile.mkdtemp(prefix="building-", dir=directory))
    packages = _unpack(work, progress)
    result = work / "result"
    result.mkdir(mode=0o755)
    release = _kernel_release(packages)
    shutil.copyfile(packages / "boot" / f"vmlinuz-{release}", result / "vmlinuz")
    _make_initrd(work / "initrd", packages, release, result / "initrd.gz")
    for file in result.iterdir():
        file.chmod(0o644)
    os.replace(result, ready)
    # The work directory and earlier definitions. A host that still has one mounted keeps it until it is made anew.
    for old in directory.iterdir():
        if old != ready:
            shutil.rmtree(old)
    return ready


def _checksum() -> str:
    digest = hashlib.sha256(f"{TEST_VM_KERNEL} {TEST_VM_BUSYBOX}".encode())
    for file in (*sorted(_DEFINITION.iterdir()), Path(__file__)):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _unpack(work: Path, progress: Progress) -> Path:
    """Download and unpack the packages; the kernel's is the one that TEST_VM_KERNEL depends on."""
    refresh_index([TEST_VM_KERNEL, TEST_VM_BUSYBOX, TEST_VM_COMPILER], progress)
    depends = run(["apt-cache", "depends", "--no-recommends", "--no-suggests", TEST_VM_KERNEL]).stdout
    kernel = re.search(r"Depends: (linux-image-\S+)", depends)
    if not kernel:
        raise LabError(f"apt names no kernel package behind {TEST_VM_KERNEL}; check the machine's apt sources")
    downloads = work / "downloads"
    downloads.mkdir()
    script = 'cd "$1" && shift && exec apt-get download --quiet --option=APT::Sandbox::User=root "$@"'
    run(["sh", "-c", script, "download", str(downloads), kernel.group(1), TEST_VM_BUSYBOX, TEST_VM_COMPILER], timeout=600)
    packages = work / "packages"
    for archive in sorted(downloads.glob("*.deb")):
        run(["dpkg-deb", "--extract", str(archive), str(packages)], timeout=120)
    return packages


def _kernel_release(packages: Path) -> str:
    kernels = sorted((packages / "boot").glob("vmlinuz-*"))
    if len(kernels) != 1:
        raise LabError(f"expected one kernel in the unpacked packages, found {[kernel.name for kernel in kernels]}")
    return kernels[0].name[len("vmlinuz-") :]


def _make_initrd(tree: Path, packages: Path, release: str, target: Path) -> None:
    for directory in ("bin", "proc", "sys", "dev", "modules"):
        (tree / directory).mkdir(parents=True)
    busybox = tree / "bin" / "busybox"
    shutil.copy2(next(path for path in (packages / "bin/busybox", packages / "usr/bin/busybox") if path.exists()), busybox)
    for applet in run([str(busybox), "--list"]).stdout.split():
        link = tree / "bin" / applet
        if not link.exists():
            link.symlink_to("busybox")
    shutil.copy2(_DEFINITION / "init", tree / "init")
    compiler = [str(packages / "usr/bin/tcc"), "-nostdlib", "-static", "-o", str(tree / "bin" / "udp_echo")]
    run([*compiler, str(_DEFINITION / "udp_echo.c")])
    (tree / "modules" / "order").write_text("\n".join(_copy_modules(tree, packages, release)) + "\n")
    names = "\n".join(sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))) + "\n"
    archive = subprocess.run(
        ["cpio", "--create", "--quiet", "--format=newc", "--reproducible", "--owner=0:0"],
        input=names.encode(),
        cwd=tree,
        capture_output=True,
        check=True,
    )
    target.write_bytes(gzip.compress(archive.stdout, 6, mtime=0))


def _copy_modules(tree: Path, packages: Path, release: str) -> list[str]:
    """Copy the modules this kernel has as files, unpacked; their names in load order."""
    roots = [packages / prefix / "modules" / release / "kernel" for prefix in ("lib", "usr/lib")]
    order = []
    for line in (_DEFINITION / "modules.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        for root in roots:
            plain, packed = root / f"{line}.ko", root / f"{line}.ko.xz"
            if plain.exists() or packed.exists():
                name = plain.name
                (tree / "modules" / name).write_bytes(plain.read_bytes() if plain.exists() else lzma.decompress(packed.read_bytes()))
                order.append(name)
                break
    return order
