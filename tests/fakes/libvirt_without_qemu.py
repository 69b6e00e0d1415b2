# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the module libvirt, whose domains are files: they outlive the process, as domains outlive a client of libvirtd.

Copies, from libvirt 9.0: a definition is replaced as a whole and leaves the running domain alone (qemuDomainDefineXMLFlags); C(q35) becomes the
newest version of that machine (virQEMUCapsGetCanonicalMachine); undefining a running domain leaves it running and transient
(qemuDomainUndefineFlags); autostart belongs to the host and is not carried along by a migration (qemuMigrationDstPersist); pins of vCPUs can be
changed live and in the definition with one call (qemuDomainPinVcpuFlags). It claims nothing about QEMU, storage, networks or time.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import time
import typing as t
import xml.etree.ElementTree as ET


class libvirtError(Exception):
    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self._code = code

    def get_error_code(self) -> int:
        return self._code


class FakeLibvirt:
    """To be put into sys.modules["libvirt"]. C(hosts): host name to a directory; "" is the host itself."""

    libvirtError = libvirtError  # noqa: N815
    VIR_ERR_NO_DOMAIN = 42
    VIR_DOMAIN_XML_SECURE, VIR_DOMAIN_XML_INACTIVE, VIR_DOMAIN_XML_MIGRATABLE = 1, 2, 8
    VIR_DOMAIN_AFFECT_LIVE, VIR_DOMAIN_AFFECT_CONFIG = 1, 2
    VIR_DOMAIN_UNDEFINE_MANAGED_SAVE, VIR_DOMAIN_UNDEFINE_NVRAM = 1, 4
    VIR_DOMAIN_RUNNING, VIR_DOMAIN_PAUSED, VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_CRASHED = 1, 3, 4, 5, 6
    VIR_DOMAIN_PAUSED_MIGRATION, VIR_DOMAIN_PAUSED_STARTING_UP = 2, 11

    def __init__(self, hosts: dict[str, pathlib.Path]) -> None:
        self.hosts = hosts
        self.unreachable: set[str] = set()
        self.guest_obeys_shutdown = True

    def registerErrorHandler(self, _handler: t.Any, _context: t.Any) -> None:  # noqa: N802
        return None

    def virEventRegisterDefaultImpl(self) -> None:  # noqa: N802
        return None

    def virEventAddTimeout(self, _milliseconds: int, _callback: t.Any, _opaque: t.Any) -> int:  # noqa: N802
        return 1

    def virEventRunDefaultImpl(self) -> None:  # noqa: N802
        time.sleep(3600)

    def open(self, uri: str) -> Connection:
        host = re.sub(r"^qemu(\+\w+)?://", "", uri).split("/")[0]
        if host not in self.hosts or host in self.unreachable:
            raise libvirtError(f"unable to connect to server at '{host}:16514': No route to host")
        return Connection(self, self.hosts[host])


class Connection:
    def __init__(self, libvirt: FakeLibvirt, root: pathlib.Path) -> None:
        self.libvirt = libvirt
        self.root = root

    def close(self) -> None:
        return None

    def setKeepAlive(self, _interval: int, _count: int) -> None:  # noqa: N802
        return None

    def getURI(self) -> str:  # noqa: N802
        return "qemu:///system"

    def getCPUMap(self) -> tuple[int, list[bool], int]:  # noqa: N802
        return 4, [True] * 4, 4

    def lookupByName(self, name: str) -> Domain:  # noqa: N802
        domain = Domain(self, name)
        if not domain.read():
            raise libvirtError(f"Domain not found: no domain with matching name '{name}'", FakeLibvirt.VIR_ERR_NO_DOMAIN)
        return domain

    def listAllDomains(self) -> list[Domain]:  # noqa: N802
        return [Domain(self, path.stem) for path in sorted((self.root / "domains").glob("*.json"))]

    def defineXML(self, text: str) -> Domain:  # noqa: N802
        element = ET.fromstring(text)
        domain = Domain(self, element.findtext("name") or "")
        for machine in element.findall("os/type[@machine='q35']"):
            machine.set("machine", "pc-q35-7.2")
        domain.write(**{**domain.read(), "definition": ET.tostring(element, encoding="unicode")})
        return domain


