# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's two libvirt hosts as tests use them: doors by Ansible, and the truth by ssh from virsh, ovs-vsctl and /proc."""

from __future__ import annotations

import json
import subprocess
import time
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SSH = ["ssh", "-n", "-F", "/run/baremetal-vmsite/ssh_config", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
HOSTS = ("compute1", "compute2")
HOOK = "/etc/libvirt/hooks/qemu.d/50-vmsite-ports"
Result = dict[str, t.Any]


def on(host: str, command: str, check: bool = True, timeout: int = 60) -> str:
    done = subprocess.run([*SSH, host, f"sudo sh -c '{command}'"], capture_output=True, text=True, timeout=timeout, check=False)
    assert not check or done.returncode == 0, f"{host}: {command}: {done.stderr}"
    return done.stdout.strip()


def start_door(host: str, module: str, options: Result, check_mode: bool = False) -> subprocess.Popen[str]:
    command = ["ansible", host, "-i", "inventories/lab", "-m", f"baremetal.vmsite.{module}", "-a", json.dumps(options), "-o"]
    return subprocess.Popen(
        command + (["--check"] if check_mode else []),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def finish(process: subprocess.Popen[str], timeout: int = 240) -> Result:
    """The door's result; C(failed) in it says whether it failed."""
    out, err = process.communicate(timeout=timeout)
    line = next((line for line in out.splitlines() if " => " in line), None)
    assert line is not None, f"no result from Ansible: {out}{err}"
    verdict, _arrow, values = line.partition(" => ")
    result: Result = json.loads(values)
    return {**result, "failed": "FAILED" in verdict or "UNREACHABLE" in verdict}


def door(host: str, module: str, check_mode: bool = False, timeout: int = 240, **options: t.Any) -> Result:
    return finish(start_door(host, module, options, check_mode), timeout)


def succeeds(result: Result) -> Result:
    assert not result["failed"], result["msg"]
    return result


def fails(result: Result) -> str:
    assert result["failed"], f"it did not fail: {result}"
    return str(result["msg"])


def state_of(host: str, vm: str) -> str:
    """As virsh says it: "running", "shut off", "paused", or "absent"."""
    return on(host, f"virsh domstate {vm} 2>/dev/null", check=False) or "absent"


def ports_of(host: str, vm: str) -> list[str]:
    return on(host, f"ovs-vsctl --bare --columns=name find Interface external_ids:vmsite-vm={vm}").split()


def answers(address: str, seconds: float = 30) -> bool:
    """Whether the guest answers a prober outside of both hosts."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if subprocess.run([*SSH, "probe1", f"ping -c 1 -W 1 {address}"], capture_output=True, timeout=20, check=False).returncode == 0:
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
