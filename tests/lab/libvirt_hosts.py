# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's two libvirt hosts as tests use them: doors by Ansible, and the truth by ssh from virsh, ovs-vsctl and /proc."""

from __future__ import annotations

import subprocess
import time
import typing as t

from ansible_collections.baremetal.vmsite.tests.inventory import Inventory, finish

LAB = Inventory("inventories/lab", "/run/baremetal-vmsite/ssh_config")
HOSTS = ("compute1", "compute2")
HOOK = "/etc/libvirt/hooks/qemu.d/50-vmsite-ports"

on, start_door, door = LAB.on, LAB.start_door, LAB.door


def state_of(host: str, vm: str) -> str:
    """As virsh says it: "running", "shut off", "paused", or "absent"."""
    return on(host, f"virsh domstate {vm} 2>/dev/null", check=False) or "absent"


def ports_of(host: str, vm: str) -> list[str]:
    return on(host, f"ovs-vsctl --bare --columns=name find Interface external_ids:vmsite-vm={vm}").split()


def answers(address: str, seconds: float = 30) -> bool:
    """Whether the guest answers a prober outside of both hosts."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if subprocess.run([*LAB.ssh, "probe1", f"ping -c 1 -W 1 {address}"], capture_output=True, timeout=20, check=False).returncode == 0:
            return True
    return False


def wait_for(condition: t.Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.3)


def wait_for_job(process: subprocess.Popen[str], host: str, vm: str, text: str) -> None:
    """Until virsh says that of the VM's job. A door that ends before is shown."""
    end = time.monotonic() + 90
    while text not in on(host, f"virsh domjobinfo {vm}", check=False):
        assert process.poll() is None, f"the door ended: {finish(process)}"
        assert time.monotonic() < end, f"no {text!r} within 90 s"
        time.sleep(0.3)


def snapshot(host: str) -> str:
    """What a door could have changed, read without the collection's code."""
    return on(
        host,
        "virsh list --all --name | sort; for v in $(virsh list --all --name); do virsh dumpxml --inactive $v; virsh dumpxml $v; virsh domstate $v; "
        "done; ls -l /etc/libvirt/qemu /etc/libvirt/qemu/autostart /var/lib/libvirt/images 2>/dev/null; ovs-vsctl --columns=name,external_ids list Interface",
    )
