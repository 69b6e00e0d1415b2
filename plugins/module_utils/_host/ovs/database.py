# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Open vSwitch's database: read in one call, written in one transaction.

One ovs-vsctl process with several commands is one OVSDB transaction (ovs-vsctl(8)): it is taken as a whole or not at all.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

SOCKET = "/run/openvswitch/db.sock"

_COLUMNS = {
    "Open_vSwitch": "other_config,external_ids,dpdk_initialized,dpdk_version",
    "Bridge": "name,datapath_type,fail_mode,external_ids,ports",
    "Port": "_uuid,name,tag,trunks,external_ids,interfaces",
    "Interface": "_uuid,name,type,options,other_config,external_ids,mtu_request,mtu,error,ofport,link_state,status",
}


class NotActedOn(Failure):
    """The transaction was taken, but ovs-vswitchd did not act on it in time."""


@dataclasses.dataclass(frozen=True)
class InterfaceRow:
    name: str
    type: str  # "system" where the database has the empty string, which means the same
    options: dict[str, str]
    other_config: dict[str, str]
    external_ids: dict[str, str]
    mtu_request: int | None
    mtu: int | None
    error: str | None
    ofport: int | None
    link_state: str | None
    status: dict[str, str]


@dataclasses.dataclass(frozen=True)
class PortRow:
    name: str
    bridge: str
    tag: int | None
    trunks: tuple[int, ...]
    external_ids: dict[str, str]
    interfaces: tuple[InterfaceRow, ...]


@dataclasses.dataclass(frozen=True)
class BridgeRow:
    name: str
    datapath_type: str  # "system" where the database has the empty string
    fail_mode: str | None
    external_ids: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The database at one moment. C(missing) says why there is none (everything else is then empty)."""

    missing: Failure | None = None
    other_config: dict[str, str] = dataclasses.field(default_factory=dict)
    external_ids: dict[str, str] = dataclasses.field(default_factory=dict)
    dpdk_initialized: bool = False
    dpdk_version: str | None = None
    bridges: dict[str, BridgeRow] = dataclasses.field(default_factory=dict)
    ports: dict[str, PortRow] = dataclasses.field(default_factory=dict)

    def interfaces(self) -> t.Iterator[tuple[PortRow, InterfaceRow]]:
        for port in self.ports.values():
            for interface in port.interfaces:
                yield port, interface


def read(root: HostRoot) -> Snapshot:
    """Everything that is compared or checked, in one call. A host without Open vSwitch has an empty snapshot that says so."""
    if not root.has_program("ovs-vsctl"):
        return Snapshot(missing=_missing("no program ovs-vsctl", "install openvswitch-switch-dpdk, or the distribution's openvswitch"))
    if not root.exists(SOCKET):
        return Snapshot(missing=_missing("ovsdb-server does not run", "start the unit openvswitch-switch (openvswitch on Fedora and RHEL)"))
    argv = ["ovs-vsctl", "--no-wait", "--timeout=10", "--format=json"]
    for table, columns in _COLUMNS.items():
        argv += ["--", f"--columns={columns}", "list", table]
    answer = root.run(argv, changes=False, check=False)
    if answer.rc != 0:
        said = answer.err.strip().replace("\n", " / ")
        return Snapshot(missing=_missing(f"ovsdb-server does not answer: {said}", "look at the unit ovsdb-server"))
    return parse(answer.out)


def parse(out: str) -> Snapshot:
    """C(out): one JSON table per line, in the order of the tables that C(read) lists."""
    tables = [_rows(json.loads(line)) for line in out.splitlines() if line.strip()]
    (settings,), bridge_rows, port_rows, interface_rows = tables[0], tables[1], tables[2], tables[3]
    interfaces = {row["_uuid"]: _interface(row) for row in interface_rows}
    bridge_of = {port: row["name"] for row in bridge_rows for port in _as_list(row["ports"])}
    ports = [
        PortRow(
            name=row["name"],
            bridge=bridge_of[row["_uuid"]],
            tag=_one(row["tag"]),
            trunks=tuple(sorted(_as_list(row["trunks"]))),
            external_ids=row["external_ids"],
            interfaces=tuple(interfaces[uuid] for uuid in _as_list(row["interfaces"])),
        )
        for row in port_rows
        if row["_uuid"] in bridge_of
    ]
    bridges = [BridgeRow(row["name"], row["datapath_type"] or "system", _one(row["fail_mode"]), row["external_ids"]) for row in bridge_rows]
    return Snapshot(
        other_config=settings["other_config"],
        external_ids=settings["external_ids"],
        dpdk_initialized=settings["dpdk_initialized"],
        dpdk_version=_one(settings["dpdk_version"]),
        bridges={bridge.name: bridge for bridge in sorted(bridges, key=lambda bridge: bridge.name)},
        ports={port.name: port for port in sorted(ports, key=lambda port: port.name)},
    )


def transact(root: HostRoot, commands: t.Sequence[t.Sequence[str]], *, wait: float | None) -> None:
    """Carry out all commands or none. C(wait): seconds that ovs-vswitchd may take to act on them; None where it does not run.

    ovs-vsctl ends with 0 even if an interface could not be set up: look at the interfaces afterwards.
    """
    argv = ["ovs-vsctl", "--no-wait" if wait is None else f"--timeout={max(1, round(wait))}"]
    for command in commands:
        argv += ["--", *command]
    done = root.run(argv, changes=True, timeout=(wait or 0) + 30, check=False)
    if done.rc == 0:
        return
    said = done.err.strip().replace("\n", " / ") or "nothing"
    if wait is not None and ("SIGALRM" in said or "Alarm clock" in said or done.rc == -14):
        raise NotActedOn(
            asked=" -- ".join(" ".join(command) for command in commands),
            found=f"the database has the values, but ovs-vswitchd did not act on them within {wait:g} s",
            where="ovs-vswitchd",
            remedy="look at ovs-vswitchd's log; a larger timeout helps where devices are slow",
        )
    raise Failure(
        asked=" -- ".join(" ".join(command) for command in commands),
        found=f"ovs-vsctl ended with {done.rc} and said: {said}; the transaction was not taken, the database is as it was",
        where="ovs-vsctl",
        remedy="mend what ovs-vsctl names",
    )


def quoted(text: str) -> str:
    """A string as ovs-vsctl takes it literally, whatever it holds: its quoted form is JSON's."""
    return json.dumps(text)


