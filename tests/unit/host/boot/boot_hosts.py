# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with each kind of boot loader, and the door kernel_args as these tests use it."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.concern import KernelArguments
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.fakes.boot_loaders import install_bls, install_grub, install_systemd_boot, put

Hook = t.Callable[[int, str], None]
MakeHost = t.Callable[..., HostRoot]

PAGES = ["hugepagesz=1G", "hugepages=4", "hugepagesz=2M", "hugepages=512"]
ISOLATION = ["isolcpus=managed_irq,domain,2-7", "nohz_full=2-7", "rcu_nocbs=2-7", "irqaffinity=0-1"]
WANTED = [*PAGES, *ISOLATION]
FOREIGN = ["root=UUID=5c1a", "ro", "console=tty0", "console=ttyS0,115200n8", "quiet"]
OLD, NEW = "6.1.0-9-amd64", "6.1.0-18-amd64"


def grub_host(place: pathlib.Path, hook: Hook | None = None) -> HostRoot:
    """Debian 12. As for all of these: a fresh host if the directory is empty, else the one that is there."""
    root = _attach(place, hook)
    if not any(place.iterdir()):
        settings = 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200n8"\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
        install_grub(place, (OLD, NEW), "console=tty0 console=ttyS0,115200n8 quiet", settings)
        running(place, FOREIGN)
    return root


def rhel8_host(place: pathlib.Path, hook: Hook | None = None) -> HostRoot:
    """Entries that refer to one variable."""
    root = _attach(place, hook)
    if not any(place.iterdir()):
        lines = dict.fromkeys(("4.18.0-477.el8.x86_64", "4.18.0-80.el8.x86_64"), "$kernelopts $tuned_params")
        install_bls(place, lines, {"kernelopts": " ".join(FOREIGN)})
        running(place, FOREIGN)
    return root


def rhel9_host(place: pathlib.Path, hook: Hook | None = None) -> HostRoot:
    """Entries with arguments of their own, and a grubby that does not know /etc/kernel/cmdline."""
    root = _attach(place, hook)
    if not any(place.iterdir()):
        lines = {version: " ".join(FOREIGN) for version in ("5.14.0-427.el9.x86_64", "5.14.0-70.el9.x86_64")}
        install_bls(place, lines, {"saved_entry": ""}, " ".join(FOREIGN))
        running(place, FOREIGN)
    return root


def fedora_host(place: pathlib.Path, hook: Hook | None = None) -> HostRoot:
    """A grubby that also changes /etc/default/grub and /etc/kernel/cmdline."""
    root = rhel9_host(place, hook)
    if not (place / "etc/default/grub").exists():
        put(place, "etc/default/grub", f'GRUB_CMDLINE_LINUX="{" ".join(FOREIGN[2:])}"\n')
        put(place, "fake/grubby-knows-more", "")
    return root


def systemd_boot_host(place: pathlib.Path, hook: Hook | None = None) -> HostRoot:
    root = _attach(place, hook)
    if not any(place.iterdir()):
        install_systemd_boot(place, (OLD, NEW), " ".join(FOREIGN), " ".join(FOREIGN))
        running(place, FOREIGN)
    return root


HOSTS: dict[str, MakeHost] = {
    "grub": grub_host,
    "rhel8": rhel8_host,
    "rhel9": rhel9_host,
    "fedora": fedora_host,
    "systemd-boot": systemd_boot_host,
}


def running(place: pathlib.Path, line: t.Sequence[str]) -> None:
    put(place, "proc/cmdline", f"BOOT_IMAGE=/vmlinuz {' '.join(line)}\n")


def next_boot(root: HostRoot) -> list[str]:
    line: list[str] = KernelArguments(root, []).facts()["next_boot"]
    return line


def lines(root: HostRoot) -> list[list[str]]:
    """Every command line of the host, also those of other entries and of kernels to come."""
    door = KernelArguments(root, [])
    return [list(line.tokens) for line in door._read()[0].lines]


def _attach(place: pathlib.Path, hook: Hook | None) -> HostRoot:
    return HostRoot(str(place), hook)
