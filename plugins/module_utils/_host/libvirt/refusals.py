# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What stands in the way of a VM on this host. Everything is looked at before anything is touched, and all of it is reported at once."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.cpus import format_list, parse_list
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.vm_record import NIC_KINDS, Nic, Request, Vm

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import CpuPlan
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

# Where role libvirt_host installs it.
HOOK = "/etc/libvirt/hooks/qemu.d/50-vmsite-ports"
ONLINE_CPUS = "/sys/devices/system/cpu/online"
NODES = "/sys/devices/system/node"


def of_the_wish(requests: t.Sequence[Request]) -> list[Failure]:
    """Mistakes that show without looking at the host."""
    mistakes = []
    for request in requests:
        if request.vm is None and request.state in ("running", "defined"):
            found = "no memory_mib or no vcpus"
            mistakes.append(_failure(request.name, f"state {request.state}", found, "vms", "say memory_mib and vcpus, above 0"))
        if request.vm:
            mistakes += _vm_mistakes(request.vm)
    for what, owners in _shared_values(requests).items():
        if len(owners) > 1:
            mistakes.append(
                _failure(" and ".join(owners), what, "it is asked for more than once", "vms", "give each VM its own"),
            )
    return mistakes


def of_others(vm: Vm, others: t.Mapping[str, t.Collection[str]]) -> list[Failure]:
    """C(others): for each other VM of this host its MACs, sockets and disk files."""
    ours = {nic.mac for nic in vm.nics} | {nic.socket for nic in vm.nics if nic.socket} | {disk.path for disk in vm.disks}
    return [
        _failure(vm.name, value, f"VM {other} of this host has it", "libvirt", "give each VM its own")
        for other, values in sorted(others.items())
        for value in sorted(ours & set(values))
    ]


def of_the_host(root: HostRoot, vm: Vm) -> list[Failure]:
    """Files, bridges, devices and CPUs that are not there."""
    return _files(root, vm) + _cpus(root, vm) + _network(root, vm.name, vm.nics)


