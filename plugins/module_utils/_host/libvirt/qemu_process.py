# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What the kernel says of a VM's QEMU process: the last word on pinning and hugepages, whatever libvirt believes."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.cpus import format_list, parse_list

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.vm_record import Vm
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot


def pid(root: HostRoot, name: str) -> int | None:
    text = root.read_optional(f"/run/libvirt/qemu/{name}.pid")
    return int(text) if text and text.strip().isdigit() else None


def vcpu_cpus(root: HostRoot, process: int) -> dict[int, list[int]]:
    """Allowed host CPUs of each vCPU's thread. QEMU names these threads C(CPU 0/KVM) or C(CPU 0/TCG)."""
    allowed = {}
    for path in root.glob(f"/proc/{process}/task/*/comm"):
        thread = re.fullmatch(r"CPU (\d+)/(?:KVM|TCG)", root.read_optional(path) or "")
        if thread:
            status = root.read_optional(path.replace("/comm", "/status")) or ""
            cpus = re.search(r"^Cpus_allowed_list:\s*(\S+)", status, re.MULTILINE)
            allowed[int(thread.group(1))] = list(parse_list(cpus.group(1) if cpus else ""))
    return allowed


def hugepages_kib(root: HostRoot, process: int) -> int:
    """How much of the process lies on hugepages, whoever else maps them too."""
    rollup = root.read_optional(f"/proc/{process}/smaps_rollup") or ""
    return sum(int(size) for size in re.findall(r"^(?:Shared|Private)_Hugetlb:\s+(\d+) kB", rollup, re.MULTILINE))


def faults(root: HostRoot, vm: Vm) -> list[Failure]:
    """What is not as the VM says: QEMU gone, a vCPU elsewhere, memory not on hugepages."""
    process = pid(root, vm.name)
    if process is None or not root.is_dir(f"/proc/{process}"):
        found = "QEMU ended right after its start"
        return [
            Failure(
                asked=f"VM {vm.name}: running",
                found=found,
                where=f"/var/log/libvirt/qemu/{vm.name}.log",
                remedy="see what QEMU wrote there",
            )
        ]
    failures = []
    allowed = vcpu_cpus(root, process)
    for vcpu, cpus in enumerate(vm.pinning.vcpu_cpus):
        if allowed.get(vcpu) != list(cpus):
            failures.append(
                Failure(
                    asked=f"VM {vm.name}: vCPU {vcpu} on CPU {format_list(cpus)}",
                    found=f"the kernel lets it run on {allowed.get(vcpu, 'no thread of that name')}",
                    where=f"/proc/{process}/task",
                    remedy="look at what else moves threads (cgroup cpusets, irqbalance-like daemons)",
                )
            )
    backed = hugepages_kib(root, process)
    if vm.hugepages_kib and backed < vm.memory_mib * 1024:
        found = f"{backed // 1024} MiB are"
        failures.append(
            Failure(
                asked=f"VM {vm.name}: {vm.memory_mib} MiB on hugepages",
                found=found,
                where=f"/proc/{process}/smaps_rollup",
                remedy="restart it",
            )
        )
    return failures