def set_map(table: str, record: str, column: str, key: str, value: str | None) -> list[str]:
    """The command that gives a map one key, or takes it away."""
    if value is None:
        return ["remove", table, record, column, quoted(key)]
    return ["set", table, record, f"{column}:{quoted(key)}={quoted(value)}"]


def version(root: HostRoot) -> tuple[int, ...] | None:
    """Of the installed ovs-vswitchd; None if there is none."""
    if not root.has_program("ovs-vswitchd"):
        return None
    found = re.search(r"\(Open vSwitch\) (\d+(?:\.\d+)*)", root.run(["ovs-vswitchd", "--version"], changes=False, check=False).out)
    return tuple(int(part) for part in found.group(1).split(".")) if found else None


def _missing(found: str, remedy: str) -> Failure:
    return Failure(asked="read and write Open vSwitch's database", found=found, where=SOCKET, remedy=remedy)


def _rows(table: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    return [{heading: _value(cell) for heading, cell in zip(table["headings"], row)} for row in table["data"]]


def _value(cell: t.Any) -> t.Any:
    """OVSDB's JSON (RFC 7047, section 5.1): ["map", [[k, v]...]], ["set", [...]], ["uuid", "..."], or a plain atom."""
    if not isinstance(cell, list):
        return cell
    kind, content = cell
    if kind == "map":
        return {_value(key): _value(value) for key, value in content}
    if kind == "set":
        return [_value(entry) for entry in content]
    return content


def _as_list(value: t.Any) -> list[t.Any]:
    """A set of exactly one element is written as that element."""
    return value if isinstance(value, list) else [value]


def _one(value: t.Any) -> t.Any:
    """An optional column: the empty set is None."""
    return None if value == [] else value


def _interface(row: dict[str, t.Any]) -> InterfaceRow:
    return InterfaceRow(
        name=row["name"],
        type=row["type"] or "system",
        options=row["options"],
        other_config=row["other_config"],
        external_ids=row["external_ids"],
        mtu_request=_one(row["mtu_request"]),
        mtu=_one(row["mtu"]),
        error=_one(row["error"]),
        ofport=_one(row["ofport"]),
        link_state=_one(row["link_state"]),
        status=row["status"],
    )
