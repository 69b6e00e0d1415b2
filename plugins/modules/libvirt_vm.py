#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: libvirt_vm
short_description: VMs of a plain libvirt host, pinned by the plan
version_added: 0.1.0
description:
  - Defines, starts, stops and removes VMs on a host with libvirt and QEMU, all of them in one call.
  - A VM keeps what this module does not manage, such as devices that someone added. Only what the options name is compared.
  - A running VM is never restarted unless O(restart=when_needed). Until then RV(restart_reasons) says what waits for it.
    Pinning is changed while the VM runs.
  - A VM that has moved to one of the O(peers) is left there and is not defined a second time. A peer that does not answer is an error,
    because the VM may run on it.
  - A NIC of kind V(vhost_user) gets its Open vSwitch port from the libvirt hook of role P(baremetal.vmsite.libvirt_host#role),
    on whichever host the VM starts.
  - On a host whose libvirt does not run yet, check mode predicts every VM as missing and does not look for bridges and files.
author:
  - Contributors to baremetal.vmsite (@baremetal)
requirements:
  - libvirt 6.5 or newer and python3-libvirt on the host
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
options:
  vms:
    description: The VMs. Others on the host are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The VM's name, also the name of its domain.
        type: str
        required: true
      state:
        description:
          - V(running) is defined and running. V(defined) is defined, whether it runs or not.
          - V(stopped) does not run, and is defined as said if memory and vCPUs are said.
          - V(absent) neither runs nor is defined on this host. Disks stay.
        type: str
        choices: [running, stopped, defined, absent]
        default: running
      uuid:
        description: The VM's UUID. By default it is derived from the name, and a VM that exists keeps the one it has.
        type: str
      memory_mib:
        description: Memory in MiB. Required for V(running) and V(defined).
        type: int
      vcpus:
        description: Number of virtual CPUs. Required for V(running) and V(defined).
        type: int
      emulation:
        description: Hardware virtualization (V(kvm)) or software emulation (V(qemu)). V(auto) takes KVM where the host has C(/dev/kvm).
        type: str
        choices: [auto, kvm, qemu]
        default: auto
      machine:
        description: QEMU's machine. A family such as V(q35) keeps the version that libvirt chose when the VM was first defined.
        type: str
        default: q35
      cpu_model:
        description:
          - V(host-model), V(host-passthrough), V(maximum), or a model that libvirt knows, for example V(Icelake-Server).
          - Without it the VM gets QEMU's smallest common model.
        type: str
      hugepages_kib:
        description: Back the memory with hugepages of this size in KiB. Without it O(plan) decides. V(0) is ordinary memory.
        type: int
      boot:
        description: Boot a kernel directly instead of from the first disk.
        type: dict
        suboptions:
          kernel:
            description: Path of the kernel on the host.
            type: path
            required: true
          initrd:
            description: Path of the initial RAM disk on the host.
            type: path
          cmdline:
            description: The kernel's command line.
            type: str
      disks:
        description: Disk images, in the order in which the guest sees them.
        type: list
        elements: dict
        suboptions:
          path:
            description: Path of the image on the host.
            type: path
            required: true
          format:
            description: Format of the image.
            type: str
            choices: [qcow2, raw]
            default: qcow2
          bus:
            description: The bus that the guest sees.
            type: str
            choices: [virtio, scsi, sata]
            default: virtio
          size_gib:
            description: Make the image with this size if it is missing. Its directory must be that of a storage pool.
            type: int
      nics:
        description: Network interfaces, in the order in which the guest sees them.
        type: list
        elements: dict
        suboptions:
          kind:
            description:
              - V(vhost_user) shares memory with OVS-DPDK. V(ovs) is a tap device on an Open vSwitch bridge, V(bridge) one on a Linux bridge.
              - V(vf) passes a virtual function through. Such a VM cannot migrate live with it.
            type: str
            choices: [vhost_user, ovs, bridge, vf]
            required: true
          bridge:
            description: The bridge. Required except for V(vf).
            type: str
          mac:
            description: The MAC address. By default it is derived from the VM's name and the NIC's place in the list.
            type: str
          vlan:
            description: The VLAN of its port. Untagged by default.
            type: int
          queues:
            description: Number of queue pairs.
            type: int
            default: 1
          socket_directory:
            description: Where the socket of a V(vhost_user) NIC lies. QEMU must be allowed to write there.
            type: path
            default: /var/lib/vhost_sockets
          pci:
            description: PCI address of the virtual function, for example V(0000:3b:02.0).
            type: str
      console_log:
        description: A file that takes everything the guest writes to its serial console. C(virsh console) works as well.
        type: path
      autostart:
        description: Start the VM when the host boots. The mark moves along with the VM.
        type: bool
        default: false
      pinning:
        description: Where the VM runs on the host. What is not said comes from O(plan), or is left to the host if there is none.
        type: dict
        suboptions:
          vcpu_cpus:
            description: One CPU list per vCPU. With O(plan) they must be CPUs that it gives to VMs.
            type: list
            elements: str
          emulator_cpus:
            description: A CPU list for QEMU's own threads.
            type: str
          numa_node:
            description: The node that all of the memory comes from. The CPUs must lie on it.
            type: int
  plan:
    description:
      - What the host has for VMs, RV(baremetal.vmsite.host_plan#module:plan.libvirt).
      - It gives each VM CPUs, a NUMA node and the size of hugepages, as far as the VM does not say them itself.
      - Where the plan dedicates CPUs, each vCPU gets one that no other VM of the host is pinned to, and keeps it.
    type: dict
  peers:
    description: The hosts that may have these VMs, by the names or addresses in their certificates.
    type: list
    elements: str
    default: []
  peer_transport:
    description: How peers are asked. V(tcp) has no encryption and no authentication, and is for tests only.
    type: str
    choices: [tls, ssh, tcp]
    default: tls
  restart:
    description: Whether a running VM is restarted when its definition has changed.
    type: str
    choices: [never, when_needed]
    default: never
  shutdown_seconds:
    description: How long a guest has to shut down before that counts as failed. V(0) does not ask it, and needs O(force_stop).
    type: int
    default: 60
  force_stop:
    description: Cut the power of a VM that did not shut down in time.
    type: bool
    default: false
seealso:
  - module: baremetal.vmsite.libvirt_migrate
  - module: baremetal.vmsite.host_plan
"""

EXAMPLES = r"""
- name: A VM on hugepages and OVS-DPDK, on CPUs that the plan gives it
  baremetal.vmsite.libvirt_vm:
    plan: "{{ host_plan_result.plan.libvirt }}"
    peers: [kvm2.example.com]
    vms:
      - name: ledger1
        memory_mib: 8192
        vcpus: 4
        cpu_model: host-model
        autostart: true
        disks:
          - path: /var/lib/libvirt/images/ledger1.qcow2
            size_gib: 40
        nics:
          - kind: vhost_user
            bridge: br-data
            vlan: 120

- name: Remove a VM, cutting its power if it does not shut down within two minutes
  baremetal.vmsite.libvirt_vm:
    shutdown_seconds: 120
    force_stop: true
    vms:
      - name: rehearsal
        state: absent
"""

RETURN = r"""
vms:
  description: One entry per VM of O(vms), in the same order, as it is after the call (in check mode, as it is now).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The VM's name.
      type: str
      sample: ledger1
    uuid:
      description: Its UUID on this host, null if it is not here.
      type: str
      sample: 8f0e5a62-1d44-51c6-bb0a-7a265fded73b
    state:
      description: V(running), V(stopped) or V(absent), on this host.
      type: str
      sample: running
    found_on:
      description: The peer that has it, null if none was asked or has it.
      type: str
    vcpu_cpus:
      description: The host CPUs of each vCPU, as CPU lists. Empty if it is not pinned.
      type: list
      elements: str
      sample: ["4", "5", "6", "7"]
    ports:
      description: The Open vSwitch ports of its vhost-user NICs.
      type: list
      elements: str
      sample: [vhost-ledger1-0]
changes:
  description: Every difference between what was asked and what was found, in the order in which it is applied (in check mode, would be).
  returned: success
  type: list
  elements: dict
  contains:
    what:
      description: The thing that differs.
      type: str
    current:
      description: Its value before the call.
      type: raw
    wanted:
      description: Its value after the call.
      type: raw
    reason:
      description: Why it is to have this value.
      type: str
    needs:
      description:
        - What must happen before the new value is in force.
        - One of V(nothing), V(service_restart), V(reboot) and V(drain).
      type: str
reboot_required:
  description: Whether a value is in force only after a reboot. It stays V(true) until the host was rebooted.
  returned: success
  type: bool
  sample: false
reboot_reasons:
  description: What waits for the reboot, one sentence each.
  returned: success
  type: list
  elements: str
  sample: []
restart_required:
  description: Whether a value is in force only after a service was restarted.
  returned: success
  type: bool
  sample: false
restart_reasons:
  description: What waits for the restart, one sentence each.
  returned: success
  type: list
  elements: str
  sample: []
"""

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._door import run
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.peers import Peers
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import cpu_plan
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.vm import StopPolicy, Vms
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.vm_record import request

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

VM_OPTIONS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["running", "stopped", "defined", "absent"], "default": "running"},
    "uuid": {"type": "str"},
    "memory_mib": {"type": "int"},
    "vcpus": {"type": "int"},
    "emulation": {"type": "str", "choices": ["auto", "kvm", "qemu"], "default": "auto"},
    "machine": {"type": "str", "default": "q35"},
    "cpu_model": {"type": "str"},
    "hugepages_kib": {"type": "int"},
    "boot": {
        "type": "dict",
        "options": {"kernel": {"type": "path", "required": True}, "initrd": {"type": "path"}, "cmdline": {"type": "str"}},
    },
    "disks": {
        "type": "list",
        "elements": "dict",
        "options": {
            "path": {"type": "path", "required": True},
            "format": {"type": "str", "choices": ["qcow2", "raw"], "default": "qcow2"},
            "bus": {"type": "str", "choices": ["virtio", "scsi", "sata"], "default": "virtio"},
            "size_gib": {"type": "int"},
        },
    },
    "nics": {
        "type": "list",
        "elements": "dict",
        "options": {
            "kind": {"type": "str", "choices": ["vhost_user", "ovs", "bridge", "vf"], "required": True},
            "bridge": {"type": "str"},
            "mac": {"type": "str"},
            "vlan": {"type": "int"},
            "queues": {"type": "int", "default": 1},
            "socket_directory": {"type": "path", "default": "/var/lib/vhost_sockets"},
            "pci": {"type": "str"},
        },
    },
    "console_log": {"type": "path"},
    "autostart": {"type": "bool", "default": False},
    "pinning": {
        "type": "dict",
        "options": {
            "vcpu_cpus": {"type": "list", "elements": "str"},
            "emulator_cpus": {"type": "str"},
            "numa_node": {"type": "int"},
        },
    },
}

ARGUMENT_SPEC: dict[str, t.Any] = {
    "vms": {"type": "list", "elements": "dict", "required": True, "options": VM_OPTIONS},
    "plan": {"type": "dict"},
    "peers": {"type": "list", "elements": "str", "default": []},
    "peer_transport": {"type": "str", "choices": ["tls", "ssh", "tcp"], "default": "tls"},
    "restart": {"type": "str", "choices": ["never", "when_needed"], "default": "never"},
    "shutdown_seconds": {"type": "int", "default": 60},
    "force_stop": {"type": "bool", "default": False},
}


def build(options: dict[str, t.Any], root: HostRoot) -> Vms:
    return Vms(
        root,
        [request(vm) for vm in options["vms"]],
        cpu_plan(options["plan"]) if options["plan"] else None,
        Peers(options["peers"], options["peer_transport"]),
        StopPolicy(options["restart"], options["shutdown_seconds"], options["force_stop"]),
    )


def main() -> None:
    run(ARGUMENT_SPEC, build)


if __name__ == "__main__":
    main()
