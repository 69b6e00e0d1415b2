#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: irq_affinity
short_description: Interrupts on the housekeeping CPUs, for good
version_added: 0.1.0
description:
  - Keeps interrupts off isolated CPUs. It sets the default mask for new ones and the mask of those that are there, and tells irqbalance to
    leave the other CPUs alone.
  - A timer looks every minute, and at boot, whether an interrupt has strayed. A device that is plugged in takes the default mask at once; what its
    driver spreads afterwards comes back within that minute.
  - An interrupt that already goes to some of the wanted CPUs only loses the others, so that the queues of a NIC stay spread.
  - The kernel keeps some interrupts to itself (managed ones of NVMe and some NICs, the timer). They are named in RV(unmovable) and are no
    error; the boot argument C(isolcpus=managed_irq) keeps the managed ones off isolated CPUs. A kernel that does not show this in the
    mode of C(smp_affinity) says so only when it is asked, so on such a host the first check mode predicts that they move.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
options:
  affinity:
    description:
      - The CPUs that take interrupts, as a list.
      - Usually C(irq.affinity) in RV(baremetal.vmsite.host_plan#module:plan).
    type: str
    required: true
  persistent:
    description:
      - Whether irqbalance is told, and the timer C(vmsite-irq-affinity.timer) installed and started.
      - With V(false) both stay as they are.
    type: bool
    default: true
seealso:
  - module: baremetal.vmsite.host_plan
"""

EXAMPLES = r"""
- name: Keep interrupts where the plan has them
  baremetal.vmsite.irq_affinity:
    affinity: "{{ host_plan_result.plan.irq.affinity }}"

- name: Free all but two CPUs of interrupts until the next reboot
  baremetal.vmsite.irq_affinity:
    affinity: 0-1
    persistent: false
"""

RETURN = r"""
interrupts:
  description: How many interrupts have a handler.
  returned: success
  type: int
  sample: 87
unmovable:
  description: Interrupts that may go to other CPUs and cannot be moved.
  returned: success
  type: list
  elements: dict
  contains:
    irq:
      description: The interrupt's number; another one after a reboot.
      type: int
      sample: 30
    names:
      description: The names of its handlers.
      type: str
      sample: nvme0q1
    affinity:
      description: The CPUs that it may go to.
      type: str
      sample: 5-6
    effective:
      description: The CPUs that it really goes to; none if the kernel does not tell.
      type: str
      sample: "5"
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
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.irqs.concern import IrqAffinity

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ARGUMENT_SPEC: dict[str, t.Any] = {
    "affinity": {"type": "str", "required": True},
    "persistent": {"type": "bool", "default": True},
}


def build(options: dict[str, t.Any], root: HostRoot) -> IrqAffinity:
    return IrqAffinity(root, options["affinity"], persistent=options["persistent"])


def main() -> None:
    run(ARGUMENT_SPEC, build)


if __name__ == "__main__":
    main()
