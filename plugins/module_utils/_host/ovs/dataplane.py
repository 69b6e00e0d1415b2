# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What truly came up. The database tells what is wanted; whether packets are moved, only the process can say."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs import daemon as process
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs import database, keys
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.ports import POLLED_TYPES
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan import mempools as planned
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import PER_PORT, SHARED

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

_DESCRIPTORS = 2048  # of a queue, where none are asked for


@dataclasses.dataclass(frozen=True)
class PollingThread:
    core: int
    node: int


@dataclasses.dataclass(frozen=True)
class ReceiveQueue:
    port: str
    queue: int
    core: int
    node: int


@dataclasses.dataclass(frozen=True)
class Mempool:
    """One pool of packet buffers. C(object_bytes) tells for which frame length, C(size) how many there are room for."""

    name: str
    node: int
    size: int
    populated: int
    object_bytes: int


@dataclasses.dataclass(frozen=True)
class Dataplane:
    """One look at the running data plane, with the database as it was at that moment."""

    snapshot: database.Snapshot
    daemon: process.Daemon | None
    threads: tuple[PollingThread, ...] = ()
    queues: tuple[ReceiveQueue, ...] = ()
    mempools: tuple[Mempool, ...] = ()


def read(root: HostRoot) -> Dataplane:
    snapshot = database.read(root)
    daemon = process.running(root)
    if snapshot.missing or daemon is None:
        return Dataplane(snapshot, daemon)
    polling = root.run(["ovs-appctl", "--timeout=10", "dpif-netdev/pmd-rxq-show"], changes=False, check=False)
    threads, queues = parse_polling(polling.out if polling.rc == 0 else "")
    mempools: list[Mempool] = []
    if snapshot.dpdk_initialized:
        # Without a port's name on purpose: with the name of a vhost port that has no pool yet, Open vSwitch 3.1 crashes.
        pools = root.run(["ovs-appctl", "--timeout=10", "netdev-dpdk/get-mempool-info"], changes=False, check=False)
        mempools = parse_mempools(pools.out if pools.rc == 0 else "")
    return Dataplane(snapshot, daemon, tuple(threads), tuple(queues), tuple(mempools))


def parse_polling(text: str) -> tuple[list[PollingThread], list[ReceiveQueue]]:
    """The output of dpif-netdev/pmd-rxq-show."""
    threads: list[PollingThread] = []
    queues: list[ReceiveQueue] = []
    for line in text.splitlines():
        header = re.match(r"pmd thread numa_id (\d+) core_id (\d+):", line)
        if header:
            threads.append(PollingThread(core=int(header.group(2)), node=int(header.group(1))))
            continue
        queue = re.match(r"\s+port:\s+(\S+)\s+queue-id:\s+(\d+)", line)
        if queue and threads:
            queues.append(ReceiveQueue(queue.group(1), int(queue.group(2)), threads[-1].core, threads[-1].node))
    return threads, queues


def parse_mempools(text: str) -> list[Mempool]:
    """The output of netdev-dpdk/get-mempool-info: DPDK's dump of every pool, of which those named ovs... hold packets."""
    pools = []
    for block in re.split(r"^mempool ", text, flags=re.MULTILINE)[1:]:
        name = block.partition(">")[0].lstrip("<")
        fields = dict(re.findall(r"^\s+(\w+)=(-?\d+)\s*$", block, flags=re.MULTILINE))
        if name.startswith("ovs") and {"size", "populated_size", "total_obj_size"} <= set(fields):
            node = max(0, int(fields.get("socket_id", 0)))
            pools.append(Mempool(name, node, int(fields["size"]), int(fields["populated_size"]), int(fields["total_obj_size"])))
    return pools


def problems(seen: Dataplane, bridges: t.Collection[str], dpdk: bool) -> list[Failure]:
    """Everything that did not come up on these bridges. C(dpdk): DPDK is to be initialised."""
    if seen.snapshot.missing:
        return [seen.snapshot.missing]
    if seen.daemon is None:
        return [_problem("ovs-vswitchd runs", "no living process", "pid file of ovs-vswitchd", "look at its log and its unit")]
    if dpdk and not seen.snapshot.dpdk_initialized:
        return [_problem("DPDK is initialised", "dpdk_initialized is false", "Open vSwitch", "look for EAL in ovs-vswitchd's log")]
    mine = [(port, interface) for port, interface in seen.snapshot.interfaces() if port.bridge in bridges]
    failures = [failure for port, interface in mine for failure in _interface_problems(port.bridge, interface)]
    sound = [interface for _port, interface in mine if not interface.error and interface.type in POLLED_TYPES]
    if sound:
        failures += _polling_problems(seen, sound)
        failures += _mempool_problems(seen, sound)
    return failures


