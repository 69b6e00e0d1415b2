#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: isolcpus
short_description: CPU isolation as wanted, as of the next boot, and as it is in force
version_added: 0.1.0
description:
  - Compares the CPU isolation that the plan asks for with the next boot and with the running kernel, and says what a reboot would change.
    This covers C(isolcpus) with its flags C(domain) and C(managed_irq), C(nohz_full), C(rcu_nocbs) and C(irqaffinity).
  - It changes nothing. All kernel arguments have one owner, M(baremetal.vmsite.kernel_args), and only a boot isolates CPUs.
  - What is in force is read where the running kernel tells. That is C(/sys/devices/system/cpu/isolated) and C(nohz_full), and a missing thread for
    the RCU callbacks of a CPU. Of managed interrupts and C(irqaffinity) it does not tell, so these are judged by C(/proc/cmdline).
  - A kernel that was started with the wanted arguments and does not do what they say is an error, since another reboot would not mend that.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.info
options:
  args:
    description:
      - The kernel arguments that are wanted. Those that do not isolate CPUs are ignored; without an argument, no CPU is to be isolated that way.
      - Usually RV(baremetal.vmsite.host_plan#module:plan.kernel_args), the same list that M(baremetal.vmsite.kernel_args) gets.
    type: list
    elements: str
    required: true
  boot_loader:
    description:
      - The boot loader whose next boot is read. V(auto) finds out.
      - Without a boot loader, as in a container, the next boot is unknown with V(auto), and an error otherwise.
    type: str
    choices: [auto, grub, bls, systemd-boot]
    default: auto
seealso:
  - module: baremetal.vmsite.host_plan
  - module: baremetal.vmsite.kernel_args
  - module: baremetal.vmsite.irq_affinity
"""

EXAMPLES = r"""
- name: Look whether the plan's CPUs are isolated
  baremetal.vmsite.isolcpus:
    args: "{{ host_plan_result.plan.kernel_args }}"
  register: isolcpus_result

- name: After the reboot, fail unless they are
  ansible.builtin.assert:
    that: isolcpus_result.isolated
    fail_msg: "{{ isolcpus_result.reboot_reasons | join('; ') }}"
"""

RETURN = r"""
settings:
  description: One entry per setting. All values are CPU lists, empty for no CPU.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: What is true of the CPUs.
      type: str
      sample: isolated from the scheduler
    argument:
      description: The kernel argument that brings it about.
      type: str
      sample: isolcpus
    wanted:
      description: The CPUs that are wanted.
      type: str
      sample: 2-7
    next_boot:
      description: The CPUs that the next boot asks for; none if no boot loader was found.
      type: str
      sample: 2-7
    running:
      description: The CPUs that the running kernel was asked for.
      type: str
      sample: 2-3
    in_force:
      description: The CPUs for which the running kernel tells that it does it; none if it does not tell.
      type: str
      sample: 2-3
    matches:
      description: Whether it is now as wanted.
      type: bool
      sample: false
isolated:
  description: Whether all settings are now as wanted.
  returned: success
  type: bool
  sample: false
reboot_required:
  description: Whether a setting is not in force as wanted. It stays V(true) until the host was rebooted.
  returned: success
  type: bool
  sample: true
reboot_reasons:
  description: What is not in force, one sentence each, with what the next boot has.
  returned: success
  type: list
  elements: str
  sample: ["CPUs without the tick (nohz_full): now none, wanted 2-7; the next boot has it"]
"""

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._door import run_info
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.isolation import Isolation

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ARGUMENT_SPEC: dict[str, t.Any] = {
    "args": {"type": "list", "elements": "str", "required": True},
    "boot_loader": {"type": "str", "choices": ["auto", "grub", "bls", "systemd-boot"], "default": "auto"},
}


def read(options: dict[str, t.Any], root: HostRoot) -> dict[str, t.Any]:
    isolation = Isolation(root, options["args"], options["boot_loader"])
    isolation.verify()
    return isolation.facts()


def main() -> None:
    run_info(ARGUMENT_SPEC, read)


if __name__ == "__main__":
    main()
