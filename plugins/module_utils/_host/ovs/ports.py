# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Bridges and ports as a user describes them, what is wrong with a description, and what each kind of port is in the database."""

from __future__ import annotations

import collections
import dataclasses
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

KINDS = ("dpdk", "vhost_user_client", "virtio_user", "system", "internal", "patch")
# Kinds that exist in the userspace datapath of an initialised DPDK only, and whose queues PMD threads poll.
POLLED_KINDS = ("dpdk", "vhost_user_client", "virtio_user")
POLLED_TYPES = ("dpdk", "dpdkvhostuser", "dpdkvhostuserclient")

OWNER = "vmsite-owner"  # a key of a port's external_ids: who made it
OURS = "ovs_dpdk"
LIBVIRT_HOOK = "libvirt-hook"  # made the ports of running VMs

# Interface options that a description decides alone: one that is there and not described is removed.
_OWN_OPTIONS = ("dpdk-devargs", "n_rxq", "n_rxq_desc", "n_txq_desc", "vhost-server-path", "peer")

_NEEDS = {"dpdk": "devargs", "vhost_user_client": "socket", "virtio_user": "socket", "patch": "peer"}
_ALLOWED = {
    "dpdk": {"devargs", "mtu", "n_rxq", "n_rxq_desc", "n_txq_desc"},
    "vhost_user_client": {"socket", "mtu"},
    "virtio_user": {"socket", "mtu", "n_rxq", "n_rxq_desc", "n_txq_desc"},
    "system": {"mtu"},
    "internal": {"mtu"},
    "patch": {"peer"},
}
_AF_PACKET = re.compile(r"(?:net_|eth_)af_packet\w*,(?:.*,)?iface=([^,]+)")
_PCI_ADDRESS = re.compile(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]")


@dataclasses.dataclass(frozen=True)
class Port:
    """One wanted port. What is None is absent: the description is the whole truth about a listed port."""

    name: str
    kind: str
    devargs: str | None = None
    socket: str | None = None
    peer: str | None = None
    mtu: int | None = None
    n_rxq: int | None = None
    n_rxq_desc: int | None = None
    n_txq_desc: int | None = None
    tag: int | None = None
    trunks: tuple[int, ...] = ()
    external_ids: t.Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def type(self) -> str:
        """The type of its Interface row."""
        return {"vhost_user_client": "dpdkvhostuserclient", "virtio_user": "dpdk"}.get(self.kind, self.kind)

    @property
    def options(self) -> dict[str, str]:
        """The options of its Interface row. A virtio-user port is a DPDK virtual device on a vhost-user socket."""
        devargs = f"net_virtio_user_{self.name},path={self.socket}" if self.kind == "virtio_user" else self.devargs
        values = {
            "dpdk-devargs": devargs,
            "n_rxq": self.n_rxq,
            "n_rxq_desc": self.n_rxq_desc,
            "n_txq_desc": self.n_txq_desc,
            "vhost-server-path": self.socket if self.kind == "vhost_user_client" else None,
            "peer": self.peer,
        }
        return {key: str(value) for key, value in values.items() if value is not None}

    @property
    def af_packet_interface(self) -> str | None:
        """The kernel's interface that an af_packet device sits on."""
        found = _AF_PACKET.match(self.devargs or "")
        return found.group(1) if found else None

    @property
    def pci_address(self) -> str | None:
        found = _PCI_ADDRESS.match(self.devargs or "")
        return found.group(0).lower() if found else None


@dataclasses.dataclass(frozen=True)
class Bridge:
    name: str
    ports: tuple[Port, ...] = ()
    datapath_type: str = "netdev"
    fail_mode: str | None = None
    external_ids: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


def own_options(found: t.Mapping[str, str]) -> dict[str, str]:
    """The part of an interface's options that a description decides."""
    return {key: value for key, value in found.items() if key in _OWN_OPTIONS}


def bridges_from(options: t.Sequence[t.Mapping[str, t.Any]]) -> list[Bridge]:
    """Typed bridges from a door's options."""
    return [
        Bridge(
            name=bridge["name"],
            ports=tuple(_port_from(port) for port in bridge.get("ports") or ()),
            datapath_type=bridge.get("datapath_type") or "netdev",
            fail_mode=bridge.get("fail_mode"),
            external_ids=_texts(bridge.get("external_ids")),
        )
        for bridge in options
    ]


