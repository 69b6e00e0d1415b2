# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image every host starts from: a Debian root file system, and on it a small layer with the lab's own files.

Each of the two is named by the checksum of its definition: a changed one is built, an unchanged one never again.
Both steps are atomic: a killed build leaves a partial tar, which the next one throws away, or a whole one to import.
"""

from __future__ import annotations

from ..checksum import IMAGES, checksum, files_below
from ..progress import Progress
from ..root_file_system import LEFT_OUT, make_root_file_system, package_names
from .definition import SUITE
from .podman import Podman

_DEFINITION = IMAGES / "host"
_PACKAGES = _DEFINITION / "packages.txt"
_BASE = "localhost/vmsite-host-base"
_HOST = "localhost/vmsite-host"


def host_image(podman: Podman, mirror: str, progress: Progress) -> str:
    """Name of the host image, built first if this definition was not built before."""
    base = f"{_BASE}:{checksum([_PACKAGES], SUITE, *LEFT_OUT)}"
    host = f"{_HOST}:{checksum(files_below(_DEFINITION), base)}"
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
        progress.changed("building the host's root file system (once; a few minutes)")
        make_root_file_system(tar, SUITE, package_names(_PACKAGES), mirror, progress)
    progress.changed("importing the root file system")
    podman.run(["import", "--quiet", "--change", 'CMD ["/sbin/init"]', str(tar), name], timeout=600)
    tar.unlink()