def of_memory(root: HostRoot, starting: t.Sequence[Vm]) -> list[Failure]:
    """Too few free hugepages for all the VMs that are about to start, taken together."""
    needed: dict[tuple[int, int | None], int] = collections.defaultdict(int)
    names: dict[tuple[int, int | None], list[str]] = collections.defaultdict(list)
    for vm in starting:
        if vm.hugepages_kib:
            key = (vm.hugepages_kib, vm.pinning.numa_node)
            needed[key] += -(-vm.memory_mib * 1024 // vm.hugepages_kib)
            names[key].append(vm.name)
    failures = []
    for (size, node), pages in needed.items():
        directory = f"/sys/kernel/mm/hugepages/hugepages-{size}kB" if node is None else f"{NODES}/node{node}/hugepages/hugepages-{size}kB"
        free = int(root.read_optional(f"{directory}/free_hugepages") or 0)
        if free < pages:
            asked = f"{pages} free hugepages of {size} KiB" + ("" if node is None else f" on NUMA node {node}")
            failures.append(
                _failure(
                    " and ".join(names[size, node]), asked, f"{free} are free", directory, "give the pool more pages, or stop or move a VM"
                )
            )
    return failures


def no_place(vm: Vm, plan: CpuPlan, taken: t.Collection[int]) -> Failure:
    """The plan has no room for it."""
    busy = plan.cpus & set(taken) if plan.is_dedicated else set()
    found = f"the plan gives VMs {plan}" + (f", of which {format_list(busy)} belong to other VMs" if busy else "")
    if vm.hugepages_kib:
        found += "; hugepages per node: " + ", ".join(f"node {node.node} {node.hugepages_mib} MiB" for node in plan.nodes)
    asked = f"{vm.vcpus} vCPUs and {vm.memory_mib} MiB on one NUMA node"
    return _failure(vm.name, asked, found, "the host plan", "make it smaller, move or stop a VM, or change the host profile")


def outside_the_plan(vm: Vm, plan: CpuPlan) -> list[Failure]:
    outside = {cpu for cpus in vm.pinning.vcpu_cpus for cpu in cpus} - plan.cpus
    if not outside:
        return []
    remedy = "name CPUs of the plan, or none: then the plan's are used"
    return [_failure(vm.name, f"CPU {format_list(outside)}", f"the plan gives VMs {plan}", "the host plan", remedy)]


def _vm_mistakes(vm: Vm) -> list[Failure]:
    mistakes = []

    def add(asked: str, found: str, remedy: str) -> None:
        mistakes.append(_failure(vm.name, asked, found, "vms", remedy))

    if vm.memory_mib <= 0 or vm.vcpus <= 0:
        add(f"{vm.memory_mib} MiB and {vm.vcpus} vCPUs", "a number that is not above 0", "ask for at least 1 of each")
    if vm.pinning.vcpu_cpus and len(vm.pinning.vcpu_cpus) != vm.vcpus:
        add("vcpu_cpus", f"{len(vm.pinning.vcpu_cpus)} CPU lists for {vm.vcpus} vCPUs", "say one CPU list per vCPU")
    if any(not cpus for cpus in vm.pinning.vcpu_cpus):
        add("vcpu_cpus", "an empty CPU list", "say at least one CPU per vCPU, or leave vcpu_cpus out")
    if vm.hugepages_kib and vm.memory_mib * 1024 % vm.hugepages_kib:
        add(f"{vm.memory_mib} MiB", f"no multiple of pages of {vm.hugepages_kib} KiB", "round the memory up to whole pages")
    if not vm.kernel and not vm.disks:
        add("a VM that can start", "neither boot.kernel nor disks", "name one of them")
    for nic in vm.nics:
        if nic.kind not in NIC_KINDS:
            add(f"NIC kind {nic.kind}", f"known are {', '.join(NIC_KINDS)}", "take one of them")
        elif nic.kind == "vf" and not nic.pci:
            add(f"NIC {nic.mac} on a VF", "no pci", "name the VF's PCI address")
        elif nic.kind != "vf" and not nic.bridge:
            add(f"NIC {nic.mac} of kind {nic.kind}", "no bridge", "name the bridge")
        if nic.vlan is not None and not 1 <= nic.vlan <= 4094:
            add(f"VLAN {nic.vlan}", "VLANs are 1 to 4094", "take one of them, or none for untagged")
        if nic.socket and len(nic.socket.encode()) > 107:
            add(f"socket {nic.socket}", "the kernel allows 107 bytes", "take a shorter socket_directory or VM name")
    return mistakes


def _shared_values(requests: t.Sequence[Request]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = collections.defaultdict(list)
    for request in requests:
        owners[f"the name {request.name}"].append(request.name)
        if request.vm and request.state != "absent":
            owners[f"the UUID {request.vm.uuid}"].append(request.name)
            for nic in request.vm.nics:
                owners[f"the MAC {nic.mac}"].append(request.name)
                if nic.pci:
                    owners[f"the VF {nic.pci}"].append(request.name)
            for disk in request.vm.disks:
                owners[f"the disk {disk.path}"].append(request.name)
    return owners


def _files(root: HostRoot, vm: Vm) -> list[Failure]:
    failures = [
        _failure(vm.name, f"boot from {path}", "no such file", path, "put the file there, or name another one")
        for path in (vm.kernel, vm.initrd)
        if path and not root.exists(path)
    ]
    failures += [
        _failure(vm.name, f"disk {disk.path}", "no such file", disk.path, "put the image there, or say size_gib: then it is made")
        for disk in vm.disks
        if disk.size_gib is None and not root.exists(disk.path)
    ]
    if vm.console_log:
        directory = vm.console_log.rpartition("/")[0] or "/"
        if not root.is_dir(directory):
            failures.append(_failure(vm.name, f"console log {vm.console_log}", "no such directory", directory, "make the directory"))
    return failures


def _cpus(root: HostRoot, vm: Vm) -> list[Failure]:
    failures = []
    vcpu_cpus = {cpu for cpus in vm.pinning.vcpu_cpus for cpu in cpus}
    asked = vcpu_cpus | set(vm.pinning.emulator_cpus)
    online = set(parse_list(root.read_optional(ONLINE_CPUS) or "", ONLINE_CPUS))
    if asked - online:
        found = f"online are {format_list(online)}"
        failures.append(_failure(vm.name, f"CPU {format_list(asked - online)}", found, ONLINE_CPUS, "pin to CPUs that are online"))
    node = vm.pinning.numa_node
    if node is not None:
        path = f"{NODES}/node{node}/cpulist"
        cpus = root.read_optional(path)
        if cpus is None:
            failures.append(_failure(vm.name, f"memory of NUMA node {node}", "no such node", path, "name a node that the host has"))
        else:
            far = sorted((vcpu_cpus & online) - set(parse_list(cpus, path)))
            if far:
                found = f"CPU {format_list(far)} is on another node"
                failures.append(
                    _failure(vm.name, f"memory and CPUs of NUMA node {node}", found, path, "pin to CPUs of the node whose memory is used")
                )
    return failures


def _network(root: HostRoot, name: str, nics: t.Sequence[Nic]) -> list[Failure]:
    failures = []
    for bridge in sorted({nic.bridge for nic in nics if nic.kind in ("vhost_user", "ovs") and nic.bridge}):
        asked = (
            root.run(["ovs-vsctl", "--timeout=5", "br-exists", bridge], changes=False, check=False)
            if root.has_program("ovs-vsctl")
            else None
        )
        if asked is None or asked.rc not in (0, 2):
            found = "Open vSwitch is not installed" if asked is None else f"Open vSwitch does not answer: {' '.join(asked.err.split())}"
            failures.append(_failure(name, f"a port on bridge {bridge}", found, "ovs-vsctl", "set up Open vSwitch first: role ovs_dpdk"))
        elif asked.rc == 2:
            failures.append(
                _failure(
                    name, f"a port on bridge {bridge}", "no such bridge", "Open vSwitch", "make the bridge (role ovs_dpdk), or name another"
                )
            )
    for nic in nics:
        if nic.kind == "bridge" and not root.is_dir(f"/sys/class/net/{nic.bridge}/bridge"):
            failures.append(
                _failure(
                    name, f"a port on bridge {nic.bridge}", "no such Linux bridge", "/sys/class/net", "make the bridge, or name another"
                )
            )
        if nic.kind == "vf" and not root.exists(f"/sys/bus/pci/devices/{nic.pci}/physfn"):
            failures.append(_failure(name, f"the VF {nic.pci}", "no such VF", "/sys/bus/pci/devices", "make the VF first, or name another"))
    if any(nic.kind == "vhost_user" for nic in nics):
        status = root.stat(HOOK)
        if status is None or not status.st_mode & 0o100:
            found = "the libvirt hook that makes its switch port is missing: QEMU would wait for ever"
            failures.append(_failure(name, "a vhost-user NIC", found, HOOK, "install it: role libvirt_host"))
        directories = sorted({nic.socket.rpartition("/")[0] for nic in nics if nic.socket})
        failures += [
            _failure(
                name, f"a vhost-user socket in {directory}", "no such directory", directory, "make it, writable for QEMU: role libvirt_host"
            )
            for directory in directories
            if not root.is_dir(directory)
        ]
    return failures


def _failure(name: str, asked: str, found: str, where: str, remedy: str) -> Failure:
    return Failure(asked=f"VM {name}: {asked}", found=found, where=where, remedy=remedy)
