# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Whether the target's CPU can go on with a guest that has seen the source's."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.connection import binding, said

# The guest sees the host's own CPU: only an equal one will do.
HOST_BOUND = ("host-passthrough", "maximum")


def obstacle(source: t.Any, target: t.Any, live_xml: str) -> str | None:
    """Why the VM cannot run there, or None. Asks libvirt on the target, which knows what its QEMU can offer."""
    libvirt = binding()
    domain = ET.fromstring(live_xml)
    cpu, system = domain.find("cpu"), domain.find("os/type")
    arch, machine = ("x86_64", None) if system is None else (system.get("arch", "x86_64"), system.get("machine"))
    virtualization = domain.get("type", "kvm")
    try:
        target.getDomainCapabilities(None, arch, machine, virtualization, 0)
    except libvirt.libvirtError as error:
        return said(error)
    if cpu is None or (cpu.find("model") is None and cpu.get("mode") not in HOST_BOUND):
        return None
    if cpu.get("mode") in HOST_BOUND:
        return different_hosts(source.getCapabilities(), target.getCapabilities())
    try:
        target.compareHypervisorCPU(
            None, arch, machine, virtualization, ET.tostring(cpu, encoding="unicode"), libvirt.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE
        )
    except libvirt.libvirtError as error:
        return said(error)
    return None


def different_hosts(source_capabilities: str, target_capabilities: str) -> str | None:
    """What differs between two hosts' CPUs, from libvirt's capabilities, or None if they are equal."""
    source, target = (_host_cpu(capabilities) for capabilities in (source_capabilities, target_capabilities))
    parts = [f"{key} is {source[0][key]} here and {target[0][key]} there" for key in source[0] if source[0][key] != target[0][key]]
    for features, place in ((source[1] - target[1], "here"), (target[1] - source[1], "there")):
        if features:
            parts.append(f"only {place}: {', '.join(sorted(features))}")
    return "the guest sees the host's own CPU, and " + "; ".join(parts) if parts else None


def _host_cpu(capabilities: str) -> tuple[dict[str, str | None], set[str]]:
    cpu = ET.fromstring(capabilities).find("host/cpu")
    if cpu is None:
        return {"arch": None, "model": None, "vendor": None}, set()
    return {key: cpu.findtext(key) for key in ("arch", "model", "vendor")}, {feature.get("name", "") for feature in cpu.findall("feature")}
