# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OVS's packet buffers, against the examples of OVS's own documentation (topics/dpdk/memory.rst)."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.mempools import MIB, Port, buffer_size, mempools, port_buffers


def port(
    name: str = "p", node: int = 0, mtu: int = 1500, n_rxq: int = 1, n_rxq_desc: int = 2048, n_txq_desc: int = 2048, count: int = 1
) -> Port:
    return Port(name, node, mtu, n_rxq, n_rxq_desc, n_txq_desc, count)


@pytest.mark.parametrize(
    ("mtu", "size"), [(1500, 3008), (6000, 7104), (9000, 10176), (1800, 3008), (2022, 3008), (2023, 4032), (9216, 11200)]
)
def test_buffer_size(mtu: int, size: int) -> None:
    assert buffer_size(mtu) == size


def test_per_port_buffers() -> None:
    assert port_buffers(port(), pmd_threads=1) == 22560
    assert port_buffers(port(n_rxq=4, n_rxq_desc=4096, n_txq_desc=1024), pmd_threads=8) == 4 * 4096 + 9 * 1024 + 4 * 32 + 16384


def test_shared_pools_are_one_per_node_and_rounded_size() -> None:
    pools = mempools([port("a"), port("b", mtu=1800), port("c", mtu=9000), port("d", node=1), port("e", mtu=68, node=2)], "shared", 4)
    assert [(pool.node, pool.buffer_bytes, pool.buffers, pool.ports) for pool in pools] == [
        (0, 3008, 262144, ("a", "b")),
        (0, 10176, 262144, ("c",)),
        (1, 3008, 262144, ("d",)),
        (2, 1984, 16384, ("e",)),
    ]
    assert [pool.bytes // MIB for pool in pools[:2]] == [752, 2544]


def test_per_port_pools_count_every_port() -> None:
    (pool,) = mempools([port(count=10)], "per_port", 1)
    assert pool.bytes == 10 * 22560 * 3008


def test_a_vhost_port_has_as_many_transmit_queues_as_its_guest() -> None:
    # Measured with Open vSwitch 3.1: a guest with one queue pair makes a pool of 20512 buffers, however many PMD threads there are.
    assert port_buffers(dataclasses.replace(port(), n_txq=1), pmd_threads=8) == 20512
