#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_topology_info
short_description: NUMA nodes, cores, memory, hugepages and NICs of a host
version_added: 0.1.0
description:
  - Reads C(/sys) and C(/proc) of a host, or of a capture below O(root), and runs no program.
  - Says what a file that is missing leaves unknown, and which sources disagree, rather than guess.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.info
seealso:
  - module: baremetal.vmsite.host_plan
"""

EXAMPLES = r"""
- name: Read the host
  baremetal.vmsite.host_topology_info:
  register: host

- name: Show the NUMA node of each NIC
  ansible.builtin.debug:
    msg: "{{ item.name }}: node {{ item.node }} ({{ item.node_source | default('unknown') }})"
  loop: "{{ host.topology.nics }}"
  loop_control:
    label: "{{ item.name }}"

- name: Keep the topology of the host, to plan it without the host later
  ansible.builtin.copy:
    dest: "{{ inventory_dir }}/topologies/{{ inventory_hostname }}.json"
    content: "{{ host.topology | ansible.builtin.to_nice_json }}"
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
topology:
  description: The host. CPU sets are lists such as V(0-3,8), empty for none.
  returned: success
  type: dict
  contains:
    architecture:
      description: The processor's architecture as C(uname -m) names it, null if unknown.
      type: str
      sample: x86_64
    vendor:
      description: The processor's vendor as C(/proc/cpuinfo) names it.
      type: str
      sample: GenuineIntel
    kernel:
      description: The running kernel's version.
      type: str
      sample: 6.12.41
    command_line:
      description: The running kernel's arguments.
      type: str
      sample: BOOT_IMAGE=/vmlinuz root=/dev/sda1
    cpus:
      description: CPU sets possible, present, online and offline (present, not online), and the boot CPU with its reason.
      type: dict
      sample: {"possible": "0-3", "present": "0-3", "online": "0-3", "offline": "", "boot": 0, "boot_reason": "the lowest present CPU"}
    nodes:
      description: Online NUMA nodes with their online CPUs (none on a memory-only node), memory in KiB, hugepages per size, and distances.
      type: list
      elements: dict
      sample: [{"node": 0, "cpus": "0-3", "memory_kib": 16384000, "hugepages": [], "distances": {"0": 10}}]
    sibling_groups:
      description:
        - CPUs that share a core and therefore move together, with node, package, and C(kind) (V(performance) or V(efficiency)) on a
          hybrid host.
        - C(cores) is there only where the kernel calls several cores siblings.
      type: list
      elements: dict
      sample: [{"cpus": "0,48", "node": 0, "package": 0}]
    nics:
      description:
        - Network devices with name, PCI address, driver, MAC address, SR-IOV counts, and the NUMA node with the file that says so.
        - The node is null where nothing says it or the sources disagree.
      type: list
      elements: dict
      sample: [{"name": "eth0", "pci": "0000:3b:00.0", "node": 0, "node_source": "numa_node", "driver": "ice"}]
    page_sizes_kib:
      description: Supported hugepage sizes in KiB.
      type: list
      elements: int
      sample: [2048, 1048576]
    missing:
      description: Files that are not there, and what is unknown or was taken from elsewhere because of it.
      type: list
      elements: dict
      sample: [{"file": "/proc/cmdline", "consequence": "the running kernel arguments are unknown"}]
    conflicts:
      description: Sources that disagree, and what was made of it.
      type: list
      elements: dict
      sample: []
"""

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._door import run_info
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.reader import read_topology

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot


def read(options: dict[str, t.Any], root: HostRoot) -> dict[str, t.Any]:
    return {"topology": read_topology(root).as_dict()}


def main() -> None:
    run_info({}, read)


if __name__ == "__main__":
    main()
