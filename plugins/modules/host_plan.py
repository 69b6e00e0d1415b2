#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_plan
short_description: Plans CPUs, hugepages and kernel arguments of a host
version_added: 0.1.0
description:
  - Derives one plan from what a host has and what is wanted of it, with the rule and the inputs behind every number, and renders it for
    kernel, interrupts, systemd, OVS with DPDK, kubelet and libvirt.
  - Only whole cores with all their siblings change hands. Every NUMA node with CPUs and memory keeps a housekeeping core.
  - A profile that the host cannot have is refused with all reasons, and with the nearest profile that it can have.
  - Changes nothing.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.info
options:
  profile:
    description: What is wanted of the host.
    type: dict
    required: true
    suboptions:
      housekeeping_cores_per_node:
        description:
          - Cores per NUMA node with CPUs and memory that are kept for the host's own work.
          - The boot CPU's core is always one of them.
        type: int
        default: 1
      pmd_cores_per_nic_node:
        description:
          - Cores for OVS packet polling on each NUMA node with a DPDK NIC.
          - With V(0) the PMD shares the node's last housekeeping core, for small hosts.
        type: int
        default: 1
      dpdk_nics:
        description: NICs that OVS drives through DPDK.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the OVS port.
            type: str
            required: true
          pci:
            description:
              - The PCI address. Give this or O(profile.dpdk_nics[].devargs).
              - A VF that is not there yet counts as one of the physical function that will make it.
            type: str
          devargs:
            description: DPDK's device arguments, for a virtual device.
            type: str
          node:
            description: The NIC's NUMA node. Needed where the host does not say it and has several nodes.
            type: int
          mtu:
            description: The MTU.
            type: int
            default: 1500
          n_rxq:
            description: Receive queues.
            type: int
            default: 1
          n_rxq_desc:
            description: Descriptors per receive queue, a power of two up to 4096.
            type: int
            default: 2048
          n_txq_desc:
            description: Descriptors per transmit queue, a power of two up to 4096.
            type: int
            default: 2048
      vhost_ports:
        description: vhost-user ports (NICs of VMs) that are expected. Their packet buffers lie on the VM's node.
        type: list
        elements: dict
        default: []
        suboptions:
          count:
            description: How many.
            type: int
            default: 1
          node:
            description: Their NUMA node. Without it they are spread over the nodes that run VMs.
            type: int
          mtu:
            description: Their MTU.
            type: int
            default: 1500
          n_rxq:
            description: Queue pairs of each.
            type: int
            default: 1
      memory_model:
        description:
          - How OVS shares packet buffers. V(shared) has one pool per node and frame size, V(per_port) one per port.
          - With V(per_port) OVS makes the buffers of a VM's port anew while a VM that migrated here waits to go on.
        type: str
        choices: [shared, per_port]
        default: shared
      ovs_headroom_mib:
        description: Hugepage memory in MiB for OVS beside packet buffers, on each node where it has any.
        type: int
        default: 512
      hugepages:
        description: Hugepages for VMs.
        type: dict
        suboptions:
          size_kib:
            description: The page size in KiB. Derived from the host if not given.
            type: int
          vm_mib:
            description: Memory for VMs on the whole host in MiB, or V(rest) for all that is left. Without it, none.
            type: str
          vm_mib_per_node:
            description: Memory for VMs per NUMA node. Excludes O(profile.hugepages.vm_mib).
            type: list
            elements: dict
            default: []
            suboptions:
              node:
                description: The NUMA node.
                type: int
                required: true
              mib:
                description: Memory in MiB.
                type: int
                required: true
          further:
            description:
              - Pages of a second size, for programs that ask for that size themselves.
              - OVS and VMs get theirs in O(profile.hugepages.size_kib).
            type: list
            elements: dict
            default: []
            suboptions:
              size_kib:
                description: The page size in KiB.
                type: int
                required: true
              node:
                description: The NUMA node.
                type: int
                required: true
              count:
                description: The number of pages.
                type: int
                required: true
      isolation:
        description: Whether the kernel is to keep its own work off the PMD's cores and the cores of dedicated VMs.
        type: bool
        default: true
      pin_vms:
        description: V(dedicated) gives each vCPU a CPU of its own, with V(shared) VMs float over the VM cores.
        type: str
        choices: [dedicated, shared]
        default: dedicated
      reserved:
        description: Memory that hugepages must leave, in MiB. What is not given is derived from the host's memory.
        type: dict
        suboptions:
          kernel_mib_per_node:
            description: For the kernel, on each node.
            type: int
          daemons_mib:
            description: For the daemons of the host, on all nodes together.
            type: int
          kubelet_mib:
            description: For kubelet and container runtime, on all nodes together. V(0) on a host without them.
            type: int
          eviction_mib:
            description: kubelet's eviction threshold, on all nodes together.
            type: int
      housekeeping_cpus:
        description: The host's own CPUs as a CPU list, for example V(0-3,8). Whole cores, the boot CPU among them.
        type: str
      dpdk_lcore_cpus:
        description: CPUs of DPDK's control threads (C(dpdk-lcore-mask)) as a CPU list. They must be housekeeping CPUs.
        type: str
      pmd_cpus:
        description: CPUs of the PMD threads as a CPU list. Whole cores.
        type: str
      vm_cpus:
        description: CPUs for VMs as a CPU list. Whole cores. What then no set names is left to housekeeping.
        type: str
  topology:
    description:
      - A topology as RV(baremetal.vmsite.host_topology_info#module:topology), to plan a host that cannot be reached.
      - Without it, the host is read.
    type: dict
seealso:
  - module: baremetal.vmsite.host_topology_info
"""

EXAMPLES = r"""
- name: Plan a host with one DPDK NIC, giving VMs all memory that is left
  baremetal.vmsite.host_plan:
    profile:
      pmd_cores_per_nic_node: 2
      dpdk_nics:
        - name: dpdk0
          pci: "0000:3b:00.0"
          mtu: 9000
      vhost_ports:
        - count: 32
          mtu: 9000
      hugepages:
        size_kib: 1048576
        vm_mib: rest
  register: host_plan_result

- name: Show why
  ansible.builtin.debug:
    var: host_plan_result.plan.reasons

- name: Plan a host from its topology, without reaching it
  baremetal.vmsite.host_plan:
    profile: "{{ vmsite_host_profile }}"
    topology: "{{ lookup('ansible.builtin.file', 'topologies/' ~ inventory_hostname ~ '.json') | ansible.builtin.from_json }}"
  delegate_to: localhost
"""

RETURN = r"""
plan:
  description: The plan. CPU sets are lists such as V(0-3,8), empty for none; memory is in MiB.
  returned: success
  type: dict
  contains:
    cpus:
      description:
        - The sets C(housekeeping), C(pmd) and C(vm), which are disjoint and together all online CPUs.
        - C(isolated) are those the kernel keeps its work off, C(boot) is the boot CPU.
      type: dict
      sample: {"online": "0-7", "housekeeping": "0", "pmd": "1", "vm": "2-7", "isolated": "1-7", "boot": 0}
    nodes:
      description: Per NUMA node its sets, its cores with their role, and how its memory is divided.
      type: list
      elements: dict
      sample: [{"node": 0, "housekeeping": "0", "pmd": "1", "vm": "2-7", "cores": [], "memory": {"total_mib": 65536, "left_mib": 900}}]
    hugepages:
      description: Pages per size and node, for M(baremetal.vmsite.hugepages).
      type: list
      elements: dict
      sample: [{"size_kib": 1048576, "node": 0, "count": 56}]
    kernel_args:
      description: Kernel arguments in the order in which they must stand.
      type: list
      elements: str
      sample: ["default_hugepagesz=1G", "hugepagesz=1G", "hugepages=56", "isolcpus=managed_irq,domain,1-7"]
    irq:
      description: The CPUs that take interrupts, as a list and as the kernel's mask.
      type: dict
      sample: {"affinity": "0", "mask": "00000001"}
    rcu:
      description: The CPUs without RCU callbacks and without the tick.
      type: dict
      sample: {"nocbs": "1-7", "nohz_full": "1-7"}
    systemd:
      description: The CPUs for everything that systemd starts.
      type: dict
      sample: {"cpu_affinity": "0"}
    ovs:
      description:
        - What OVS needs. C(other_config) holds what must be set, the masks and C(dpdk_socket_mem) (one position per node number) are there
          as values of their own too, with C(ports), and C(mempools) with the formula behind each.
      type: dict
      sample: {"enabled": true, "other_config": {"pmd-cpu-mask": "0x2", "dpdk-socket-mem": "2048"}, "dpdk_lcore_mask": "0x1"}
    kubelet:
      description: Reserved CPUs and memory. The memory per node adds up to the three reservations, as kubelet demands.
      type: dict
      sample: {"reserved_system_cpus": "0-1", "allocatable_cpus": "2-7", "cpu_manager_policy": "static"}
    libvirt:
      description: The pinning pool, dedicated or shared, as a whole and per node, and the CPUs for emulator threads.
      type: dict
      sample: {"pinning": "dedicated", "dedicated": "2-7", "shared": "", "emulator": "0"}
    profile:
      description: The profile with every default filled in.
      type: dict
      sample: {"housekeeping_cores_per_node": 1}
    reasons:
      description: Per decision its place in the plan, its value, the rule, and the inputs of the rule.
      type: list
      elements: dict
      sample: [{"what": "cpus.pmd", "value": "1", "rule": "...", "inputs": {"pmd_cores_per_nic_node": 1, "nodes": [0]}}]
    notes:
      description: What a reader should know and what no number shows.
      type: list
      elements: str
      sample: []
topology_missing:
  description: What is unknown of the host, as RV(baremetal.vmsite.host_topology_info#module:topology.missing).
  returned: success
  type: list
  elements: dict
  sample: []
"""

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._door import run_info
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.planner import plan_host
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.reader import read_topology
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

PROFILE_OPTIONS: dict[str, t.Any] = {
    "housekeeping_cores_per_node": {"type": "int", "default": 1},
    "pmd_cores_per_nic_node": {"type": "int", "default": 1},
    "dpdk_nics": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "pci": {"type": "str"},
            "devargs": {"type": "str"},
            "node": {"type": "int"},
            "mtu": {"type": "int", "default": 1500},
            "n_rxq": {"type": "int", "default": 1},
            "n_rxq_desc": {"type": "int", "default": 2048},
            "n_txq_desc": {"type": "int", "default": 2048},
        },
    },
    "vhost_ports": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "count": {"type": "int", "default": 1},
            "node": {"type": "int"},
            "mtu": {"type": "int", "default": 1500},
            "n_rxq": {"type": "int", "default": 1},
        },
    },
    "memory_model": {"type": "str", "choices": ["shared", "per_port"], "default": "shared"},
    "ovs_headroom_mib": {"type": "int", "default": 512},
    "hugepages": {
        "type": "dict",
        "options": {
            "size_kib": {"type": "int"},
            "vm_mib": {"type": "str"},
            "vm_mib_per_node": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "node": {"type": "int", "required": True},
                    "mib": {"type": "int", "required": True},
                },
            },
            "further": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "size_kib": {"type": "int", "required": True},
                    "node": {"type": "int", "required": True},
                    "count": {"type": "int", "required": True},
                },
            },
        },
    },
    "isolation": {"type": "bool", "default": True},
    "pin_vms": {"type": "str", "choices": ["dedicated", "shared"], "default": "dedicated"},
    "reserved": {
        "type": "dict",
        "options": {
            "kernel_mib_per_node": {"type": "int"},
            "daemons_mib": {"type": "int"},
            "kubelet_mib": {"type": "int"},
            "eviction_mib": {"type": "int"},
        },
    },
    "housekeeping_cpus": {"type": "str"},
    "dpdk_lcore_cpus": {"type": "str"},
    "pmd_cpus": {"type": "str"},
    "vm_cpus": {"type": "str"},
}

ARGUMENT_SPEC: dict[str, t.Any] = {
    "profile": {"type": "dict", "required": True, "options": PROFILE_OPTIONS},
    "topology": {"type": "dict"},
}


def read(options: dict[str, t.Any], root: HostRoot) -> dict[str, t.Any]:
    profile = Profile.from_dict(options["profile"])
    topology = read_topology(root) if options["topology"] is None else Topology.from_dict(options["topology"])
    plan = plan_host(topology, profile).as_dict()
    return {"plan": plan, "topology_missing": topology.as_dict()["missing"]}


def main() -> None:
    run_info(ARGUMENT_SPEC, read)


if __name__ == "__main__":
    main()
