# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make lab-up`: from whatever is there to a running lab. What is already in place is left alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..commands import LabError
from ..packages import install_packages
from ..progress import Progress
from . import cgroups, network
from .access import SSH_CONFIG, Access
from .definition import HOSTS, HUGEPAGES_2M, MACHINE_PACKAGES, RUNTIME
from .hosts import LabHosts
from .hugepages import HugepagePool
from .image import host_image
from .podman import Podman
from .test_vm import test_vm_files


def up(cache: Path, mirror: str) -> None:
    progress = Progress()
    install_packages(MACHINE_PACKAGES, progress)
    RUNTIME.mkdir(mode=0o755, exist_ok=True)
    podman = Podman(cache / "podman")
    podman.configure()
    image = host_image(podman, mirror, progress)
    test_vm = test_vm_files(cache / "test_vm", progress)
    HugepagePool(RUNTIME / "hugepages.json").reserve(HUGEPAGES_2M, progress)
    cgroups.set_weight(progress)
    access = Access(cache / "access")
    access.prepare(progress)
    network.make_bridges(progress)

    hosts = LabHosts(podman, access, image, test_vm)
    found = podman.containers()
    undefined = sorted(set(found) - {host.container for host in HOSTS})
    if undefined:
        podman.remove(undefined)
        progress.changed(f"no longer defined, removed: {' '.join(undefined)}")
    with ThreadPoolExecutor(len(HOSTS)) as pool:
        waiting = [pool.submit(hosts.bring_up, host, found.get(host.container), progress) for host in HOSTS]
    failures = [str(host.exception()) for host in waiting if isinstance(host.exception(), LabError)]
    if failures:
        raise LabError("; ".join(failures))
    for host in waiting:
        host.result()

    names = ", ".join(host.name for host in HOSTS)
    done = "nothing to change" if progress.changes == 0 else f"{progress.changes} changes"
    progress.say(f"lab is up ({done}): {names}. Log in: ssh -F {SSH_CONFIG} {HOSTS[0].name}")