def summary(seen: Dataplane, bridges: t.Collection[str]) -> dict[str, t.Any]:
    """What a door returns of it."""
    return {
        "pid": seen.daemon.pid if seen.daemon else None,
        "dpdk_version": seen.snapshot.dpdk_version,
        "dpdk_initialized": bool(seen.daemon) and seen.snapshot.dpdk_initialized,
        "interfaces": [
            {
                "name": interface.name,
                "bridge": port.bridge,
                "type": interface.type,
                "mtu": interface.mtu,
                "link_state": interface.link_state,
                "error": interface.error,
            }
            for port, interface in seen.snapshot.interfaces()
            if port.bridge in bridges
        ],
        "rx_queues": [dataclasses.asdict(queue) for queue in seen.queues],
        "mempools": [dataclasses.asdict(pool) for pool in seen.mempools],
    }


def _interface_problems(bridge: str, interface: database.InterfaceRow) -> list[Failure]:
    where = f"interface {interface.name} of bridge {bridge}"
    if interface.error:
        return [
            _problem(
                f"{interface.name} ({interface.type}) works",
                interface.error,
                where,
                "mend what it names; the rest is in ovs-vswitchd's log",
            )
        ]
    if interface.ofport is None or interface.ofport < 0:
        return [
            _problem(
                f"{interface.name} ({interface.type}) is in the datapath", f"ofport {interface.ofport}", where, "look at ovs-vswitchd's log"
            )
        ]
    connected = interface.type not in ("dpdkvhostuser", "dpdkvhostuserclient") or interface.mtu
    if interface.mtu_request is not None and connected and interface.mtu != interface.mtu_request:
        return [_problem(f"MTU {interface.mtu_request}", f"MTU {interface.mtu}", where, "ask for what the device can carry")]
    return []


def _polling_problems(seen: Dataplane, interfaces: t.Sequence[database.InterfaceRow]) -> list[Failure]:
    failures = []
    mask = keys.canonical_or_same("pmd-cpu-mask", seen.snapshot.other_config.get("pmd-cpu-mask"))
    cores = {thread.core for thread in seen.threads}
    if mask:
        wanted = set(keys.cpus_of_mask(mask))
        if wanted != cores:
            found = f"threads on CPU {', '.join(map(str, sorted(cores))) or 'none'}"
            remedy = "check that these CPUs are online and may be used by ovs-vswitchd"
            failures.append(
                _problem(f"PMD threads on CPU {', '.join(map(str, sorted(wanted)))} (pmd-cpu-mask)", found, "pmd-rxq-show", remedy)
            )
    polled = {(queue.port, queue.queue) for queue in seen.queues}
    for interface in interfaces:
        for queue in range(_receive_queues(interface)):
            if (interface.name, queue) not in polled:
                remedy = "give pmd-cpu-mask a CPU on the device's node, or ask for as many queues as the device has"
                found = "not polled: packets that arrive there are lost"
                failures.append(_problem(f"receive queue {queue} of {interface.name} is polled", found, "pmd-rxq-show", remedy))
    return failures


def _receive_queues(interface: database.InterfaceRow) -> int:
    """A vhost port has as many as its guest; one is all that can be expected."""
    return int(interface.options.get("n_rxq", 1)) if interface.type == "dpdk" else 1


def _mempool_problems(seen: Dataplane, interfaces: t.Sequence[database.InterfaceRow]) -> list[Failure]:
    """Pools that are smaller than Open vSwitch wanted them: when memory is short it halves a pool, and logs that at debug level only.

    What it wanted comes from the same formulas as the plan's dpdk-socket-mem.
    """
    failures = [
        _problem(
            f"mempool {pool.name} with {pool.size} buffers", f"{pool.populated} buffers", "mempools", "give dpdk-socket-mem more memory"
        )
        for pool in seen.mempools
        if pool.populated < pool.size
    ]
    model = PER_PORT if seen.snapshot.other_config.get("per-port-memory") == "true" else SHARED
    ports = [_planned_port(interface) for interface in interfaces if interface.mtu]  # a vhost port without a guest has no pool yet
    left = sorted(seen.mempools, key=lambda pool: pool.size)
    for pool in sorted(planned.mempools(ports, model, len(seen.threads)), key=lambda pool: -pool.buffers):
        like = [found for found in left if (found.node, found.object_bytes) == (pool.node, pool.buffer_bytes)]
        have = like[-1].size if like else 0
        if like:
            left.remove(like[-1])
        if have < pool.buffers:
            asked = f"{pool.buffers} packet buffers of {pool.buffer_bytes} bytes for {', '.join(pool.ports)} on node {pool.node}"
            found_text = f"{have}: there was too little memory when the pool was made"
            failures.append(_problem(asked, found_text, "mempools", "give dpdk-socket-mem more memory"))
    return failures


def _planned_port(interface: database.InterfaceRow) -> planned.Port:
    return planned.Port(
        name=interface.name,
        node=max(0, int(interface.status.get("numa_id") or 0)),  # -1 is a device on no node: its buffers are on node 0
        mtu=interface.mtu or 0,
        n_rxq=_receive_queues(interface),
        n_rxq_desc=int(interface.options.get("n_rxq_desc", _DESCRIPTORS)),
        n_txq_desc=int(interface.options.get("n_txq_desc", _DESCRIPTORS)),
        n_txq=None if interface.type == "dpdk" else _receive_queues(interface),
    )


def _problem(asked: str, found: str, where: str, remedy: str) -> Failure:
    return Failure(asked=asked, found=found, where=where, remedy=remedy)
