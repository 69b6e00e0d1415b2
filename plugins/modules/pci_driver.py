#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_driver
short_description: PCI functions on the drivers you want
version_added: 0.1.0
description:
  - Binds single PCI functions to a driver by C(driver_override), most often VFs to V(vfio-pci) for VMs and DPDK, and installs a unit that does
    the same at boot, after M(baremetal.vmsite.sriov) has made its VFs and before the network and the kubelet start.
  - For V(vfio-pci) the IOMMU group must be viable, which means that all its other members are without a driver of the host. Those that are not
    are named.
  - A function is not taken from its driver while it carries this connection, a default route or a mounted disk, while someone uses it
    (the user is named), or while it has VFs.
  - If a driver does not take a function, every function is put back on the driver it had.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
requirements:
  - C(ip) of iproute2 on the host, to find the NIC of the connection and the users of a netdev
  - C(modprobe), to load a driver that is not there yet
options:
  devices:
    description:
      - The functions that are managed. Others are left alone.
      - At boot exactly these are bound, so one call per host lists all of them.
    type: list
    elements: dict
    required: true
    suboptions:
      pci:
        description:
          - The PCI address, with its domain.
          - The address of a VF that is not there yet is fine in check mode if M(baremetal.vmsite.sriov) would make it.
        type: str
        required: true
      driver:
        description:
          - The driver, for example V(vfio-pci). V(none) keeps every driver off.
          - The default is the kernel's own choice, which also undoes what was asked before.
        type: str
  persistent:
    description:
      - Whether the unit C(vmsite-pci-driver.service) binds the same at each boot.
      - With V(false) the unit and its table stay as they are.
    type: bool
    default: true
seealso:
  - module: baremetal.vmsite.sriov
"""

EXAMPLES = r"""
- name: Give two VFs to VMs
  baremetal.vmsite.pci_driver:
    devices:
      - pci: "0000:21:10.0"
        driver: vfio-pci
      - pci: "0000:21:10.2"
        driver: vfio-pci

- name: Give one of them back to the kernel
  baremetal.vmsite.pci_driver:
    devices:
      - pci: "0000:21:10.0"
      - pci: "0000:21:10.2"
        driver: vfio-pci
"""

RETURN = r"""
devices:
  description: The listed functions as they are after the call (in check mode, as they are now).
  returned: success
  type: list
  elements: dict
  contains:
    pci:
      description: PCI address.
      type: str
      sample: "0000:21:10.0"
    driver:
      description: The driver that has it; none if nothing has it.
      type: str
      sample: vfio-pci
    driver_override:
      description: The only driver that may have it; none if the kernel chooses.
      type: str
      sample: vfio-pci
    iommu_group:
      description: Its IOMMU group; another number after a reboot.
      type: str
      sample: "10"
    group_members:
      description: All functions of that group.
      type: list
      elements: str
      sample: ["0000:21:10.0"]
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

import os
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._door import run
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.concern import PciDrivers, WantedDriver

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ARGUMENT_SPEC: dict[str, t.Any] = {
    "devices": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"pci": {"type": "str", "required": True}, "driver": {"type": "str"}},
    },
    "persistent": {"type": "bool", "default": True},
}


def build(options: dict[str, t.Any], root: HostRoot) -> PciDrivers:
    return PciDrivers(root, [WantedDriver(**entry) for entry in options["devices"]], os.getpid(), persistent=options["persistent"])


def main() -> None:
    run(ARGUMENT_SPEC, build)


if __name__ == "__main__":
    main()
