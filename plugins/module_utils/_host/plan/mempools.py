# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The memory OVS takes for packet buffers, by the formulas of OVS itself.

Source: lib/netdev-dpdk.c (dpdk_mp_create, dpdk_calculate_mbufs) and Documentation/topics/dpdk/memory.rst, whose examples
(3008, 7104 and 10176 bytes for an MTU of 1500, 6000 and 9000) the tests check.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import SHARED

# Ethernet header 14, CRC 4, two VLAN tags 8.
FRAME_OVERHEAD = 26
DATA_ALIGNMENT = 1024
# 128 headroom, 832 for rte_mbuf, OVS's own dp_packet and the mempool's object header.
BUFFER_OVERHEAD = 128 + 832
SHARED_BUFFERS = 262144  # of a shared pool for an MTU of 1500 and more
SMALL_POOL_BUFFERS = 16384  # of a shared pool below; and the reserve of a port's own pool
BURST = 32
MOST_LCORES = 128  # RTE_MAX_LCORE
MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Port:
    """A port as far as its buffers matter. C(count) alike ports are one entry."""

    name: str
    node: int
    mtu: int
    n_rxq: int
    n_rxq_desc: int
    n_txq_desc: int
    count: int = 1
    n_txq: int | None = None  # None: one per PMD thread and one more, as a NIC gets; a vhost port has as many as its guest has queue pairs

    def transmit_queues(self, pmd_threads: int) -> int:
        return pmd_threads + 1 if self.n_txq is None else self.n_txq


@dataclasses.dataclass(frozen=True)
class Mempool:
    """C(count) equal pools of C(buffers) buffers of C(buffer_bytes) each."""

    node: int
    mtu: int
    buffer_bytes: int
    buffers: int
    count: int
    ports: tuple[str, ...]
    rule: str

    @property
    def bytes(self) -> int:
        return self.buffer_bytes * self.buffers * self.count


def data_size(mtu: int) -> int:
    """Bytes of frame data in one buffer: what two ports must have in common to share a pool."""
    return -(-(mtu + FRAME_OVERHEAD) // DATA_ALIGNMENT) * DATA_ALIGNMENT


def buffer_size(mtu: int) -> int:
    return data_size(mtu) + BUFFER_OVERHEAD


def port_buffers(port: Port, pmd_threads: int) -> int:
    """Buffers of one port that has its own pool (other_config:per-port-memory), by lib/netdev-dpdk.c, dpdk_calculate_mbufs."""
    transmit = port.transmit_queues(pmd_threads) * port.n_txq_desc
    return port.n_rxq * port.n_rxq_desc + transmit + min(MOST_LCORES, port.n_rxq) * BURST + SMALL_POOL_BUFFERS


def mempools(ports: t.Iterable[Port], model: str, pmd_threads: int) -> tuple[Mempool, ...]:
    """Every pool OVS will create for these ports, by node."""
    pools = _shared(ports) if model == SHARED else [_own(port, pmd_threads) for port in ports]
    return tuple(sorted(pools, key=lambda pool: (pool.node, pool.buffer_bytes, pool.ports)))


def _shared(ports: t.Iterable[Port]) -> list[Mempool]:
    alike: dict[tuple[int, int], list[Port]] = {}
    for port in ports:
        alike.setdefault((port.node, data_size(port.mtu)), []).append(port)
    return [
        Mempool(
            node=node,
            mtu=max(port.mtu for port in sharing),
            buffer_bytes=size + BUFFER_OVERHEAD,
            buffers=SHARED_BUFFERS if any(port.mtu >= 1500 for port in sharing) else SMALL_POOL_BUFFERS,
            count=1,
            ports=tuple(sorted(port.name for port in sharing)),
            rule="one pool per node and rounded frame size: 262144 buffers from an MTU of 1500 on, else 16384",
        )
        for (node, size), sharing in alike.items()
    ]


def _own(port: Port, pmd_threads: int) -> Mempool:
    n_txq = f"(PMD threads {pmd_threads} + 1)" if port.n_txq is None else f"n_txq {port.n_txq}"
    return Mempool(
        node=port.node,
        mtu=port.mtu,
        buffer_bytes=buffer_size(port.mtu),
        buffers=port_buffers(port, pmd_threads),
        count=port.count,
        ports=(port.name,),
        rule=f"n_rxq {port.n_rxq} * n_rxq_desc {port.n_rxq_desc} + {n_txq} * n_txq_desc {port.n_txq_desc}"
        f" + min({MOST_LCORES}, n_rxq) * {BURST} + {SMALL_POOL_BUFFERS}",
    )
