# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""A VM record written as libvirt domain XML.

What we do not own (devices that someone added, PCI addresses that libvirt gave) is kept when a definition is rewritten.
"""

from __future__ import annotations

import copy
import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.cpus import format_list
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.domain_xml import (
    MODELS_BY_MODE,
    OUR_NAMESPACE,
    QEMU_NAMESPACE,
    Description,
    attribute,
    describe_disk,
    describe_nic,
)

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import Pinning
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.vm_record import Disk, Nic, Vm

ET.register_namespace("vmsite", OUR_NAMESPACE)
ET.register_namespace("qemu", QEMU_NAMESPACE)

# The order in which libvirt writes the elements that we own; it accepts any, a person reading the XML likes this one.
OWNED = ("name", "uuid", "metadata", "memory", "currentMemory", "memoryBacking", "vcpu", "cputune", "numatune", "os", "cpu")


def render(vm: Vm, base: str | None = None) -> str:
    """Domain XML for C(vm). C(base) is the definition that is replaced: what we do not own is taken over from it."""
    domain = ET.fromstring(base) if base else _new_domain()
    before = ET.fromstring(base) if base else None
    domain.set("type", vm.emulation)
    made = {element.tag: element for element in _owned(vm, before)}
    kept = [element for element in domain if element.tag not in OWNED and element.tag not in ("devices", f"{{{QEMU_NAMESPACE}}}override")]
    devices = t.cast(ET.Element, domain.find("devices"))  # libvirt always writes it
    _set_devices(devices, vm)
    override = _override(vm)
    domain[:] = [made[tag] for tag in OWNED if tag in made] + kept + [devices] + ([] if override is None else [override])
    ET.indent(domain)
    return ET.tostring(domain, encoding="unicode")


def with_pinning(xml: str, pinning: Pinning) -> str:
    """The same domain pinned to other CPUs: what a migration hands to the target. Empty or None: taken away."""
    domain = ET.fromstring(xml)
    for tag in ("cputune", "numatune"):
        old = domain.find(tag)
        if old is not None:
            for child in list(old):
                if child.tag in ("vcpupin", "emulatorpin", "memory"):
                    old.remove(child)
            if len(old) == 0:
                domain.remove(old)
    place = list(domain).index(t.cast(ET.Element, domain.find("vcpu"))) + 1
    for made in _pinning(pinning):
        old = domain.find(made.tag)
        if old is None:
            domain.insert(place, made)
        else:
            old.extend(list(made))
    return ET.tostring(domain, encoding="unicode")


def _new_domain() -> ET.Element:
    domain = ET.Element("domain")
    features = _add(domain, "features")
    _add(features, "acpi")
    _add(features, "apic")
    for event, action in (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy")):
        _add(domain, event, text=action)
    devices = _add(domain, "devices")
    _add(devices, "controller", type="usb", model="none")
    _add(devices, "memballoon", model="none")  # a balloon has no work on hugepages, and it delays nothing less than a migration
    return domain


def _owned(vm: Vm, before: ET.Element | None) -> t.Iterator[ET.Element]:
    yield _element("name", vm.name)
    yield _element("uuid", vm.uuid)
    yield _metadata(vm, before)
    yield _element("memory", str(vm.memory_mib * 1024), unit="KiB")
    yield _element("currentMemory", str(vm.memory_mib * 1024), unit="KiB")
    shared = any(nic.kind == "vhost_user" for nic in vm.nics)
    if vm.hugepages_kib or shared:
        backing = _element("memoryBacking")
        if vm.hugepages_kib:
            _add(_add(backing, "hugepages"), "page", size=str(vm.hugepages_kib), unit="KiB")
        else:
            _add(backing, "source", type="memfd")
        if shared:  # the switch reads and writes the guest's memory
            _add(backing, "access", mode="shared")
        yield backing
    yield _element("vcpu", str(vm.vcpus), placement="static")
    yield from _pinning(vm.pinning)
    yield _os(vm, before)
    yield _cpu(vm, shared, before)


def _metadata(vm: Vm, before: ET.Element | None) -> ET.Element:
    old = None if before is None else before.find("metadata")
    metadata = _element("metadata") if old is None else copy.deepcopy(old)
    ours = metadata.find(f"{{{OUR_NAMESPACE}}}ports")
    if ours is not None:
        metadata.remove(ours)
    ports = _add(metadata, f"{{{OUR_NAMESPACE}}}ports", autostart="yes" if vm.autostart else "no")
    for nic in vm.nics:
        if nic.kind == "vhost_user":
            port = _add(
                ports, f"{{{OUR_NAMESPACE}}}port", name=nic.port or "", bridge=nic.bridge or "", socket=nic.socket or "", mac=nic.mac
            )
            if nic.vlan is not None:
                port.set("vlan", str(nic.vlan))
    return metadata


def _pinning(pinning: Pinning) -> t.Iterator[ET.Element]:
    if pinning.vcpu_cpus or pinning.emulator_cpus:
        cputune = _element("cputune")
        for vcpu, cpus in enumerate(pinning.vcpu_cpus):
            _add(cputune, "vcpupin", vcpu=str(vcpu), cpuset=format_list(cpus))
        if pinning.emulator_cpus:
            _add(cputune, "emulatorpin", cpuset=format_list(pinning.emulator_cpus))
        yield cputune
    if pinning.numa_node is not None:
        numatune = _element("numatune")
        _add(numatune, "memory", mode="strict", nodeset=str(pinning.numa_node))
        yield numatune


def _os(vm: Vm, before: ET.Element | None) -> ET.Element:
    """C(q35) names a family. The version that libvirt chose first is kept: another one is another machine to the guest."""
    old = None if before is None else before.find("os/type")
    machine, arch = vm.machine, "x86_64"
    if old is not None:
        arch = old.get("arch", arch)
        if f"pc-{vm.machine}-" in (old.get("machine") or ""):
            machine = old.get("machine") or machine
    system = _element("os")
    _add(system, "type", text="hvm", arch=arch, machine=machine)
    for tag, value in (("kernel", vm.kernel), ("initrd", vm.initrd), ("cmdline", vm.cmdline)):
        if value:
            _add(system, tag, text=value)
    if not vm.kernel:
        _add(system, "boot", dev="hd")
    return system


def _cpu(vm: Vm, shared: bool, before: ET.Element | None) -> ET.Element:
    """With no model asked for, the one that libvirt chose when the VM was first defined is kept."""
    cpu = _element("cpu")
    old = None if before is None or vm.cpu_model else before.find("cpu")
    if old is not None:
        cpu.attrib.update(old.attrib)
        cpu.extend([copy.deepcopy(child) for child in old if child.tag != "numa"])
    if vm.cpu_model in MODELS_BY_MODE:
        cpu.set("mode", vm.cpu_model)
    elif vm.cpu_model:
        cpu.set("mode", "custom")
        cpu.set("match", "exact")
        _add(cpu, "model", text=vm.cpu_model)
    if vm.hugepages_kib or shared:
        cell = _add(_add(cpu, "numa"), "cell", id="0", cpus=f"0-{vm.vcpus - 1}", memory=str(vm.memory_mib * 1024), unit="KiB")
        if shared:
            cell.set("memAccess", "shared")
    return cpu


def _set_devices(devices: ET.Element, vm: Vm) -> None:
    """Replace disks, NICs and the console that differ; those that do not keep the address that the guest knows them by."""
    old_disks = {attribute(disk, "target", "dev"): disk for disk in devices.findall("disk")}
    old_nics = {(attribute(nic, "mac", "address") or "").lower(): nic for nic in devices.findall("interface")}
    disks = [_taken_over(old_disks.get(disk.target), _disk(disk), describe_disk) for disk in vm.disks]
    nics = [_taken_over(old_nics.get(nic.mac), _nic(nic), lambda element: describe_nic(element, None)) for nic in vm.nics]
    kept = [child for child in devices if child.tag not in ("disk", "interface", "serial", "console")]
    devices[:] = kept + disks + nics + [_serial(vm)]


def _taken_over(old: ET.Element | None, new: ET.Element, describe_one: t.Callable[[ET.Element], Description]) -> ET.Element:
    if old is None:
        return new
    if describe_one(old) == describe_one(new):
        return old
    address = old.find("address")
    if address is not None and old.get("type") == new.get("type"):
        new.append(address)
    return new


def _disk(disk: Disk) -> ET.Element:
    element = _element("disk", type="file", device="disk")
    _add(element, "driver", name="qemu", type=disk.format, cache="none", io="native", discard="unmap")
    _add(element, "source", file=disk.path)
    _add(element, "target", dev=disk.target, bus=disk.bus)
    return element


def _nic(nic: Nic) -> ET.Element:
    kinds = {"vhost_user": "vhostuser", "vf": "hostdev", "ovs": "bridge", "bridge": "bridge"}
    element = _element("interface", type=kinds[nic.kind])
    _add(element, "mac", address=nic.mac)
    if nic.kind == "vhost_user":
        # QEMU is the server: it keeps the socket when the switch restarts, and the switch connects again.
        _add(element, "source", type="unix", path=nic.socket or "", mode="server")
    elif nic.kind == "vf":
        element.set("managed", "yes")
        domain, bus, rest = (nic.pci or "0000:00:00.0").split(":")
        slot, function = rest.split(".")
        _add(
            _add(element, "source"), "address", type="pci", domain=f"0x{domain}", bus=f"0x{bus}", slot=f"0x{slot}", function=f"0x{function}"
        )
    else:
        _add(element, "source", bridge=nic.bridge or "")
        if nic.kind == "ovs":
            _add(element, "virtualport", type="openvswitch")
    if nic.kind != "vhost_user" and nic.vlan is not None:
        _add(_add(element, "vlan"), "tag", id=str(nic.vlan))
    if nic.kind != "vf":
        _add(element, "model", type="virtio")
        if nic.queues > 1:
            _add(element, "driver", queues=str(nic.queues))
    return element


def _serial(vm: Vm) -> ET.Element:
    serial = _element("serial", type="pty")
    if vm.console_log:
        _add(serial, "log", file=vm.console_log, append="on")  # appended, so that a VM that comes back does not wipe its past
    _add(serial, "target", port="0")
    return serial


def _override(vm: Vm) -> ET.Element | None:
    """QEMU 7.2 under software emulation dies of a segmentation fault when a vhost-user NIC uses MSI-X; without vectors it does not."""
    nics = [index for index, nic in enumerate(vm.nics) if nic.kind == "vhost_user"]
    if vm.emulation != "qemu" or not nics:
        return None
    override = _element(f"{{{QEMU_NAMESPACE}}}override")
    for index in nics:
        frontend = _add(_add(override, f"{{{QEMU_NAMESPACE}}}device", alias=f"net{index}"), f"{{{QEMU_NAMESPACE}}}frontend")
        _add(frontend, f"{{{QEMU_NAMESPACE}}}property", name="vectors", type="unsigned", value="0")
    return override


def _element(tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.Element(tag, attributes)
    element.text = text
    return element


def _add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element
