#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The code is in plugins/action/site_model.py: it needs every host's variables, which only the controller has.

from __future__ import annotations

DOCUMENTATION = r"""
module: site_model
short_description: Check the whole site model at once
version_added: 0.1.0
description:
  - Checks all variables of the inventory whose names begin with C(vmsite_), of all hosts, before anything is touched.
  - Each variable is checked against one JSON Schema in which unknown names and keys are refused, then all of them against each other.
    Refused are, for example, overlapping prefixes, a prefix with too few addresses, two tiers that could share a kernel, a namespace with
    two owners, a host in two pools, a tier that live-migrates on storage without C(ReadWriteMany), and secrets written into the model.
  - Each kind of host that has a topology capture (C(vmsite_topology_capture)) is planned from it, as M(baremetal.vmsite.host_plan) plans on
    the host. So an impossible profile is found without the host, and quotas are held against what the plans leave to tenants.
  - Every mistake is reported in one run, with the variable, the hosts that see it, what was found and what to do.
    With ansible-core 2.19 or later the file and line are named for each part of a value, with 2.18 for mappings, lists and text.
  - Runs on the controller. It connects to no host and writes nothing, so run it once, for any one host.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.info
requirements:
  - jsonschema, for the Python of the controller
  - netaddr, for the Python of the controller
notes:
  - Hosts with C(ansible_connection) V(local) are other names of the controller. They need no place, pool or address.
seealso:
  - plugin: baremetal.vmsite.address_plan
    plugin_type: filter
  - module: baremetal.vmsite.host_plan
"""

EXAMPLES = r"""
- name: Check the site model before anything is touched
  hosts: all
  gather_facts: false
  tasks:
    - name: Check all variables of all hosts
      baremetal.vmsite.site_model:
      run_once: true
      register: site_model_result

    - name: Show what the site consists of
      ansible.builtin.debug:
        var: site_model_result.counts
      run_once: true
"""

RETURN = r"""
model_version:
  description: The version of the JSON Schema that the model was checked against.
  returned: always, unless a library is missing
  type: int
  sample: 1
counts:
  description: What the site consists of.
  returned: success
  type: dict
  contains:
    hosts:
      description: Hosts of the inventory.
      type: int
      sample: 22
    tiers:
      description: Tiers.
      type: int
      sample: 3
    pools:
      description: Groups of hosts that run a tier.
      type: int
      sample: 3
    tenants:
      description: Tenants.
      type: int
      sample: 5
    namespaces:
      description: Namespaces of all tenants.
      type: int
      sample: 8
    prefixes:
      description: Prefixes of the network plan.
      type: int
      sample: 7
    vms:
      description: VMs on plain libvirt hosts.
      type: int
      sample: 2
model:
  description: The model as plain data, with what follows from it for each host.
  returned: success
  type: dict
  contains:
    site:
      description: The value of C(vmsite_site).
      type: dict
    network:
      description: The value of C(vmsite_network).
      type: dict
    storage:
      description: The value of C(vmsite_storage).
      type: dict
    tiers:
      description: The value of C(vmsite_tiers).
      type: dict
    tenants:
      description: The value of C(vmsite_tenants).
      type: dict
    hosts:
      description:
        - By host name, its C(groups), C(pool), C(tier), C(placement), C(addresses) by purpose, and, where the host has a topology capture,
          C(plan), the CPU sets of the plan made from it, else an empty dictionary.
      type: dict
      sample:
        core1:
          groups: [core_pool]
          pool: core_pool
          tier: core
          placement: {zone: zone-a, room: a1, rack: a1-07}
          addresses: {management: 10.20.0.20, data: 10.20.8.20}
          plan: {capture: topologies/core.json, online: "0-95", housekeeping: "0,48", pmd: "1,49", vm: "2-47,50-95", isolated: "1-47,49-95", boot: 0}
failures:
  description: Every mistake in the model.
  returned: failure
  type: list
  elements: dict
  contains:
    variable:
      description: The part of the model, dotted.
      type: str
      sample: vmsite_tenants.ledger.tier
    hosts:
      description: The hosts that see it.
      type: list
      elements: str
      sample: [core1, core2]
    file:
      description: The file it is written in, V(null) if the core does not know.
      type: str
      sample: inventories/example/group_vars/all/tenants.yml
    line:
      description: The line in that file, V(null) if the core does not know.
      type: int
      sample: 4
    asked:
      description: What the model says.
      type: str
      sample: vmsite_tenants.ledger.tier = 'cor'
    found:
      description: What is wrong with it.
      type: str
      sample: no such tier
    where:
      description: File, line and hosts in one text.
      type: str
      sample: inventories/example/group_vars/all/tenants.yml:4, hosts core1, core2
    remedy:
      description: What to do.
      type: str
      sample: did you mean core?
"""
