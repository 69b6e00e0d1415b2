# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What this host cannot do, found before anything is written."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs import keys, management
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.ports import LIBVIRT_HOOK, OURS, OWNER, POLLED_KINDS
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import functions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.network_devices import PCI_DEVICES

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.daemon import Daemon
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.database import Snapshot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.ports import Bridge, Port
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

_ONLINE = "/sys/devices/system/cpu/online"
_NODES = "/sys/devices/system/node"


def masks_beyond_cpus(root: HostRoot, wanted: t.Mapping[str, str | None]) -> list[Failure]:
    """OVS takes a mask with CPUs that are not there without a word, and then polls with fewer threads or none."""
    online_text = root.read_optional(_ONLINE)
    if online_text is None:
        return []
    online = set(cpus.parse_list(online_text, _ONLINE))
    failures = []
    for key in keys.MASKS:
        missing = [cpu for cpu in keys.cpus_of_mask(wanted.get(key) or "0x0") if cpu not in online]
        if missing:
            failures.append(
                Failure(
                    asked=f"{key} = {wanted[key]}",
                    found=f"CPU {', '.join(map(str, missing))} is not online; online are {online_text.strip()}",
                    where=_ONLINE,
                    remedy="take the mask from the host's plan, or bring the CPU online",
                )
            )
    return failures


def devices_that_are_missing(root: HostRoot, bridges: t.Sequence[Bridge]) -> list[Failure]:
    """Network interfaces and PCI devices that ports name. A VF that is still to be made is C(functions_that_are_not_made)'s."""
    failures = []
    for bridge in bridges:
        for port in bridge.ports:
            interface = port.name if port.kind == "system" else port.af_packet_interface
            if interface and not root.exists(f"/sys/class/net/{interface}"):
                there = ", ".join(root.names("/sys/class/net")) or "none"
                failures.append(_missing_device(port, bridge, f"no network interface {interface}; there are {there}", "/sys/class/net"))
            address = port.pci_address
            if address and not functions.is_possible(root, address):
                failures.append(_missing_device(port, bridge, f"no PCI device {address}", PCI_DEVICES))
    return failures


def functions_that_are_not_made(root: HostRoot, bridges: t.Sequence[Bridge]) -> list[Failure]:
    """VFs that a port names and that their physical function does not have yet: they can be planned with, not driven."""
    failures = []
    for bridge in bridges:
        for port in bridge.ports:
            address = port.pci_address
            if address and not functions.exists(root, address):
                found = f"no PCI device {address}; {functions.who_makes(root, address)}"
                failures.append(_missing_device(port, bridge, found, PCI_DEVICES, functions.MAKE_FIRST))
    return failures


def ports_of_others(snapshot: Snapshot, bridges: t.Sequence[Bridge]) -> list[Failure]:
    """Ports in the database that a description would take from someone else, or that it cannot express."""
    failures = []
    for bridge in bridges:
        for port in bridge.ports:
            found = snapshot.ports.get(port.name)
            if found is None:
                if port.name in snapshot.bridges:
                    failures.append(_refused(port, bridge, "a bridge has this name", "choose another name"))
                continue
            owner = found.external_ids.get(OWNER) or next(
                (row.external_ids[OWNER] for row in found.interfaces if OWNER in row.external_ids), None
            )
            if owner == LIBVIRT_HOOK:
                failures.append(_refused(port, bridge, "it is the port of a running VM, made by libvirt's hook", "leave it out"))
            elif found.name == found.bridge:
                failures.append(_refused(port, bridge, "it is the bridge's own port, which needs no listing", "leave it out"))
            elif len(found.interfaces) != 1:
                failures.append(
                    _refused(port, bridge, f"it is a bond of {len(found.interfaces)} interfaces", "remove the bond, or leave it out")
                )
            elif found.bridge != bridge.name and owner != OURS:
                failures.append(
                    _refused(port, bridge, f"it is on bridge {found.bridge}, and not made by this module", "remove it there first")
                )
    for bridge in bridges:
        if bridge.name in snapshot.ports and bridge.name not in snapshot.bridges:
            failures.append(
                Failure(
                    asked=f"bridge {bridge.name}",
                    found=f"a port of bridge {snapshot.ports[bridge.name].bridge} has this name",
                    where="Open vSwitch",
                    remedy="choose another name",
                )
            )
    return failures


def devices_that_others_have(snapshot: Snapshot, bridges: t.Sequence[Bridge], removed: t.Collection[str]) -> list[Failure]:
    """Devices and sockets that a port which stays has already. C(removed): ports that will be gone."""
    listed = {port.name for bridge in bridges for port in bridge.ports}
    holders = {
        value: row
        for row in snapshot.ports.values()
        if row.name not in listed and row.name not in removed
        for interface in row.interfaces
        for key, value in interface.options.items()
        if key in ("dpdk-devargs", "vhost-server-path")
    }
    return [
        Failure(
            asked=f"port {port.name} with {value}",
            found=f"port {holders[value].name} of bridge {holders[value].bridge} has it",
            where="Open vSwitch",
            remedy="remove that port, or list this one under its name",
        )
        for bridge in bridges
        for port in bridge.ports
        for value in port.options.values()
        if value in holders and value in (port.devargs, port.socket)
    ]


