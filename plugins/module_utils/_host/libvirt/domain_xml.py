# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""libvirt domain XML as a flat record that can be compared. Format: libvirt's C(formatdomain) documentation.

Two documents are compared by what C(describe) says of both, so only what we own counts.
"""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.cpus import parse_list
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import Pinning

# Read by the libvirt hook, which creates the ports wherever the VM starts: the host does not have to be told beforehand.
OUR_NAMESPACE = "https://vmsite.internal/libvirt/1"
QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
MODELS_BY_MODE = ("host-passthrough", "host-model", "maximum")

Description = dict[str, t.Any]


def describe(xml: str) -> Description:
    """What we own of a domain. Lists are sorted, sizes are in the unit in the key, an absent thing is None."""
    domain = ET.fromstring(xml)
    page = domain.find("memoryBacking/hugepages/page")
    model = domain.find("cpu")
    description: Description = {
        "uuid": domain.findtext("uuid"),
        "emulation": domain.get("type"),
        "memory_mib": _kib(domain.find("memory")) // 1024,
        "vcpus": int(domain.findtext("vcpu") or 1),
        "machine": attribute(domain, "os/type", "machine"),
        "cpu_model": _cpu_model(model),
        "hugepages_kib": None if page is None else _kib(page, "size"),
        "shared_memory": attribute(domain, "memoryBacking/access", "mode") == "shared",
        "kernel": domain.findtext("os/kernel"),
        "initrd": domain.findtext("os/initrd"),
        "cmdline": domain.findtext("os/cmdline"),
        "console_log": attribute(domain, "devices/serial/log", "file"),
        "numa_node": next(iter(_cpus(attribute(domain, "numatune/memory", "nodeset"))), None),
        "emulator_cpus": _cpus(attribute(domain, "cputune/emulatorpin", "cpuset")),
        "msix_off": bool(domain.findall(f"{{{QEMU_NAMESPACE}}}override/{{{QEMU_NAMESPACE}}}device")),
    }
    for pin in domain.findall("cputune/vcpupin"):
        description[f"cpus of vCPU {pin.get('vcpu')}"] = _cpus(pin.get("cpuset"))
    for disk in domain.findall("devices/disk"):
        description[f"disk {attribute(disk, 'target', 'dev')}"] = describe_disk(disk)
    ports = {port.get("mac"): port for port in domain.findall(f"metadata/{{{OUR_NAMESPACE}}}ports/{{{OUR_NAMESPACE}}}port")}
    for interface in domain.findall("devices/interface"):
        mac = (attribute(interface, "mac", "address") or "").lower()
        description[f"NIC {mac}"] = describe_nic(interface, ports.get(mac))
    return description


def differences(current: Description, wanted: Description) -> list[tuple[str, t.Any, t.Any]]:
    """(what, current, wanted) for each difference, in a stable order."""
    keys = list(wanted) + [key for key in current if key not in wanted]
    return [(key, current.get(key), wanted.get(key)) for key in keys if current.get(key) != wanted.get(key)]


def pinning(xml: str) -> Pinning:
    """Where the domain is pinned. A vCPU without a pin of its own has an empty set."""
    description = describe(xml)
    sets = [tuple(description.get(f"cpus of vCPU {vcpu}", ())) for vcpu in range(description["vcpus"])]
    return Pinning(tuple(sets) if any(sets) else (), tuple(description["emulator_cpus"]), description["numa_node"])


def pinned_cpus(xmls: t.Iterable[str]) -> set[int]:
    """Every CPU that a vCPU of one of these domains is pinned to."""
    return {cpu for xml in xmls for cpus in pinning(xml).vcpu_cpus for cpu in cpus}


def disk_files(xml: str) -> list[tuple[str, str]]:
    """(path, format) of each disk that is a file."""
    return [
        (source, attribute(disk, "driver", "type") or "raw")
        for disk in ET.fromstring(xml).findall("devices/disk")
        for source in [attribute(disk, "source", "file")]
        if source and disk.get("device", "disk") == "disk"
    ]


def boot_files(xml: str) -> list[str]:
    domain = ET.fromstring(xml)
    return [path for path in (domain.findtext("os/kernel"), domain.findtext("os/initrd")) if path]


def sockets(xml: str) -> list[str]:
    return [
        path
        for source in ET.fromstring(xml).findall("devices/interface[@type='vhostuser']/source")
        for path in [source.get("path")]
        if path
    ]


def port_names(xml: str) -> list[str]:
    """The switch ports that the hook makes for it."""
    ports = ET.fromstring(xml).findall(f"metadata/{{{OUR_NAMESPACE}}}ports/{{{OUR_NAMESPACE}}}port")
    return [port.get("name", "") for port in ports]


def macs(xml: str) -> list[str]:
    return [mac.get("address", "").lower() for mac in ET.fromstring(xml).findall("devices/interface/mac")]


def has_passed_through_devices(xml: str) -> bool:
    domain = ET.fromstring(xml)
    return bool(domain.findall("devices/hostdev") or domain.findall("devices/interface[@type='hostdev']"))


def host_uuid(capabilities: str) -> str:
    """By what libvirt tells hosts apart, from its capabilities."""
    return ET.fromstring(capabilities).findtext("host/uuid") or ""


def wants_autostart(xml: str) -> bool | None:
    """Our own note of autostart, which libvirt does not carry along when a VM moves. None: not a VM of ours."""
    note = ET.fromstring(xml).find(f"metadata/{{{OUR_NAMESPACE}}}ports")
    return None if note is None else note.get("autostart") == "yes"


def describe_disk(disk: ET.Element) -> Description:
    """What we own of one C(disk) element."""
    return {
        "path": attribute(disk, "source", "file"),
        "format": attribute(disk, "driver", "type"),
        "bus": attribute(disk, "target", "bus"),
    }


def describe_nic(interface: ET.Element, port: ET.Element | None) -> Description:
    """What we own of one C(interface) element. C(port) is its entry in our metadata."""
    kind = interface.get("type")
    if kind == "vhostuser":
        ours = {} if port is None else {key: port.get(key) for key in ("bridge", "name", "vlan")}
        return {
            "kind": "vhost_user",
            "bridge": ours.get("bridge"),
            "port": ours.get("name"),
            "vlan": _number(ours.get("vlan")),
            "socket": attribute(interface, "source", "path"),
            "queues": int(attribute(interface, "driver", "queues") or 1),
        }
    if kind == "hostdev":
        address = interface.find("source/address")
        parts = {} if address is None else {key: int(address.get(key, "0"), 16) for key in ("domain", "bus", "slot", "function")}
        pci = f"{parts['domain']:04x}:{parts['bus']:02x}:{parts['slot']:02x}.{parts['function']:x}" if parts else None
        return {"kind": "vf", "pci": pci, "vlan": _number(attribute(interface, "vlan/tag", "id"))}
    return {
        "kind": "ovs" if attribute(interface, "virtualport", "type") == "openvswitch" else kind,
        "bridge": attribute(interface, "source", "bridge"),
        "vlan": _number(attribute(interface, "vlan/tag", "id")),
        "queues": int(attribute(interface, "driver", "queues") or 1),
    }


def _cpu_model(cpu: ET.Element | None) -> str | None:
    if cpu is None or (cpu.get("mode") in (None, "custom") and cpu.find("model") is None):
        return None
    return cpu.get("mode") if cpu.get("mode") in MODELS_BY_MODE else cpu.findtext("model")


def _cpus(text: str | None) -> list[int]:
    return list(parse_list(text or "", "domain XML"))


def attribute(element: ET.Element, path: str, name: str) -> str | None:
    """An attribute of the first element at that path, None if either is missing."""
    found = element.find(path)
    return None if found is None else found.get(name)


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _kib(element: ET.Element | None, attribute: str | None = None) -> int:
    """A size in KiB, whatever unit it is written in. libvirt's default is KiB; it writes nothing else than these units itself."""
    if element is None:
        return 0
    factors = {
        "b": 1 / 1024,
        "bytes": 1 / 1024,
        "kib": 1,
        "k": 1,
        "mib": 1024,
        "m": 1024,
        "gib": 1024**2,
        "g": 1024**2,
        "tib": 1024**3,
        "t": 1024**3,
    }
    text = element.get(attribute) if attribute else element.text
    return int(int(text or 0) * factors[element.get("unit", "KiB").lower()])
