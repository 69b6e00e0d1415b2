#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_objects
short_description: Kubernetes objects, any number in one call
version_added: 0.1.0
description:
  - Brings objects of a Kubernetes cluster into their wanted state by server-side apply, with one client over one connection.
  - Before the first object is written, the API server judges all of them in a dry run. So an unknown field, an invalid value, a missing right, a
    webhook's refusal, or a field that another manager owns is refused before anything is touched, for all objects at once.
  - Excepted are objects whose kind or namespace comes in the same list. These are judged when definitions and namespaces are written, before any
    other object is. An object that the API server takes only when another is there, such as a Pod with its service account, is judged when what
    stands before it in the list is written.
  - The difference between an object as it is and what the dry run makes of it is the change. Check mode shows just that. An object whose kind or
    namespace is not there yet is one that would be created.
  - Namespaces come first, then CustomResourceDefinitions, until they are served, then the rest in the order of the list. Deletion goes the other
    way round, and each object is gone before the next is touched.
  - The data of Secrets is in no result and no log of this module, whatever the verbosity.
  - Objects that do not change cost two requests each, a read and a dry run. Webhooks see the dry runs; those of C(admissionregistration.k8s.io/v1)
    must allow that.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.cluster
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
options:
  objects:
    description:
      - The objects, each as its manifest has it. For O(state=absent), C(apiVersion), C(kind) and C(metadata) are enough.
      - A C(List) of C(v1) counts as its items.
      - An object that lives in a namespace must name it. None is taken from a kubeconfig.
    type: list
    elements: dict
    required: true
  state:
    description: Whether the objects are to be there.
    type: str
    choices: [present, absent]
    default: present
  field_manager:
    description:
      - The name under which the fields are owned. Two lists that are applied under the same name must not share an object, else each removes the
        other's fields.
    type: str
    default: baremetal.vmsite
  force_conflicts:
    description: Whether fields that another manager owns with another value are taken from it. By default that is refused, naming field and manager.
    type: bool
    default: false
  recreate:
    description:
      - Whether an object whose immutable fields are to change may be deleted and made again. By default that is refused, naming the fields.
      - What belongs to the object, such as the Pods of a Job, goes with it.
    type: bool
    default: false
  wait:
    description:
      - What must have come at the end of the call, changed or not. Each entry is about the listed objects that it names, and gives one of
        O(wait[].condition), O(wait[].rollout) and O(wait[].field).
      - If the time is up the failure says why, by the objects' conditions and events. What was applied stays applied.
      - Not in check mode, and not for O(state=absent).
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: The kind of the objects.
        type: str
        required: true
      name:
        description: The name of one object. By default all listed objects of the kind.
        type: str
      namespace:
        description: The namespace of the objects. By default any.
        type: str
      condition:
        description: The type of a condition in the object's status, for example V(Available).
        type: str
      status:
        description: The status that O(wait[].condition) is to have.
        type: str
        default: 'True'
      rollout:
        description: Whether to wait until a Deployment, StatefulSet or DaemonSet is rolled out.
        type: bool
        default: false
      field:
        description: The path of a field, for example V(status.phase) or V(status.addresses[0].value).
        type: str
      value:
        description: The value that O(wait[].field) is to have. By default any that is not empty.
        type: str
  wait_for_deletion:
    description:
      - With O(state=absent), whether each object must be gone before the next is deleted and before the call ends.
      - With V(false), an object that is being deleted counts as absent.
    type: bool
    default: true
  wait_timeout:
    description: Seconds for everything that the call waits for, taken together.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: A namespace and what it holds, in one call
  baremetal.vmsite.cluster_objects:
    kubeconfig: /etc/kubernetes/admin.conf
    objects:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: shop
          labels:
            pod-security.kubernetes.io/enforce: restricted
      - apiVersion: v1
        kind: ResourceQuota
        metadata:
          name: memory
          namespace: shop
        spec:
          hard:
            requests.memory: 64Gi

- name: An operator from its manifest, and what it is to make; wait until both work
  baremetal.vmsite.cluster_objects:
    objects: "{{ (lookup('ansible.builtin.file', 'operator.yml') | ansible.builtin.from_yaml_all | list) + [kubevirt] }}"
    wait:
      - kind: Deployment
        rollout: true
      - kind: KubeVirt
        condition: Available
    wait_timeout: 600

- name: Take one field over from whoever set it, under a name of its own, so that no other field is given up
  baremetal.vmsite.cluster_objects:
    force_conflicts: true
    field_manager: shop-scaling
    objects:
      - apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: web
          namespace: shop
        spec:
          replicas: 3

- name: Remove a namespace and all that is in it
  baremetal.vmsite.cluster_objects:
    state: absent
    objects:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: shop
"""

RETURN = r"""
objects:
  description: What was done with each object (in check mode, would be), in the order in which it is done.
  returned: success
  type: list
  elements: dict
  contains:
    api_version:
      description: The C(apiVersion).
      type: str
      sample: apps/v1
    kind:
      description: The kind.
      type: str
      sample: Deployment
    namespace:
      description: The namespace, none for what is cluster-wide.
      type: str
      sample: shop
    name:
      description: The name.
      type: str
      sample: web
    action:
      description: One of V(create), V(update), V(recreate), V(delete) and V(nothing).
      type: str
      sample: update
api_warnings:
  description: What the API server warns of, for example that a version is deprecated.
  returned: success
  type: list
  elements: str
  sample: []
api_requests:
  description: The number of requests that the call took.
  returned: success
  type: int
  sample: 7
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

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.authentication import client_configuration, impersonation
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Connection
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.concern import ClusterObjects, Intent
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.secret_data import concealed
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import wanted_objects
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.waits.wanted import wanted_waits
from ansible_collections.baremetal.vmsite.plugins.module_utils._door import run_on_cluster

PRESENT = "present"
ABSENT = "absent"

ARGUMENT_SPEC: dict[str, t.Any] = {
    "objects": {"type": "list", "elements": "dict", "required": True, "no_log": True},
    "state": {"type": "str", "choices": [PRESENT, ABSENT], "default": PRESENT},
    "field_manager": {"type": "str", "default": "baremetal.vmsite"},
    "force_conflicts": {"type": "bool", "default": False},
    "recreate": {"type": "bool", "default": False},
    "wait": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "kind": {"type": "str", "required": True},
            "name": {"type": "str"},
            "namespace": {"type": "str"},
            "condition": {"type": "str"},
            "status": {"type": "str", "default": "True"},
            "rollout": {"type": "bool", "default": False},
            "field": {"type": "str"},
            "value": {"type": "str"},
        },
    },
    "wait_for_deletion": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}


def build(options: dict[str, t.Any]) -> ClusterObjects:
    objects = wanted_objects(options["objects"])
    intent = Intent(
        objects=objects,
        is_present=options["state"] == PRESENT,
        field_manager=options["field_manager"],
        force_conflicts=options["force_conflicts"],
        recreate=options["recreate"],
        waits=wanted_waits(options["wait"], [wanted.identity for wanted in objects]),
        wait_for_deletion=options["wait_for_deletion"],
        wait_timeout=options["wait_timeout"],
    )
    return ClusterObjects(Connection(client_configuration(options), impersonation(options)), intent)


def conceal(options: dict[str, t.Any]) -> dict[str, t.Any]:
    return {**options, "objects": [concealed(body) for body in options["objects"]]}


def main() -> None:
    run_on_cluster(ARGUMENT_SPEC, build, conceal)


if __name__ == "__main__":
    main()