def ports_without_dpdk(bridges: t.Sequence[Bridge], wants_dpdk: bool) -> list[Failure]:
    named = [f"{port.name} ({port.kind})" for bridge in bridges for port in bridge.ports if port.kind in POLLED_KINDS]
    if wants_dpdk or not named:
        return []
    return [
        Failure(
            asked=f"port {', '.join(named)}",
            found="DPDK is not initialised by these settings",
            where="other_config",
            remedy="set dpdk-init to true",
        )
    ]


def patch_peers_that_are_missing(snapshot: Snapshot, bridges: t.Sequence[Bridge]) -> list[Failure]:
    listed = {port.name for bridge in bridges for port in bridge.ports}
    return [
        _refused(port, bridge, f"its peer {port.peer} is neither listed nor there", "list both patch ports")
        for bridge in bridges
        for port in bridge.ports
        if port.kind == "patch" and port.peer not in listed and port.peer not in snapshot.ports
    ]


def cutting_ourselves_off(
    root: HostRoot, snapshot: Snapshot, bridges: t.Sequence[Bridge], restarting: bool, pid: int | None = None
) -> list[Failure]:
    """What would end the connection over which we run: a restart below it, or its interface given to a bridge."""
    carrier = management.management_interface(root, pid)
    if carrier is None:
        return []
    below = management.lower_interfaces(root, carrier)
    failures = []
    on_ovs = sorted(below & {interface.name for _port, interface in snapshot.interfaces()})
    if restarting and on_ovs:
        failures.append(
            Failure(
                asked="restart ovs-vswitchd",
                found=f"this connection comes in over {carrier}, which rides on Open vSwitch ({', '.join(on_ovs)})",
                where=carrier,
                remedy="run over another network or from the console, or with restart: never",
            )
        )
    for bridge in bridges:
        for port in bridge.ports:
            interface = port.name if port.kind == "system" else port.af_packet_interface
            if interface in below and port.name not in snapshot.ports:
                remedy = "give another interface to the bridge, or run over another network"
                failures.append(_refused(port, bridge, f"this connection comes in over {interface}", remedy))
    return failures


def memory_that_is_not_there(root: HostRoot, wanted: str | None, extra: str, daemon: Daemon | None) -> list[Failure]:
    """dpdk-socket-mem against the free hugepages of each node, with those that the running process gives back.

    C(wanted): MiB per node in node order. This is asked right before writing, since the pages may be the work of an earlier step.
    """
    if not wanted or "--no-huge" in extra.split():
        return []
    held = _held_mib(root, daemon)
    failures = []
    for node, amount in enumerate(map(int, wanted.split(","))):
        directory = f"{_NODES}/node{node}/hugepages"
        free = sum(_page_mib(name) * int(root.read_optional(f"{directory}/{name}/free_hugepages") or 0) for name in root.names(directory))
        if amount > free + held.get(node, 0):
            given_back = f" and {held[node]:g} MiB held by ovs-vswitchd" if held.get(node) else ""
            failures.append(
                Failure(
                    asked=f"dpdk-socket-mem: {amount} MiB on node {node}",
                    found=f"{free:g} MiB in free hugepages{given_back}",
                    where=directory,
                    remedy="allocate hugepages on this node first (module hugepages), or ask for less",
                )
            )
    return failures


def _held_mib(root: HostRoot, daemon: Daemon | None) -> dict[int, float]:
    """Hugepages of a process per node, from its numa_maps (proc(5)): "... huge ... N0=64 kernelpagesize_kB=2048"."""
    held: dict[int, float] = {}
    for line in (root.read_optional(f"/proc/{daemon.pid}/numa_maps") or "").splitlines() if daemon else ():
        words = line.split()
        if "huge" in words:
            values = dict(word.split("=", 1) for word in words if "=" in word)
            for key, value in values.items():
                if key[0] == "N" and key[1:].isdigit():
                    held[int(key[1:])] = held.get(int(key[1:]), 0) + int(value) * int(values["kernelpagesize_kB"]) / 1024
    return held


def _page_mib(name: str) -> float:
    """Of a directory such as hugepages-2048kB."""
    return int("".join(character for character in name if character.isdigit())) / 1024


def _missing_device(port: Port, bridge: Bridge, found: str, where: str, remedy: str = "mend the name of the device") -> Failure:
    return Failure(
        asked=f"port {port.name} of bridge {bridge.name} ({port.devargs or port.kind})",
        found=found,
        where=where,
        remedy=remedy,
    )


def _refused(port: Port, bridge: Bridge, found: str, remedy: str) -> Failure:
    return Failure(asked=f"port {port.name} of bridge {bridge.name}", found=found, where="Open vSwitch", remedy=remedy)
