# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Bridges and ports as they are against those that are wanted: the differences, and the commands that remove them."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import Change, ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.database import quoted, set_map
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.ports import LIBVIRT_HOOK, OURS, OWNER, own_options

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.database import BridgeRow, PortRow, Snapshot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.ports import Bridge, Port

Commands = list[list[str]]


def compare(snapshot: Snapshot, bridges: t.Sequence[Bridge], purge_ports: bool, changes: ChangeSet) -> Commands:
    """Add every difference to C(changes). The commands belong into one transaction, in this order: a name is freed before it is used."""
    removals: Commands = []
    rest: Commands = []
    if purge_ports:
        for row in to_purge(snapshot, bridges):
            changes.add(Change(f"port {row.name}", f"on bridge {row.bridge}", None, "this module made it, and it is no longer listed"))
            removals.append(["del-port", row.bridge, row.name])
    for bridge in bridges:
        found = snapshot.bridges.get(bridge.name)
        rest += _new_bridge(bridge, changes) if found is None else _changed_bridge(bridge, found, changes)
        for port in bridge.ports:
            there = snapshot.ports.get(port.name)
            if there is not None and there.bridge == bridge.name:
                rest += _changed_port(port, there, changes)
                continue
            if there is not None:
                removals.append(["del-port", there.bridge, port.name])
            rest += _new_port(bridge, port, there, changes)
    return removals + rest


def to_purge(snapshot: Snapshot, bridges: t.Sequence[Bridge]) -> list[PortRow]:
    """Ports on these bridges that carry our mark and are not listed. Those of running VMs carry the mark of libvirt's hook."""
    names = {bridge.name for bridge in bridges}
    listed = {port.name for bridge in bridges for port in bridge.ports}
    found = []
    for port in snapshot.ports.values():
        owners = {port.external_ids.get(OWNER), *(row.external_ids.get(OWNER) for row in port.interfaces)}
        if port.bridge in names and port.name not in listed and OURS in owners and LIBVIRT_HOOK not in owners:
            found.append(port)
    return found


def _new_bridge(bridge: Bridge, changes: ChangeSet) -> Commands:
    described = {"datapath_type": bridge.datapath_type, "fail_mode": bridge.fail_mode, "external_ids": dict(bridge.external_ids)}
    changes.add(
        Change(f"bridge {bridge.name}", None, {key: value for key, value in described.items() if value}, "it is listed and not there")
    )
    commands = [["--may-exist", "add-br", bridge.name], ["set", "Bridge", bridge.name, f"datapath_type={bridge.datapath_type}"]]
    if bridge.fail_mode:
        commands.append(["set", "Bridge", bridge.name, f"fail_mode={bridge.fail_mode}"])
    return commands + [set_map("Bridge", bridge.name, "external_ids", key, value) for key, value in bridge.external_ids.items()]


def _changed_bridge(bridge: Bridge, found: BridgeRow, changes: ChangeSet) -> Commands:
    commands = []
    what = f"bridge {bridge.name}"
    if changes.compare(f"{what} datapath_type", found.datapath_type, bridge.datapath_type, "its packets are to be moved by this datapath"):
        commands.append(["set", "Bridge", bridge.name, f"datapath_type={bridge.datapath_type}"])
    if bridge.fail_mode and changes.compare(f"{what} fail_mode", found.fail_mode, bridge.fail_mode, "what it does without its controller"):
        commands.append(["set", "Bridge", bridge.name, f"fail_mode={bridge.fail_mode}"])
    for key, value in bridge.external_ids.items():
        if changes.compare(f"{what} external_ids:{key}", found.external_ids.get(key), value, "it is listed"):
            commands.append(set_map("Bridge", bridge.name, "external_ids", key, value))
    return commands


def _new_port(bridge: Bridge, port: Port, elsewhere: PortRow | None, changes: ChangeSet) -> Commands:
    described = {
        "bridge": bridge.name,
        "type": port.type,
        "options": port.options,
        "mtu": port.mtu,
        "tag": port.tag,
        "trunks": list(port.trunks),
        "external_ids": _external_ids(port),
    }
    current = None if elsewhere is None else {"bridge": elsewhere.bridge}
    reason = "it is listed and not there" if elsewhere is None else "it is listed on another bridge"
    changes.add(
        Change(f"port {port.name}", current, {key: value for key, value in described.items() if value not in (None, {}, [])}, reason)
    )
    commands = [["--may-exist", "add-port", bridge.name, port.name], ["set", "Interface", port.name, f"type={port.type}"]]
    commands += [set_map("Interface", port.name, "options", key, value) for key, value in port.options.items()]
    if port.mtu is not None:
        commands.append(_column("Interface", port.name, "mtu_request", str(port.mtu)))
    if port.tag is not None:
        commands.append(_column("Port", port.name, "tag", str(port.tag)))
    if port.trunks:
        commands.append(_trunks(port))
    return commands + [set_map("Port", port.name, "external_ids", key, value) for key, value in _external_ids(port).items()]


def _changed_port(port: Port, found: PortRow, changes: ChangeSet) -> Commands:
    commands = []
    what = f"port {port.name}"
    (interface,) = found.interfaces
    if changes.compare(f"{what} type", interface.type, port.type, f"its kind is {port.kind}"):
        commands.append(_column("Interface", port.name, "type", port.type))
    there, wanted = own_options(interface.options), port.options
    for key in sorted({*there, *wanted}):
        if changes.compare(
            f"{what} options:{key}", there.get(key), wanted.get(key), "it is described" if key in wanted else "it is not described"
        ):
            commands.append(set_map("Interface", port.name, "options", key, wanted.get(key)))
    if changes.compare(f"{what} mtu_request", interface.mtu_request, port.mtu, "its frames are to be this long at most"):
        commands.append(_column("Interface", port.name, "mtu_request", None if port.mtu is None else str(port.mtu)))
    if changes.compare(f"{what} tag", found.tag, port.tag, "it is an access port of this VLAN"):
        commands.append(_column("Port", port.name, "tag", None if port.tag is None else str(port.tag)))
    if changes.compare(f"{what} trunks", list(found.trunks), list(port.trunks), "it carries these VLANs"):
        commands.append(_trunks(port))
    for key, value in _external_ids(port).items():
        if changes.compare(f"{what} external_ids:{key}", found.external_ids.get(key), value, "it is described"):
            commands.append(set_map("Port", port.name, "external_ids", key, value))
    return commands


def _external_ids(port: Port) -> dict[str, str]:
    """With the mark by which we know the port again."""
    return {**port.external_ids, OWNER: OURS}


def _column(table: str, record: str, column: str, value: str | None) -> list[str]:
    return (
        ["clear", table, record, column]
        if value is None
        else ["set", table, record, f"{column}={quoted(value) if column == 'type' else value}"]
    )


def _trunks(port: Port) -> list[str]:
    return ["set", "Port", port.name, f"trunks=[{','.join(map(str, port.trunks))}]"]
