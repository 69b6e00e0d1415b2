# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Which boot loader a host has."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot import bls, grub
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.bls import Bls
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.efi import loader_variable
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.grub import Grub
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.systemd_boot import BOOT_ROOTS, SystemdBoot

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.loader import BootLoader
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

LOADERS: dict[str, type[t.Any]] = {"grub": Grub, "bls": Bls, "systemd-boot": SystemdBoot}
AUTO = "auto"
IMAGE_BASED = "/run/ostree-booted"


def find_boot_loader(root: HostRoot, wanted: str = AUTO) -> BootLoader:
    """C(wanted) is a name, or C(auto). systemd-boot says over EFI that it was it; GRUB is told by its files. Raises Failure."""
    asked = "the host's boot loader"
    if root.exists(IMAGE_BASED):
        found = "an image-based system (rpm-ostree or bootc), which keeps its kernel arguments itself"
        raise Failure(asked=asked, found=found, where=IMAGE_BASED, remedy="use rpm-ostree kargs or bootc there")
    name = wanted if wanted != AUTO else _detect(root)
    if name is None:
        raise Failure(
            asked=asked,
            found="none of GRUB, GRUB with BLS entries and grubby, and systemd-boot with kernel-install",
            where=f"{grub.MENU}, {bls.ENTRIES}, {', '.join(f'{place}/loader' for place in BOOT_ROOTS)}",
            remedy="run this on a host that boots its own kernel (not in a container), or install the boot loader's programs",
        )
    loader: BootLoader = LOADERS[name](root)
    return loader


def _detect(root: HostRoot) -> str | None:
    said = loader_variable(root, "LoaderInfo") or ""
    if said.startswith("systemd-boot"):
        return "systemd-boot"
    if root.has_program("grubby") and root.is_dir(bls.ENTRIES):
        return "bls"
    if root.has_program(grub.GENERATOR) and root.exists(grub.MENU):
        return "grub"
    if root.has_program("kernel-install") and any(root.exists(f"{place}/loader/loader.conf") for place in BOOT_ROOTS):
        return "systemd-boot"
    return None
