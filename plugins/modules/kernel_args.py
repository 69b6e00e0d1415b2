#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_args
short_description: Kernel arguments for the next boot, among those of others
version_added: 0.1.0
description:
  - Sets kernel arguments, in order and with repeats, in the boot loader's own configuration, and says what the running kernel and the next boot
    have. It never reboots.
  - Only arguments that this module has set are changed or taken out again. They are remembered in C(/etc/vmsite/kernel_args.json). All others keep
    their values and their order.
  - A name has one owner. What somebody else has set to just the wanted value is left to them. Another value is refused, with the place where it
    stands, because the kernel would take both, or the last one. C(default_hugepagesz), C(hugepagesz) and C(hugepages) count as one name, because
    each count belongs to the size before it.
  - What the next boot has is read from the result, not from what was written. With GRUB that is the default entry of C(grub.cfg), with C(grubenv)
    followed; otherwise it is the boot entry that will be chosen.
  - B(GRUB) of Debian and Ubuntu gets a drop-in, C(/etc/default/grub.d/zz-vmsite.cfg). The menu is generated beside the one in use, and replaces it
    only if its default entry is as wanted. Otherwise everything is put back.
  - B(GRUB with BLS entries) of RHEL and Fedora is changed with C(grubby) for all kernels and those to come.
  - B(systemd-boot) gets C(/etc/kernel/cmdline), and C(kernel-install) makes the entries of all installed kernels anew. An argument
    that only an entry has would be lost, so that is refused.
  - C(grubby) and C(kernel-install) work on the system that runs them. For an image with a boot loader of its own, run this module in a chroot, not with
    another O(root).
  - Unified kernel images and image-based systems (rpm-ostree, bootc) keep their arguments elsewhere and are refused.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
options:
  args:
    description:
      - All arguments that are wanted of this module, one token each, in the order in which they must stand.
      - Usually RV(baremetal.vmsite.host_plan#module:plan.kernel_args). What was set by an earlier call and is not in the list is taken out.
      - White space, quotes and characters that boot loaders interpret are refused, and so are arguments that the boot loader sets by itself (C(root)).
    type: list
    elements: str
    required: true
  boot_loader:
    description:
      - The boot loader whose configuration is changed.
      - V(auto) finds out. systemd-boot says over EFI that it was used; the others are told by their files and programs.
    type: str
    choices: [auto, grub, bls, systemd-boot]
    default: auto
seealso:
  - module: baremetal.vmsite.host_plan
  - module: baremetal.vmsite.isolcpus
  - module: baremetal.vmsite.hugepages
"""

EXAMPLES = r"""
- name: Have the next boot take what the plan says
  baremetal.vmsite.kernel_args:
    args: "{{ host_plan_result.plan.kernel_args }}"
  register: kernel_args_result

- name: Say why a reboot is needed
  ansible.builtin.debug:
    var: kernel_args_result.reboot_reasons

- name: Reserve hugepages of two sizes at boot, and nothing else
  baremetal.vmsite.kernel_args:
    args:
      - hugepagesz=1G
      - hugepages=4
      - hugepagesz=2M
      - hugepages=512

- name: Take out everything that this module has set
  baremetal.vmsite.kernel_args:
    args: []
"""

RETURN = r"""
boot_loader:
  description: The boot loader that was found, one of V(grub), V(bls) and V(systemd-boot).
  returned: success
  type: str
  sample: grub
wanted:
  description: The arguments that were asked for.
  returned: success
  type: list
  elements: str
  sample: ["hugepagesz=1G", "hugepages=4", "iommu=pt"]
own:
  description: Those of RV(wanted) that are this module's to set; the others are set by somebody else already.
  returned: success
  type: list
  elements: str
  sample: ["hugepagesz=1G", "hugepages=4"]
next_boot:
  description: All arguments of the next boot after the call (in check mode, as they are now).
  returned: success
  type: list
  elements: str
  sample: ["root=UUID=1b4e", "ro", "iommu=pt", "hugepagesz=1G", "hugepages=4"]
running:
  description: All arguments of the running kernel. Empty for an image.
  returned: success
  type: list
  elements: str
  sample: ["BOOT_IMAGE=/boot/vmlinuz-6.12", "root=UUID=1b4e", "ro", "iommu=pt"]
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
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.concern import KernelArguments

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ARGUMENT_SPEC: dict[str, t.Any] = {
    "args": {"type": "list", "elements": "str", "required": True},
    "boot_loader": {"type": "str", "choices": ["auto", "grub", "bls", "systemd-boot"], "default": "auto"},
}


def build(options: dict[str, t.Any], root: HostRoot) -> KernelArguments:
    return KernelArguments(root, options["args"], options["boot_loader"])


def main() -> None:
    run(ARGUMENT_SPEC, build)


if __name__ == "__main__":
    main()
