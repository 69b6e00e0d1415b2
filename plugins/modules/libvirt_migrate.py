#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: libvirt_migrate
short_description: Move a running VM to another libvirt host
version_added: 0.1.0
description:
  - Moves a VM live, together with its definition, to another plain libvirt host. Run it on the host that has the VM.
  - Before anything moves, both hosts are asked whether the VM can run there, and everything that stands in the way is named at once.
    Check mode does the same.
  - At the deadline the migration is aborted and the VM runs on where it was. That is also how every other failure ends,
    as long as the VM has not left.
  - The source's libvirtd drives the migration. If this module is killed the migration goes on, and the next run follows it to its end
    instead of starting a second.
  - Running it again where the VM is on the target and not here changes nothing.
  - The switch port of a vhost-user NIC is made on the target by the libvirt hook of role P(baremetal.vmsite.libvirt_host#role).
author:
  - Contributors to baremetal.vmsite (@baremetal)
requirements:
  - libvirt 6.5 or newer on both hosts, and python3-libvirt on the source
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
options:
  name:
    description: The VM.
    type: str
    required: true
  target:
    description: The host to move it to, by the name or address in its certificate.
    type: str
    required: true
  transport:
    description:
      - How this module and the source's libvirtd talk to the target's libvirtd.
      - V(ssh) needs a key of root on this host that root on the target accepts.
      - V(tcp) has no encryption and no authentication. It is for tests only and needs O(encrypt=false).
    type: str
    choices: [tls, ssh, tcp]
    default: tls
  encrypt:
    description: Encrypt the VM's memory and disks on their way, with QEMU's TLS. Both hosts need certificates for QEMU.
    type: bool
    default: true
  migration_address:
    description: The target's address for the VM's data. By default its libvirt says (C(migration_host) in C(qemu.conf)).
    type: str
  deadline_seconds:
    description: How long the migration may take. Then it is aborted. Once a post-copy has begun there is no way back and no deadline.
    type: int
    default: 300
  prepare_seconds:
    description: How long the target may take until the first byte is sent.
    type: int
    default: 30
  max_downtime_ms:
    description: The longest pause of the guest that QEMU may plan for. QEMU's default is 300.
    type: int
  bandwidth_mib:
    description: The most that is sent, in MiB per second. Unlimited by default.
    type: int
  convergence:
    description:
      - What happens when the guest writes faster than its memory can be sent.
      - With V(none) the deadline decides. V(auto_converge) slows the guest down more and more.
      - V(post_copy) lets it run on the target after two rounds and fetches the rest on demand. If the network fails then, the VM is lost.
    type: str
    choices: [none, auto_converge, post_copy]
    default: none
  copy_storage:
    description:
      - Copy disk images that the target does not see. V(all) copies everything, V(incremental) only what differs from a backing image
        that both hosts have.
      - The directory must be a storage pool on the target. The images on the source are left there and named in the result.
    type: str
    choices: [none, all, incremental]
    default: none
  connections:
    description: Parallel connections for the VM's memory. More than one pays off for large VMs on fast networks.
    type: int
    default: 1
  target_plan:
    description:
      - What the target has for VMs, RV(baremetal.vmsite.host_plan#module:plan.libvirt) of that host. It decides where the VM runs there.
      - Where the plan dedicates CPUs, each vCPU gets one that no other VM of the target is pinned to.
      - With neither this nor O(target_pinning) the VM keeps the CPU numbers that it has, which must exist there.
    type: dict
  target_pinning:
    description: Where the VM runs on the target, instead of what a plan says.
    type: dict
    suboptions:
      vcpu_cpus:
        description: One CPU list per vCPU.
        type: list
        elements: str
      emulator_cpus:
        description: A CPU list for QEMU's own threads.
        type: str
      numa_node:
        description: The node that all of the memory comes from.
        type: int
seealso:
  - module: baremetal.vmsite.libvirt_vm
"""

EXAMPLES = r"""
- name: Move a VM within two minutes, to the CPUs of the target's plan
  baremetal.vmsite.libvirt_migrate:
    name: ledger1
    target: kvm2.example.com
    deadline_seconds: 120
    max_downtime_ms: 50
    target_plan: "{{ hostvars['kvm2'].host_plan_result.plan.libvirt }}"

- name: See whether a VM with a local disk could move
  baremetal.vmsite.libvirt_migrate:
    name: archive
    target: kvm2.example.com
    copy_storage: all
  check_mode: true
"""

RETURN = r"""
migration:
  description: What happened. Figures are those of libvirt and QEMU; what the network sees of the pause is longer.
  returned: success
  type: dict
  contains:
    name:
      description: The VM.
      type: str
      sample: ledger1
    source:
      description: The host that this ran on.
      type: str
      sample: kvm1
    target:
      description: The host that the VM was to run on.
      type: str
      sample: kvm2.example.com
    outcome:
      description:
        - V(migrated) by this call, V(followed) a migration that was under way, V(already_there), or V(predicted) in check mode.
      type: str
      sample: migrated
    downtime_ms:
      description: How long the guest was paused, by QEMU's account. Null if nobody knows (any more).
      type: int
      sample: 42
    total_ms:
      description: How long the job took, by libvirt's account.
      type: int
      sample: 2210
    setup_ms:
      description: How long QEMU set up.
      type: int
      sample: 3
    sent_mib:
      description: Memory and disks sent, in MiB.
      type: float
      sample: 88.9
    disk_sent_mib:
      description: Disks sent, in MiB.
      type: float
      sample: 0.0
    iterations:
      description: How often the memory was gone through.
      type: int
      sample: 3
    bandwidth_mib:
      description: Memory sent, in MiB per second.
      type: float
      sample: 79.7
    started_at:
      description: Wall-clock time of the source when it began, in seconds since the epoch.
      type: float
      sample: 1764054004.25
    timeline:
      description: What happened when.
      type: list
      elements: dict
      contains:
        event:
          description: What happened, for example V(transfer), V(paused at the source) or V(runs on the target).
          type: str
          sample: paused at the source
        at:
          description: Wall-clock time of the source when it learned of it, in seconds since the epoch.
          type: float
          sample: 1764054006.12
        seconds:
          description: Seconds since the beginning, from a clock that never jumps.
          type: float
          sample: 1.87
    progress:
      description: About one sample per second and iteration.
      type: list
      elements: dict
      contains:
        seconds:
          description: Seconds since the beginning.
          type: float
          sample: 1.2
        iteration:
          description: Round through the memory.
          type: int
          sample: 2
        processed_mib:
          description: Sent so far.
          type: float
          sample: 61.5
        remaining_mib:
          description: Left in this round.
          type: float
          sample: 12.0
        total_mib:
          description: Size of what moves.
          type: float
          sample: 128.8
        dirty_rate_pages:
          description: Pages per second that the guest writes.
          type: int
          sample: 0
        throttle_percent:
          description: How much the guest is slowed down.
          type: int
          sample: 0
    disks_left_on_source:
      description: Images that were copied and still lie on the source.
      type: list
      elements: str
      sample: []
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
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.migration import Migration
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.migration_record import wanted

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ARGUMENT_SPEC: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "transport": {"type": "str", "choices": ["tls", "ssh", "tcp"], "default": "tls"},
    "encrypt": {"type": "bool", "default": True},
    "migration_address": {"type": "str"},
    "deadline_seconds": {"type": "int", "default": 300},
    "prepare_seconds": {"type": "int", "default": 30},
    "max_downtime_ms": {"type": "int"},
    "bandwidth_mib": {"type": "int"},
    "convergence": {"type": "str", "choices": ["none", "auto_converge", "post_copy"], "default": "none"},
    "copy_storage": {"type": "str", "choices": ["none", "all", "incremental"], "default": "none"},
    "connections": {"type": "int", "default": 1},
    "target_plan": {"type": "dict"},
    "target_pinning": {
        "type": "dict",
        "options": {
            "vcpu_cpus": {"type": "list", "elements": "str"},
            "emulator_cpus": {"type": "str"},
            "numa_node": {"type": "int"},
        },
    },
}


def build(options: dict[str, t.Any], root: HostRoot) -> Migration:
    return Migration(root, wanted(options))


def main() -> None:
    run(ARGUMENT_SPEC, build, mutually_exclusive=[["target_plan", "target_pinning"]])


if __name__ == "__main__":
    main()
