# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What a VM is to us: typed, I/O-free records made from a door's options."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t
import uuid

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import Pinning, explicit

# A VM's identity must be the same on whichever host it is defined, or libvirt would take a migrated VM for another one.
UUID_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "libvirt.vmsite.internal")
STATES = ("running", "stopped", "defined", "absent")
NIC_KINDS = ("vhost_user", "ovs", "bridge", "vf")


@dataclasses.dataclass(frozen=True)
class Nic:
    """One NIC. C(port) and C(socket) are set for C(vhost_user) only, C(pci) for C(vf) only."""

    kind: str
    mac: str
    bridge: str | None = None
    vlan: int | None = None
    queues: int = 1
    port: str | None = None
    socket: str | None = None
    pci: str | None = None


@dataclasses.dataclass(frozen=True)
class Disk:
    """One disk image. C(size_gib) None means that the image must be there already."""

    path: str
    target: str
    format: str = "qcow2"
    bus: str = "virtio"
    size_gib: int | None = None


@dataclasses.dataclass(frozen=True)
class Vm:
    """A VM as it shall be. Sizes are in the unit that the name says. C(emulation) is kvm, qemu or auto, which the host decides."""

    name: str
    uuid: str
    memory_mib: int
    vcpus: int
    emulation: str = "kvm"
    machine: str = "q35"
    cpu_model: str | None = None
    hugepages_kib: int | None = None
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str | None = None
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    console_log: str | None = None
    autostart: bool = False
    pinning: Pinning = dataclasses.field(default_factory=Pinning)


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked of one VM on one host. C(vm) is None where only the name matters (C(absent), C(stopped)).

    The host decides where the VM runs unless its C(pinning) says so, and on which pages unless it says C(hugepages_kib) (0: ordinary memory).
    """

    name: str
    state: str
    vm: Vm | None


def default_uuid(name: str) -> str:
    return str(uuid.uuid5(UUID_NAMESPACE, name))


def default_mac(name: str, index: int) -> str:
    """A stable locally administered address in QEMU's own prefix."""
    digest = hashlib.sha256(f"{name}/{index}".encode()).digest()
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in digest[:3])


def request(options: dict[str, t.Any]) -> Request:
    """One item of the door's list. Raises Failure for text that is no CPU list."""
    name, vm = options["name"], None
    if options.get("memory_mib") and options.get("vcpus"):
        boot = options.get("boot") or {}
        vm = Vm(
            name=name,
            uuid=(options.get("uuid") or default_uuid(name)).lower(),
            memory_mib=options["memory_mib"],
            vcpus=options["vcpus"],
            emulation=options["emulation"],
            machine=options["machine"],
            cpu_model=options.get("cpu_model"),
            hugepages_kib=options.get("hugepages_kib"),
            kernel=boot.get("kernel"),
            initrd=boot.get("initrd"),
            cmdline=boot.get("cmdline"),
            disks=_disks(options.get("disks") or []),
            nics=tuple(_nic(name, index, nic) for index, nic in enumerate(options.get("nics") or [])),
            console_log=options.get("console_log"),
            autostart=options["autostart"],
            pinning=explicit(options.get("pinning") or {}, f"VM {name}"),
        )
    return Request(name, options["state"], vm)


def _disks(options: list[dict[str, t.Any]]) -> tuple[Disk, ...]:
    prefixes = {"virtio": "vd", "scsi": "sd", "sata": "sd"}
    counts: dict[str, int] = {}
    disks = []
    for disk in options:
        prefix = prefixes[disk["bus"]]
        letter = chr(ord("a") + counts.get(prefix, 0))
        counts[prefix] = counts.get(prefix, 0) + 1
        disks.append(Disk(disk["path"], prefix + letter, disk["format"], disk["bus"], disk.get("size_gib")))
    return tuple(disks)


def _nic(name: str, index: int, options: dict[str, t.Any]) -> Nic:
    nic = Nic(
        kind=options["kind"],
        mac=(options.get("mac") or default_mac(name, index)).lower(),
        bridge=options.get("bridge"),
        vlan=options.get("vlan"),
        queues=options["queues"],
        pci=(options["pci"].lower() if options.get("pci") else None),
    )
    if nic.kind != "vhost_user":
        return nic
    directory = options["socket_directory"].rstrip("/")
    return dataclasses.replace(nic, port=f"vhost-{name}-{index}", socket=f"{directory}/{name}-{index}.sock")
