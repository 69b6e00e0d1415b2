# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers echo requests badly, and keeps count of how badly.

    unruly_responder.py icmp|udp ADDRESS PORT LATE_SECONDS

Of the requests numbered 1, 2, 3... as they arrive: every 20th is never answered, every 15th is answered LATE_SECONDS later, every 10th is answered twice
(the first rule that fits). On SIGTERM the counts go to standard output as JSON. It imports nothing of the collection: it is the other side. For
icmp the kernel's own answers must be off (net.ipv4.icmp_echo_ignore_all).
"""

from __future__ import annotations

import json
import select
import signal
import socket
import struct
import sys
import time
import typing as t


def checksum(message: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(message) // 2}H", message))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def icmp_answer(packet: bytes) -> bytes | None:
    """RFC 792: the request's message with type 0 and a new checksum."""
    message = packet[(packet[0] & 15) * 4 :]
    if message[0] != 8:
        return None
    unsigned = b"\0\0\0\0" + message[4:]
    return unsigned[:2] + struct.pack("!H", checksum(unsigned)) + unsigned[4:]


def main() -> None:
    protocol, address, port, late_seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    kind = (socket.SOCK_RAW, socket.IPPROTO_ICMP) if protocol == "icmp" else (socket.SOCK_DGRAM, socket.IPPROTO_UDP)
    sock = socket.socket(socket.AF_INET, *kind)
    sock.bind((address, port))
    counts = {"never": 0, "late": 0, "twice": 0, "once": 0}
    later: list[tuple[float, bytes, t.Any]] = []
    over: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: over.append(number))
    number = 0
    print("ready", flush=True)
    while not over:
        while later and later[0][0] <= time.monotonic():
            _due, delayed, asker = later.pop(0)
            sock.sendto(delayed, asker)
        if not select.select([sock], [], [], max(0.0, later[0][0] - time.monotonic()) if later else 0.05)[0]:
            continue
        packet, sender = sock.recvfrom(2048)
        answer = icmp_answer(packet) if protocol == "icmp" else packet
        if answer is None:
            continue
        number += 1
        if number % 20 == 0:
            counts["never"] += 1
        elif number % 15 == 0:
            counts["late"] += 1
            later.append((time.monotonic() + late_seconds, answer, sender))
        elif number % 10 == 0:
            counts["twice"] += 1
            sock.sendto(answer, sender)
            sock.sendto(answer, sender)
        else:
            counts["once"] += 1
            sock.sendto(answer, sender)
    print(json.dumps(counts), flush=True)


main()