class Domain:
    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._path = connection.root / "domains" / f"{name}.json"

    def read(self) -> dict[str, t.Any]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def write(self, **state: t.Any) -> None:
        if not state.get("definition") and not state.get("live"):
            self._path.unlink()
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps(state, sort_keys=True))
        os.rename(temporary, self._path)

    def connect(self) -> Connection:
        return self._connection

    def name(self) -> str:
        return self._name

    def isActive(self) -> int:  # noqa: N802
        return int(bool(self.read().get("live")))

    def isPersistent(self) -> int:  # noqa: N802
        return int(bool(self.read().get("definition")))

    def state(self) -> list[int]:
        return [FakeLibvirt.VIR_DOMAIN_RUNNING if self.isActive() else FakeLibvirt.VIR_DOMAIN_SHUTOFF, 1]

    def XMLDesc(self, flags: int) -> str:  # noqa: N802
        state = self.read()
        inactive = flags & FakeLibvirt.VIR_DOMAIN_XML_INACTIVE or not state.get("live")
        return str(state["definition"] if inactive else state["live"])

    def autostart(self) -> int:
        return int(bool(self.read().get("autostart")))

    def setAutostart(self, wanted: int) -> None:  # noqa: N802
        self.write(**{**self.read(), "autostart": bool(wanted)})

    def create(self) -> None:
        state = self.read()
        if state.get("live"):
            raise libvirtError("Requested operation is not valid: domain is already running")
        self.write(**{**state, "live": state["definition"]})
        self._make_process()

    def shutdown(self) -> None:
        if self._connection.libvirt.guest_obeys_shutdown:
            self.destroy()

    def destroy(self) -> None:
        state = self.read()
        state.pop("live", None)
        self.write(**state)

    def undefineFlags(self, _flags: int) -> None:  # noqa: N802
        state = self.read()
        state.pop("definition", None)
        state.pop("autostart", None)
        self.write(**state)

    def pinVcpuFlags(self, vcpu: int, cpus: tuple[bool, ...], _flags: int) -> None:  # noqa: N802
        self._pin(f"cputune/vcpupin[@vcpu='{vcpu}']", cpus)

    def pinEmulator(self, cpus: tuple[bool, ...], _flags: int) -> None:  # noqa: N802
        self._pin("cputune/emulatorpin", cpus)

    def _pin(self, path: str, cpus: tuple[bool, ...]) -> None:
        state = self.read()
        for key in ("definition", "live"):
            element = ET.fromstring(state[key])
            pin = element.find(path)
            if pin is not None:
                pin.set("cpuset", ",".join(str(cpu) for cpu, chosen in enumerate(cpus) if chosen))
            state[key] = ET.tostring(element, encoding="unicode")
        self.write(**state)
        self._make_process()

    def _make_process(self) -> None:
        """What the kernel would show of QEMU."""
        live = ET.fromstring(self.read()["live"])
        root, process = self._connection.root, 4000 + sum(self._name.encode())
        run = root / "run/libvirt/qemu"
        run.mkdir(parents=True, exist_ok=True)
        (run / f"{self._name}.pid").write_text(f"{process}\n")
        for pin in live.findall("cputune/vcpupin"):
            task = root / f"proc/{process}/task/{process + 1 + int(pin.get('vcpu', '0'))}"
            task.mkdir(parents=True, exist_ok=True)
            (task / "comm").write_text(f"CPU {pin.get('vcpu')}/TCG\n")
            (task / "status").write_text(f"Name:\tCPU\nCpus_allowed_list:\t{pin.get('cpuset')}\n")
        (root / f"proc/{process}").mkdir(parents=True, exist_ok=True)
        (root / f"proc/{process}/smaps_rollup").write_text(f"Rss: 1 kB\nShared_Hugetlb:  {live.findtext('memory')} kB\n")
