#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov
short_description: SR-IOV virtual functions by PCI address
version_added: 0.1.0
description:
  - Gives each physical function (PF) its number of virtual functions (VFs), sets what the PF keeps for them (MAC, VLAN, trust, spoof check,
    rate), and installs a unit that makes the same VFs at boot, before the network and the kubelet start.
  - The kernel changes a count only through 0, so another count removes all VFs of that PF first. That is refused while a VF is in use
    (held open through vfio by a VM or process, with a netdev in another network namespace, with an address, or under a bond or bridge);
    the user is named. So is a new MAC for such a VF.
  - Every change of a NIC that carries this connection or a default route is refused, also where it does so through bonds, bridges,
    VLANs, Open vSwitch or a VF.
  - The kernel's error codes are told as causes. A failure half-way puts every PF back as it was, attributes and drivers of its VFs included.
  - After another count a VF has the attributes listed here and otherwise the kernel's defaults; bind VFs to a driver of your choice with
    M(baremetal.vmsite.pci_driver), after this module.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
requirements:
  - C(ip) of iproute2 on the host, to read and set attributes and to find the NIC of the connection
  - C(nsenter) of util-linux, to name who has a VF in another network namespace
options:
  functions:
    description:
      - The physical functions that are managed. The VFs of others are left alone.
      - At boot exactly these get VFs, so one call per host lists all of them.
    type: list
    elements: dict
    required: true
    suboptions:
      pci:
        description: The PCI address of the physical function, with its domain. It stays when a netdev is renamed.
        type: str
        required: true
      count:
        description: The number of VFs. V(0) removes them, also at boot.
        type: int
        required: true
      drivers_autoprobe:
        description:
          - Whether the kernel gives new VFs a driver. With V(false) they stay free for M(baremetal.vmsite.pci_driver) to bind.
          - The default is to leave this as it is.
        type: bool
      vfs:
        description: What the physical function keeps for its VFs. An attribute that is not given is left alone.
        type: list
        elements: dict
        default: []
        suboptions:
          index:
            description: The VF's number, from 0.
            type: int
            required: true
          mac:
            description: The MAC address.
            type: str
          vlan:
            description: The VLAN that the NIC adds and removes; V(0) for none.
            type: int
          qos:
            description: The VLAN's priority, V(0) to V(7). V(0) if only O(functions[].vfs[].vlan) is given.
            type: int
          trust:
            description: Whether the VF may do what touches others, such as setting its MAC or promiscuous mode.
            type: bool
          spoof_check:
            description: Whether the NIC drops what the VF sends under another address than its own.
            type: bool
          max_tx_rate:
            description:
              - The most that the VF may send, in Mbit/s; V(0) for no limit.
              - A rate needs a link, so the port is set up where it is down.
            type: int
          min_tx_rate:
            description: What the VF can always send, in Mbit/s; V(0) for nothing. Few drivers have it.
            type: int
  persistent:
    description:
      - Whether the unit C(vmsite-sriov.service) makes the same VFs at each boot.
      - With V(false) the unit and its table stay as they are.
    type: bool
    default: true
seealso:
  - module: baremetal.vmsite.host_topology_info
"""

EXAMPLES = r"""
- name: Four VFs, the first one for a firewall VM
  baremetal.vmsite.sriov:
    functions:
      - pci: "0000:21:00.0"
        count: 4
        vfs:
          - index: 0
            mac: "02:11:22:33:44:01"
            vlan: 100
            trust: true
            spoof_check: false

- name: VFs that stay without a driver
  baremetal.vmsite.sriov:
    functions:
      - pci: "0000:41:00.0"
        count: 2
        drivers_autoprobe: false
"""

RETURN = r"""
functions:
  description: The listed physical functions as they are after the call (in check mode, as they are now).
  returned: success
  type: list
  elements: dict
  contains:
    pci:
      description: PCI address.
      type: str
      sample: "0000:21:00.0"
    netdev:
      description: Its netdev; none if its driver makes none.
      type: str
      sample: ens1
    driver:
      description: The driver that has it.
      type: str
      sample: igb
    total:
      description: The most VFs it can have.
      type: int
      sample: 7
    count:
      description: The VFs it has.
      type: int
      sample: 4
    vfs:
      description: Its VFs.
      type: list
      elements: dict
      contains:
        index:
          description: The VF's number.
          type: int
          sample: 0
        pci:
          description: PCI address.
          type: str
          sample: "0000:21:10.0"
        netdevs:
          description: Its netdevs in the host's network namespace.
          type: list
          elements: str
          sample: [ens1v0]
        driver:
          description: The driver that has it.
          type: str
          sample: igbvf
        iommu_group:
          description: Its IOMMU group; another number after a reboot.
          type: str
          sample: "10"
        mac:
          description: The MAC address that the physical function gave it.
          type: str
          sample: "02:11:22:33:44:01"
        vlan:
          description: VLAN, 0 for none.
          type: int
          sample: 100
        qos:
          description: Priority of the VLAN.
          type: int
          sample: 0
        spoof_check:
          description: Whether other sender addresses are dropped; none if the driver does not say.
          type: bool
          sample: false
        trust:
          description: Whether it is trusted; none if the driver does not say.
          type: bool
          sample: true
        max_tx_rate:
          description: Mbit/s, 0 for no limit.
          type: int
          sample: 0
        min_tx_rate:
          description: Mbit/s, 0 for nothing promised.
          type: int
          sample: 0
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
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.concern import SriovFunctions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.wanted import read_options

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

VF: dict[str, t.Any] = {
    "index": {"type": "int", "required": True},
    "mac": {"type": "str"},
    "vlan": {"type": "int"},
    "qos": {"type": "int"},
    "trust": {"type": "bool"},
    "spoof_check": {"type": "bool"},
    "max_tx_rate": {"type": "int"},
    "min_tx_rate": {"type": "int"},
}
ARGUMENT_SPEC: dict[str, t.Any] = {
    "functions": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "pci": {"type": "str", "required": True},
            "count": {"type": "int", "required": True},
            "drivers_autoprobe": {"type": "bool"},
            "vfs": {"type": "list", "elements": "dict", "default": [], "options": VF},
        },
    },
    "persistent": {"type": "bool", "default": True},
}


def build(options: dict[str, t.Any], root: HostRoot) -> SriovFunctions:
    return SriovFunctions(root, read_options(options["functions"]), process=os.getpid(), persistent=options["persistent"])


def main() -> None:
    run(ARGUMENT_SPEC, build)


if __name__ == "__main__":
    main()
