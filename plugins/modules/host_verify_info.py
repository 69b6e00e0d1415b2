#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_verify_info
short_description: The plan against the host as it is
version_added: 0.1.0
description:
  - Asks the planners that apply a host plan what they would still change, and whether what they brought up works.
  - It compares nothing by itself, so it cannot disagree with the modules that do the work.
  - Differences do not fail the task. RV(clean) says whether there are any.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.info
options:
  plan:
    description: RV(baremetal.vmsite.host_plan#module:plan), as it was applied.
    type: dict
    required: true
  bridges:
    description: The bridges and ports that must be there and work, in the shape of O(baremetal.vmsite.ovs_dpdk#module:bridges).
    type: list
    elements: dict
    default: []
  other_config:
    description:
      - Settings of Open vSwitch that the site has beside those of the plan, in the shape of O(baremetal.vmsite.ovs_dpdk#module:other_config).
      - Where both have a key, this one wins.
    type: dict
    default: {}
  hugepages_owned:
    description: As O(baremetal.vmsite.hugepages#module:owned).
    type: bool
    default: true
  kernel_owned:
    description:
      - Whether kernel arguments, CPU isolation and interrupts are compared.
      - V(false) is for a container, whose kernel is that of the machine below.
    type: bool
    default: true
seealso:
  - module: baremetal.vmsite.host_plan
  - module: baremetal.vmsite.report
"""

EXAMPLES = r"""
- name: Compare the host with its plan
  baremetal.vmsite.host_verify_info:
    plan: "{{ host_plan_result.plan }}"
    bridges: "{{ vmsite_data_plane.bridges }}"
  register: host_verify_result

- name: Nothing has drifted
  ansible.builtin.assert:
    that: host_verify_result.clean
"""

RETURN = r"""
clean:
  description: Whether nothing differs and nothing failed.
  returned: success
  type: bool
  sample: true
verified:
  description: One entry per concern, in the shape that M(baremetal.vmsite.report) takes.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: What was verified.
      type: str
      sample: hugepages
    changes:
      description: What its planner would still change, each with C(what), C(current), C(wanted), C(reason) and C(needs).
      type: list
      elements: dict
      sample: []
    failures:
      description: What does not work, each with C(asked), C(found), C(where) and C(remedy).
      type: list
      elements: dict
      sample: []
"""

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._door import run_info
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.verification import concerns, verify

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ARGUMENT_SPEC: dict[str, t.Any] = {
    "plan": {"type": "dict", "required": True},
    "bridges": {"type": "list", "elements": "dict", "default": []},
    "other_config": {"type": "dict", "default": {}},
    "hugepages_owned": {"type": "bool", "default": True},
    "kernel_owned": {"type": "bool", "default": True},
}


def read(options: dict[str, t.Any], root: HostRoot) -> dict[str, t.Any]:
    owned = {name: options[name] for name in ("hugepages_owned", "kernel_owned")}
    asked = concerns(root, options["plan"], options["bridges"], **owned, other_config=options["other_config"])
    verified = [verify(name, concern) for name, concern in asked.items()]
    return {"clean": not any(entry["changes"] or entry["failures"] for entry in verified), "verified": verified}


def main() -> None:
    run_info(ARGUMENT_SPEC, read)


if __name__ == "__main__":
    main()
