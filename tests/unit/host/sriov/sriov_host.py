# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with two SR-IOV NICs, and the door as these tests use it."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.concern import SriovFunctions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.wanted import read_options
from ansible_collections.baremetal.vmsite.tests.fakes.ip_link import install_ip
from ansible_collections.baremetal.vmsite.tests.fakes.pci_kernel import PciKernel, vf_address
from ansible_collections.baremetal.vmsite.tests.unit.host.stand_in_kernel import KernelRoot

FIRST, SECOND = "0000:21:00.0", "0000:41:00.0"
VF0, VF1 = vf_address(FIRST, 0), vf_address(FIRST, 1)
OWN_PROCESS = 100

Json = dict[str, t.Any]


PciHost = KernelRoot[PciKernel]


def host(place: pathlib.Path, hook: t.Callable[[int, str], None] | None = None) -> PciHost:
    """The host in this directory; a fresh one if the directory is empty."""
    root = PciHost(place, PciKernel(place), hook)
    if not any(place.iterdir()):
        install_ip(place)
        (place / "etc/systemd/system").mkdir(parents=True)
        root.kernel.load_driver("vfio-pci")
        root.kernel.add_nic(FIRST, "ens1", group=1)
        root.kernel.add_nic(SECOND, "ens2", group=2)
        root.kernel.process(OWN_PROCESS, "python3")
        (place / "proc/self").symlink_to(str(OWN_PROCESS))
    return root


def function(pci: str = FIRST, count: int = 2, vfs: t.Sequence[Json] = (), **more: t.Any) -> Json:
    return {"pci": pci, "count": count, "vfs": list(vfs), **more}


def concern(root: HostRoot, *entries: Json, persistent: bool = True) -> SriovFunctions:
    return SriovFunctions(root, read_options(entries), OWN_PROCESS, persistent)
