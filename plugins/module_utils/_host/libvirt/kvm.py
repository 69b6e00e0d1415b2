# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Whether this host's KVM works, for C(emulation: auto)."""

from __future__ import annotations

import fcntl
import os
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

DEVICE = "/dev/kvm"
# linux/kvm.h
KVM_CREATE_VM = 0xAE01


def works(root: HostRoot) -> bool:
    """Make a virtual machine without CPUs and let it go again. The device alone proves nothing: in a guest or container it may be there in vain.

    Under another root than C(/) only the device is looked for.
    """
    if not root.is_live:
        return root.exists(DEVICE)
    try:
        device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.close(fcntl.ioctl(device, KVM_CREATE_VM, 0))
    except OSError:
        return False
    finally:
        os.close(device)
    return True
