# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Echo requests and how their answers are recognised: ICMP (RFC 792), ICMPv6 (RFC 4443) and UDP echo (RFC 862). Pure: bytes in, bytes out."""

from __future__ import annotations

import struct
import typing as t

TOKEN_BYTES = 8

# What every request carries: the token of this measurement, and the number of the request. An answer sends both back unchanged.
_PAYLOAD = struct.Struct("!8sQ")
_HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence

_ECHO_REQUEST, _ECHO_REPLY = 8, 0
_ECHO_REQUEST_V6, _ECHO_REPLY_V6 = 128, 129


class Echo(t.Protocol):
    """One way to ask for an echo."""

    def request(self, number: int) -> bytes:
        """The bytes to hand to the socket."""

    def number_of(self, packet: bytes) -> int | None:
        """The number of the request that this packet answers; None if it is not an answer to this measurement."""


class IcmpEcho:
    """ICMP over IPv4. A raw socket delivers the IP header in front of the message."""

    def __init__(self, token: bytes) -> None:
        self._token = _checked(token)
        self._identifier = int.from_bytes(token[:2], "big")

    def request(self, number: int) -> bytes:
        message = _message(_ECHO_REQUEST, 0, self._identifier, number, self._token)
        return _message(_ECHO_REQUEST, internet_checksum(message), self._identifier, number, self._token)

    def number_of(self, packet: bytes) -> int | None:
        if not packet:
            return None
        header_bytes = (packet[0] & 0x0F) * 4
        return _number_in(packet[header_bytes:], _ECHO_REPLY, self._identifier, self._token)


class Icmp6Echo:
    """ICMP over IPv6. The kernel fills in the checksum and delivers the message without the IP header (RFC 3542, section 3)."""

    def __init__(self, token: bytes) -> None:
        self._token = _checked(token)
        self._identifier = int.from_bytes(token[:2], "big")

    def request(self, number: int) -> bytes:
        return _message(_ECHO_REQUEST_V6, 0, self._identifier, number, self._token)

    def number_of(self, packet: bytes) -> int | None:
        return _number_in(packet, _ECHO_REPLY_V6, self._identifier, self._token)


class UdpEcho:
    """A datagram that the other side sends back as it is."""

    def __init__(self, token: bytes) -> None:
        self._token = _checked(token)

    def request(self, number: int) -> bytes:
        return _PAYLOAD.pack(self._token, number)

    def number_of(self, packet: bytes) -> int | None:
        return _number_in_payload(packet, self._token)


def internet_checksum(message: bytes) -> int:
    """The one's complement sum of 16-bit words (RFC 1071)."""
    padded = message + b"\0" * (len(message) % 2)
    total: int = sum(word for (word,) in struct.iter_unpack("!H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _message(kind: int, checksum: int, identifier: int, number: int, token: bytes) -> bytes:
    return _HEADER.pack(kind, 0, checksum, identifier, number & 0xFFFF) + _PAYLOAD.pack(token, number)


def _number_in(message: bytes, kind: int, identifier: int, token: bytes) -> int | None:
    if len(message) < _HEADER.size:
        return None
    found_kind, _code, _checksum, found_identifier, _sequence = _HEADER.unpack_from(message)
    if (found_kind, found_identifier) != (kind, identifier):
        return None
    return _number_in_payload(message[_HEADER.size :], token)


def _number_in_payload(payload: bytes, token: bytes) -> int | None:
    if len(payload) < _PAYLOAD.size:
        return None
    found_token, number = _PAYLOAD.unpack_from(payload)
    return int(number) if found_token == token else None


def _checked(token: bytes) -> bytes:
    if len(token) != TOKEN_BYTES:
        raise ValueError(f"a token has {TOKEN_BYTES} bytes, not {len(token)}")
    return token
