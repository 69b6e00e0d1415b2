#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hugepages
short_description: Hugepages per page size and NUMA node
version_added: 0.1.0
description:
  - Allocates hugepages on a running host, on the NUMA nodes where they are wanted, and reads back what the kernel gave.
  - The kernel reports no error when it cannot give the pages. This module does, after compacting the node's memory once, and puts
    every pool back as it was.
  - Shrinking a pool below the pages in use is refused, naming the processes that hold them.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
options:
  pages:
    description:
      - The pools that are managed. Pools that are not listed are left alone.
      - Usually RV(baremetal.vmsite.host_plan#module:plan.hugepages).
    type: list
    elements: dict
    required: true
    suboptions:
      size_kib:
        description: The page size in KiB, for example V(2048) or V(1048576).
        type: int
        required: true
      node:
        description: The NUMA node.
        type: int
        required: true
      count:
        description: The number of pages.
        type: int
        required: true
  owned:
    description:
      - Whether these pools are this host's to change.
      - With V(false) nothing is written, and fewer pages than wanted are an error. That is the case in a container,
        whose pools are those of the machine below.
    type: bool
    default: true
  when_short:
    description:
      - What it means that the running host cannot give pages, also after compaction. The pool is put back as it was in either case.
      - With V(fail) it is an error, and every other pool is put back too.
      - With V(reboot) it is a reason to reboot, named in RV(reboot_reasons), and not tried again before. That is for a host whose kernel arguments
        reserve the same pages at boot, as M(baremetal.vmsite.kernel_args) sets them from the plan. Pages of 1 GiB are seldom had in any other way.
    type: str
    choices: [fail, reboot]
    default: fail
seealso:
  - module: baremetal.vmsite.host_plan
"""

EXAMPLES = r"""
- name: Give each node what the plan says
  baremetal.vmsite.hugepages:
    pages: "{{ host_plan_result.plan.hugepages }}"

- name: Leave to the next boot what cannot be had now
  baremetal.vmsite.hugepages:
    pages: "{{ host_plan_result.plan.hugepages }}"
    when_short: reboot

- name: Have at least 64 pages of 2 MiB on node 0, in a container that cannot allocate them
  baremetal.vmsite.hugepages:
    owned: false
    pages:
      - size_kib: 2048
        node: 0
        count: 64
"""

RETURN = r"""
pools:
  description: The listed pools as they are after the call (in check mode, as they are now).
  returned: success
  type: list
  elements: dict
  contains:
    size_kib:
      description: Page size in KiB.
      type: int
      sample: 2048
    node:
      description: NUMA node.
      type: int
      sample: 0
    count:
      description: Pages wanted.
      type: int
      sample: 512
    total:
      description: Pages there are, surplus pages included.
      type: int
      sample: 512
    free:
      description: Pages that nothing uses.
      type: int
      sample: 384
    surplus:
      description: Pages that vanish when they are freed.
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

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._door import run
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.hugepages import FAIL, REBOOT, Hugepages, Wanted

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ARGUMENT_SPEC: dict[str, t.Any] = {
    "pages": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "size_kib": {"type": "int", "required": True},
            "node": {"type": "int", "required": True},
            "count": {"type": "int", "required": True},
        },
    },
    "owned": {"type": "bool", "default": True},
    "when_short": {"type": "str", "choices": [FAIL, REBOOT], "default": FAIL},
}


def build(options: dict[str, t.Any], root: HostRoot) -> Hugepages:
    return Hugepages(root, [Wanted(**entry) for entry in options["pages"]], options["owned"], options["when_short"])


def main() -> None:
    run(ARGUMENT_SPEC, build)


if __name__ == "__main__":
    main()