def mistakes(bridges: t.Sequence[Bridge]) -> list[Failure]:
    """What is wrong with a description by itself, whatever the host is like."""
    failures = []
    listed = [(bridge, port) for bridge in bridges for port in bridge.ports]
    names = [bridge.name for bridge in bridges] + [port.name for _bridge, port in listed]
    failures += _duplicates("name", names)
    failures += _duplicates("devargs", [port.devargs for _bridge, port in listed if port.devargs])
    failures += _duplicates("socket", [port.socket for _bridge, port in listed if port.socket])
    for name in sorted(set(names)):
        if not re.fullmatch(r"[^\s/]{1,15}", name):
            failures.append(
                _refusal(name, "not a name that the kernel takes for an interface", "use 1 to 15 characters, no blanks, no slash")
            )
    peers = {port.name: port.peer for _bridge, port in listed if port.kind == "patch"}
    for bridge, port in listed:
        failures += _port_mistakes(bridge, port, peers)
    return failures


def _port_mistakes(bridge: Bridge, port: Port, peers: t.Mapping[str, str | None]) -> list[Failure]:
    failures = []
    where = f"port {port.name} of bridge {bridge.name}"
    needed = _NEEDS.get(port.kind)
    if needed and not getattr(port, needed):
        failures.append(_refusal(where, f"no {needed}", f"give {needed}: a port of kind {port.kind} needs it"))
    for option in ("devargs", "socket", "peer", "mtu", "n_rxq", "n_rxq_desc", "n_txq_desc"):
        if getattr(port, option) is not None and option not in _ALLOWED[port.kind]:
            failures.append(_refusal(where, f"{option} given", f"leave it out: a port of kind {port.kind} has none"))
    if port.kind in POLLED_KINDS and bridge.datapath_type != "netdev":
        failures.append(
            _refusal(where, f"datapath_type {bridge.datapath_type}", f"kind {port.kind} needs a bridge with datapath_type netdev")
        )
    if port.socket and not port.socket.startswith("/"):
        failures.append(_refusal(where, f"socket {port.socket}", "give the absolute path of the socket"))
    if port.mtu is not None and not 68 <= port.mtu <= 9702:
        failures.append(_refusal(where, f"mtu {port.mtu}", "give 68 to 9702"))
    elif port.mtu is not None and port.mtu > 1500 and port.af_packet_interface:
        # Measured with DPDK 22.11: the port fails with "Invalid argument" and is gone.
        remedy = "use mtu 1500, or kind system for this interface"
        failures.append(_refusal(where, f"mtu {port.mtu} on DPDK's af_packet driver, which carries 1500 at most", remedy))
    for option in ("n_rxq", "n_rxq_desc", "n_txq_desc"):
        if getattr(port, option) is not None and getattr(port, option) < 1:
            failures.append(_refusal(where, f"{option} {getattr(port, option)}", "give 1 or more"))
    for vlan in (*port.trunks, *(() if port.tag is None else (port.tag,))):
        if not 0 <= vlan <= 4095:
            failures.append(_refusal(where, f"VLAN {vlan}", "give 0 to 4095"))
    if port.kind == "patch" and port.peer is not None and port.peer in peers and peers[port.peer] != port.name:
        failures.append(_refusal(where, f"its peer {port.peer} names {peers[port.peer]}", "let the two patch ports name each other"))
    if OWNER in port.external_ids:
        failures.append(_refusal(where, f"external_ids {OWNER}", "leave it out: the module sets it"))
    return failures


def _duplicates(what: str, values: t.Sequence[str]) -> list[Failure]:
    return [
        _refusal(f"{what} {value}", f"it is listed {count} times", "list it once")
        for value, count in collections.Counter(values).items()
        if count > 1
    ]


def _refusal(asked: str, found: str, remedy: str) -> Failure:
    return Failure(asked=asked, found=found, where="bridges", remedy=remedy)


def _port_from(options: t.Mapping[str, t.Any]) -> Port:
    known = {field.name for field in dataclasses.fields(Port)}
    values = {key: value for key, value in options.items() if key in known and value is not None}
    values["trunks"] = tuple(sorted(values.get("trunks", ())))
    values["external_ids"] = _texts(values.get("external_ids"))
    return Port(**values)


def _texts(values: t.Mapping[str, t.Any] | None) -> dict[str, str]:
    return {str(key): str(value) for key, value in (values or {}).items()}
