#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The code is in plugins/action/report.py: a report is made where its readers are, on the controller.

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Write what was done and measured as a report for people
version_added: 0.1.0
description:
  - Writes one HTML file that needs nothing else (no script, no font, no picture from elsewhere) and prints well on A4 paper, and beside
    it the record as JSON.
  - The verdict stands on top. It is computed from the record and never passed in. One failure makes it V(failed). Without a failure, one
    thing that was not shown makes it V(not_proven).
  - Always runs on the controller, whatever host the play is for, as the user who runs Ansible.
  - The same record gives the same files.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
attributes:
  action:
    description: Runs on the controller.
    support: full
options:
  record:
    description:
      - What the report is made from. Unknown keys are refused, and all mistakes are told at once.
      - Topologies, plans, migrations and measurements are taken as the modules of this collection return them.
    type: dict
    required: true
    suboptions:
      title:
        description: What was done, in a few words.
        type: str
        required: true
      site:
        description: The name of the site.
        type: str
        required: true
      started:
        description: When it began, in ISO 8601 with an offset, for example V(2026-11-25T08:08:41Z).
        type: str
        required: true
      finished:
        description: When it ended, in ISO 8601 with an offset.
        type: str
        required: true
      machine:
        description: What everything ran on, a text for each label of your choice.
        type: dict
        default: {}
      hosts:
        description: The hosts, each once.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: The host's name.
            type: str
            required: true
          topology:
            description: RV(baremetal.vmsite.host_topology_info#module:topology). Given together with O(record.hosts[].plan) or not at all.
            type: dict
          plan:
            description: RV(baremetal.vmsite.host_plan#module:plan).
            type: dict
          changes:
            description: What each module changed on this host, in order.
            type: list
            elements: dict
            default: []
            suboptions:
              door:
                description: The module's name.
                type: str
                required: true
              changes:
                description: The module's return value C(changes).
                type: list
                elements: dict
                default: []
              reboot_required:
                description: The module's return value C(reboot_required).
                type: bool
                default: false
              restart_required:
                description: The module's return value C(restart_required).
                type: bool
                default: false
          verify:
            description: What was verified afterwards. Without it, nothing about the host is proven.
            type: list
            elements: dict
            suboptions:
              name:
                description: What was verified.
                type: str
                required: true
              changes:
                description: Differences from the plan, in the shape of a module's C(changes).
                type: list
                elements: dict
                default: []
              failures:
                description: What failed, each with C(asked), C(found), C(where) and C(remedy), as modules return it.
                type: list
                elements: dict
                default: []
      migrations:
        description: The live migrations.
        type: list
        elements: dict
        default: []
        suboptions:
          vm:
            description: The VM's name.
            type: str
            required: true
          source:
            description: The host that it left.
            type: str
            required: true
          target:
            description: The host that it went to.
            type: str
            required: true
          settings:
            description: What was set for this migration, in words.
            type: str
            default: ''
          result:
            description: The registered result of M(baremetal.vmsite.libvirt_migrate), also if it failed.
            type: dict
            required: true
          measurement:
            description: RV(baremetal.vmsite.downtime_probe#module:measurement) of a probe that worked meanwhile.
            type: dict
          guest_ms:
            description: The interruption by the guest's own clock.
            type: float
      comparison:
        description: Interruptions with different settings.
        type: list
        elements: dict
        default: []
        suboptions:
          settings:
            description: The settings, in words.
            type: str
            required: true
          runs:
            description: One entry per migration, each with C(qemu_ms), C(gap_ms) and C(silence_ms), which may be left out.
            type: list
            elements: dict
            required: true
  dest:
    description: The directory on the controller to write to. It is made if it is missing.
    type: path
    required: true
  name:
    description: The name of both files, without their ending.
    type: str
    default: report
seealso:
  - module: baremetal.vmsite.downtime_probe
  - module: baremetal.vmsite.libvirt_migrate
"""

EXAMPLES = r"""
- name: Report what was done to the hosts
  baremetal.vmsite.report:
    dest: "{{ playbook_dir }}/reports"
    record:
      title: Hosts tuned
      site: lab
      started: '2026-11-25T08:08:41Z'
      finished: '2026-11-25T08:16:02Z'
      machine:
        Kernel: 6.1.0-41-amd64
      hosts:
        - name: compute1
          verify:
            - name: hugepages
  register: report
  run_once: true

- name: Say where it lies
  ansible.builtin.debug:
    msg: "{{ report.verdict.result }}: {{ report.html }}"
  run_once: true
"""

RETURN = r"""
html:
  description: The report.
  returned: success
  type: str
  sample: /srv/reports/report.html
json:
  description: The record and its verdict.
  returned: success
  type: str
  sample: /srv/reports/report.json
verdict:
  description: C(result) is V(passed), V(failed) or V(not_proven). C(reasons) are the findings that decided it.
  returned: success
  type: dict
  sample:
    result: failed
    reasons: ['compute2: hugepages: 1 difference from the plan.']
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
