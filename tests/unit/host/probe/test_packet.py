# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.packet import (
    Icmp6Echo,
    IcmpEcho,
    UdpEcho,
    internet_checksum,
)

TOKEN = b"\x12\x34abcdef"
IP_HEADER = b"\x45" + bytes(19)


def as_reply(request: bytes, kind: int) -> bytes:
    return bytes([kind]) + request[1:]


def test_checksum_of_the_example_in_rfc_1071() -> None:
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D


@given(st.integers(0, 2**40))
def test_a_request_carries_a_valid_checksum(number: int) -> None:
    assert internet_checksum(IcmpEcho(TOKEN).request(number)) == 0


@given(st.integers(0, 2**40))
def test_answers_are_recognised_beyond_16_bits_of_sequence(number: int) -> None:
    icmp, icmp6, udp = IcmpEcho(TOKEN), Icmp6Echo(TOKEN), UdpEcho(TOKEN)
    assert icmp.number_of(IP_HEADER + as_reply(icmp.request(number), 0)) == number
    assert icmp6.number_of(as_reply(icmp6.request(number), 129)) == number
    assert udp.number_of(udp.request(number)) == number


@pytest.mark.parametrize("echo", [IcmpEcho, Icmp6Echo, UdpEcho])
def test_answers_to_another_measurement_are_not_ours(echo: type[IcmpEcho | Icmp6Echo | UdpEcho]) -> None:
    other = echo(TOKEN[:2] + b"foreign"[:6]).request(1)
    assert echo(TOKEN).number_of(IP_HEADER + as_reply(other, 0)) is None
    assert echo(TOKEN).number_of(as_reply(other, 129)) is None
    assert echo(TOKEN).number_of(other) is None


def test_our_own_request_is_not_an_answer() -> None:
    assert IcmpEcho(TOKEN).number_of(IP_HEADER + IcmpEcho(TOKEN).request(1)) is None


@given(st.binary(max_size=80))
def test_no_packet_breaks_the_reader(packet: bytes) -> None:
    for echo in (IcmpEcho(TOKEN), Icmp6Echo(TOKEN), UdpEcho(TOKEN)):
        assert echo.number_of(packet) is None


def test_a_token_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        UdpEcho(b"short")
