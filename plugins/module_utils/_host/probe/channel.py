# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Opens the socket of a measurement: one target, one protocol, optionally one source address and one interface."""

from __future__ import annotations

import dataclasses
import os
import socket
import struct
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.packet import (
    TOKEN_BYTES,
    Icmp6Echo,
    IcmpEcho,
    UdpEcho,
)

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.packet import Echo

# From linux/icmp.h and linux/icmpv6.h: Python has no names for them. A set bit blocks the type.
_SOL_RAW, _ICMP_FILTER = 255, 1
_ICMPV6_FILTER = 1
_ALL_BUT_ECHO_REPLY = struct.pack("=I", 0xFFFFFFFF & ~1)
_ALL_BUT_ECHO_REPLY_V6 = struct.pack("=8I", *(0xFFFFFFFF & ~(1 << 129 % 32) if word == 129 // 32 else 0xFFFFFFFF for word in range(8)))

_RECEIVE_BUFFER = 1 << 20


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Where requests go and where they leave from. C(port) is for UDP; C(source) and C(interface) may be empty."""

    target: str
    protocol: str
    port: int
    source: str
    interface: str


@dataclasses.dataclass(frozen=True)
class Channel:
    """An open, connected, non-blocking socket; what it sends and understands; and the address the target stood for."""

    socket: socket.socket
    echo: Echo
    address: str


def open_channel(endpoint: Endpoint) -> Channel:
    """Resolve the target once and connect to it. Raises Failure."""
    family, address, sockaddr = _resolve(endpoint)
    sock = _new_socket(endpoint, family)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if endpoint.interface:
            _step(
                endpoint,
                f"send through interface {endpoint.interface}",
                "name an interface that exists",
                lambda: _bind_interface(sock, endpoint),
            )
        if endpoint.source:
            _step(
                endpoint,
                f"send from {endpoint.source}",
                "name an address that this host has",
                lambda: sock.bind((endpoint.source, 0)),
            )
        _step(endpoint, f"reach {address}", "give this host a route to the target", lambda: sock.connect(sockaddr))
    except BaseException:
        sock.close()
        raise
    token = os.urandom(TOKEN_BYTES)
    if endpoint.protocol == "udp":
        return Channel(sock, UdpEcho(token), address)
    return Channel(sock, IcmpEcho(token) if family == socket.AF_INET else Icmp6Echo(token), address)


def _resolve(endpoint: Endpoint) -> tuple[int, str, t.Any]:
    try:
        found = socket.getaddrinfo(endpoint.target, endpoint.port or None, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise Failure(
            asked=f"probe {endpoint.target}",
            found=f"no address: {error.strerror or error}",
            where="this host's name resolution",
            remedy="give an address, or make the name known here",
        ) from error
    family, _type, _protocol, _name, sockaddr = found[0]
    return int(family), str(sockaddr[0]), sockaddr


def _new_socket(endpoint: Endpoint, family: int) -> socket.socket:
    if endpoint.protocol == "udp":
        return socket.socket(family, socket.SOCK_DGRAM)
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    try:
        sock = socket.socket(family, socket.SOCK_RAW, protocol)
    except PermissionError as error:
        raise Failure(
            asked="send ICMP echo requests",
            found="EPERM: a raw socket is refused",
            where="this host",
            remedy="run with become, or use protocol udp",
        ) from error
    if family == socket.AF_INET:
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, _ALL_BUT_ECHO_REPLY)
    else:
        sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMPV6_FILTER, _ALL_BUT_ECHO_REPLY_V6)
    return sock


def _bind_interface(sock: socket.socket, endpoint: Endpoint) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, endpoint.interface.encode() + b"\0")


def _step(endpoint: Endpoint, asked: str, remedy: str, action: t.Callable[[], t.Any]) -> None:
    try:
        action()
    except OSError as error:
        raise Failure(asked=asked, found=error.strerror or str(error), where=f"probe of {endpoint.target}", remedy=remedy) from error
