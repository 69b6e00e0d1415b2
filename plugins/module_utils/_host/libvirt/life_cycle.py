# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Starting and stopping a VM with an end in sight."""

from __future__ import annotations

import contextlib
import threading
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.connection import binding, reported, said, wait_until

# A start takes a second. One that does not end waits for something: typically QEMU for the switch port of a vhost-user NIC.
START_SECONDS = 60


def start(domain: t.Any, name: str) -> None:
    """Start it, or end the attempt: a QEMU that waits for ever is killed."""
    libvirt = binding()
    errors: list[Exception] = []

    def create() -> None:
        try:
            domain.create()
        except libvirt.libvirtError as error:
            errors.append(error)

    attempt = threading.Thread(target=create, daemon=True)
    attempt.start()
    attempt.join(START_SECONDS)
    if attempt.is_alive():
        with contextlib.suppress(libvirt.libvirtError):
            domain.destroy()
        attempt.join(10)
        raise Failure(
            asked=f"start VM {name}",
            found=f"QEMU was not up after {START_SECONDS} s and was ended; it said: {said(errors[0]) if errors else 'nothing'}",
            where=f"/var/log/libvirt/qemu/{name}.log",
            remedy="a vhost-user NIC waits for its switch port: restart libvirtd if the hook was installed while it ran (role libvirt_host does)",
        )
    if errors:
        raise Failure(
            asked=f"start VM {name}",
            found=said(errors[0]),
            where=f"/var/log/libvirt/qemu/{name}.log",
            remedy="mend what libvirt or QEMU names",
        ) from errors[0]


def stop(domain: t.Any, name: str, seconds: int, force: bool) -> None:
    """Ask the guest to shut down. Only with C(force) is the power cut, at once if C(seconds) is 0."""
    libvirt = binding()
    if seconds > 0:
        with contextlib.suppress(libvirt.libvirtError):  # it may have ended by itself meanwhile
            domain.shutdown()
        if wait_until(lambda: not domain.isActive(), seconds):
            return
    if not force:
        raise Failure(
            asked=f"shut down VM {name}",
            found=f"it still runs {seconds} s after the guest was asked" if seconds else "shutdown_seconds is 0 and force_stop is not set",
            where=name,
            remedy="shut it down from inside, allow more shutdown_seconds, or set force_stop, which cuts its power",
        )
    with reported(f"cut the power of VM {name}", name):
        if domain.isActive():
            domain.destroy()


def undefine(domain: t.Any, name: str) -> None:
    """Forget the definition. Disks stay."""
    libvirt = binding()
    with reported(f"undefine VM {name}", name):
        domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
