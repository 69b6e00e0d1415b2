# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The plan in the words of each consumer: hugepages, IRQs, RCU, systemd, OVS, kubelet, libvirt. No decision is made here."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.mempools import MIB
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import DEDICATED, PER_PORT

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.result import HostPlan
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import SiblingGroup

Json = dict[str, t.Any]

# What DPDK may take when it starts: an address that no driver of its own fits. Else it takes every function on vfio, those that are meant for
# VMs too. Open vSwitch attaches the devices of its ports one by one (lib/netdev-dpdk.c, netdev_dpdk_process_devargs), which this does not hinder.
_TAKE_NO_DEVICE = "-a 0000:00:00.0"


def hugepages(plan: HostPlan) -> list[Json]:
    """For the door hugepages: one entry per size and node with memory, also for nodes that are to have no pages."""
    nodes = plan.memory.nodes
    size = plan.memory.page_kib
    own = [{"size_kib": size, "node": memory.node, "count": memory.hugepages * 1024 // size} for memory in nodes] if size else []
    further = {(pages.size_kib, pages.node): pages.count for pages in plan.profile.hugepages.further}
    return own + [
        {"size_kib": size, "node": memory.node, "count": further.get((size, memory.node), 0)}
        for size in sorted({size for size, _node in further})
        for memory in nodes
    ]


def irq(plan: HostPlan) -> Json:
    """CPUs that take interrupts: as a list (smp_affinity_list, irqaffinity=) and as the kernel's mask (smp_affinity)."""
    return {"affinity": cpu_sets.format_list(plan.housekeeping), "mask": cpu_sets.format_kernel_mask(plan.housekeeping)}


def rcu(plan: HostPlan) -> Json:
    isolated = cpu_sets.format_list(plan.isolated)
    return {"nocbs": isolated, "nohz_full": isolated}


def systemd(plan: HostPlan) -> Json:
    """CPUAffinity= of the manager: everything systemd starts, unless its unit says otherwise."""
    return {"cpu_affinity": cpu_sets.format_list(plan.housekeeping)}


def ovs(plan: HostPlan) -> Json:
    """For the door ovs_dpdk. C(other_config) has only what must be set.

    dpdk-lcore-mask is among it only if the profile asks for it: unset, OVS keeps its handler and revalidator threads on all CPUs that
    systemd gives it; set, it pins them to one (lib/dpdk.c). Its value is in C(dpdk_lcore_mask) either way.
    """
    enabled = plan.profile.uses_dpdk
    memory_of = {memory.node: memory.ovs for memory in plan.memory.nodes if memory.ovs}
    socket_mem = ",".join(str(memory_of.get(node, 0)) for node in range(max(memory_of) + 1)) if memory_of else ""
    pmd_mask = cpu_sets.format_mask(plan.roles.polling) if enabled else ""
    lcore_mask = cpu_sets.format_mask(plan.roles.lcore) if enabled else ""
    other_config = {}
    if enabled:
        other_config = {
            "pmd-cpu-mask": pmd_mask,
            "dpdk-socket-mem": socket_mem,
            # Named in both models: a host whose profile changes must not keep the other one.
            "per-port-memory": "true" if plan.profile.memory_model == PER_PORT else "false",
        }
        # A NIC that is named by its MAC is looked for among those that DPDK has taken.
        if not any((nic.devargs or "").startswith("class=") for nic in plan.profile.dpdk_nics):
            other_config["dpdk-extra"] = _TAKE_NO_DEVICE
        if any(pages.count for pages in plan.profile.hugepages.further):
            # The EAL takes pages of any size, the largest first: without a limit, those that are meant for others.
            other_config["dpdk-socket-limit"] = socket_mem
        if plan.profile.dpdk_lcore_cpus is not None:
            other_config["dpdk-lcore-mask"] = lcore_mask
    return {
        "enabled": enabled,
        "other_config": other_config,
        "pmd_cpus": cpu_sets.format_list(plan.roles.polling),
        "pmd_shares_housekeeping": bool(plan.roles.polling) and not plan.roles.pmd,
        "pmd_cpu_mask": pmd_mask,
        "lcore_cpus": cpu_sets.format_list(plan.roles.lcore) if enabled else "",
        "dpdk_lcore_mask": lcore_mask,
        "dpdk_socket_mem": socket_mem,
        "memory_model": plan.profile.memory_model,
        "ports": [
            {
                "name": placed.nic.name,
                "devargs": placed.nic.devargs or placed.nic.pci,
                "pci": placed.nic.pci,
                "node": placed.node,
                "pmd_node": placed.pmd_node,
                "mtu": placed.nic.mtu,
                "n_rxq": placed.nic.n_rxq,
                "n_rxq_desc": placed.nic.n_rxq_desc,
                "n_txq_desc": placed.nic.n_txq_desc,
            }
            for placed in plan.nics
        ],
        "mempools": [
            {**dataclasses.asdict(pool), "ports": list(pool.ports), "mib": -(-pool.bytes // MIB)} for pool in plan.memory.mempools
        ],
    }


def kubelet(plan: HostPlan) -> Json:
    """For KubeletConfiguration. Per node reserved memory adds up to kube + system + evictionHard, as kubelet demands."""
    reserved = set(plan.housekeeping) | set(plan.pmd)
    known = all(memory.total is not None for memory in plan.memory.nodes)
    dedicated = plan.profile.pin_vms == DEDICATED and bool(plan.vm)
    return {
        "reserved_system_cpus": cpu_sets.format_list(reserved),
        "allocatable_cpus": cpu_sets.format_list(set(plan.topology.online) - reserved),
        "cpu_manager_policy": "static" if dedicated else "none",
        "memory_manager_policy": "Static" if dedicated and known else "None",
        "kube_reserved_memory_mib": sum(memory.kubelet for memory in plan.memory.nodes),
        "system_reserved_memory_mib": sum(memory.kernel + memory.daemons for memory in plan.memory.nodes),
        "eviction_hard_memory_mib": sum(memory.eviction for memory in plan.memory.nodes),
        "reserved_memory": [
            {"node": memory.node, "memory_mib": memory.reserve} for memory in plan.memory.nodes if memory.total is not None
        ],
        "reserved_memory_mib": sum(memory.reserve for memory in plan.memory.nodes if memory.total is not None),
    }


def libvirt(plan: HostPlan) -> Json:
    """Where VMs may run. C(dedicated): one vCPU per CPU, each CPU to one VM; C(shared): VMs float over the set.

    Emulator and I/O threads go to C(emulator), the housekeeping CPUs of the VM's node, or of the host if that node has none.
    """
    dedicated = plan.profile.pin_vms == DEDICATED and bool(plan.vm)
    pool = plan.roles.vm or plan.roles.housekeeping
    memory_of = {memory.node: memory for memory in plan.memory.nodes}
    nodes = []
    for node in plan.topology.nodes:
        here = [group for group in pool if group.node == node.node]
        if not here:
            continue
        emulator = _cpus(group for group in plan.roles.housekeeping if group.node == node.node) or plan.housekeeping
        nodes.append(
            {
                "node": node.node,
                "dedicated": cpu_sets.format_list(_cpus(here)) if dedicated else "",
                "shared": "" if dedicated else cpu_sets.format_list(_cpus(here)),
                "cores": [cpu_sets.format_list(group.cpus) for group in here] if dedicated else [],
                "emulator": cpu_sets.format_list(emulator),
                "hugepages_mib": memory_of[node.node].vm if node.node in memory_of else 0,
            }
        )
    return {
        "pinning": "dedicated" if dedicated else "shared",
        "dedicated": cpu_sets.format_list(_cpus(pool)) if dedicated else "",
        "shared": "" if dedicated else cpu_sets.format_list(_cpus(pool)),
        "emulator": cpu_sets.format_list(plan.housekeeping),
        "hugepage_size_kib": plan.memory.page_kib,
        "nodes": nodes,
    }


def _cpus(groups: t.Iterable[SiblingGroup]) -> tuple[int, ...]:
    return tuple(sorted(cpu for group in groups for cpu in group.cpus))
