#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_dpdk
short_description: Open vSwitch with DPDK, its settings, bridges and ports, and what truly came up
version_added: 0.1.0
description:
  - Compares settings, bridges and ports with Open vSwitch's database, and writes all differences in one transaction.
  - Then looks at the process. It must live, DPDK must be initialised, every interface of the listed bridges must be free of errors, every
    receive queue must be polled by a thread on a planned CPU, and no pool of packet buffers may be smaller than it should be.
    The database alone shows none of this reliably.
  - If DPDK has to be initialised, the settings are written first, with C(dpdk-init=try), which the process survives if it fails.
    Bridges and ports follow when DPDK runs. Otherwise the previous settings are put back, and the error says so and quotes the log.
  - On a host without Open vSwitch, check mode predicts everything, and a real run is refused.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
requirements:
  - Open vSwitch 3.1 or later with ovs-vsctl and ovs-appctl
options:
  other_config:
    description:
      - Settings of the table Open_vSwitch. Each is checked and brought into one form, so that V(0x06) and V(6) are the same mask.
      - A value of V(null) removes a setting. Settings that are not listed are left alone.
      - "In force at once: C(pmd-cpu-mask), C(pmd-sleep-max) (translated to C(pmd-maxsleep) for Open vSwitch 3.1), C(pmd-rxq-assign),
        C(pmd-rxq-isolate), C(pmd-auto-lb), C(pmd-auto-lb-rebal-interval), C(pmd-auto-lb-load-threshold),
        C(pmd-auto-lb-improvement-threshold), C(pmd-perf-metrics), C(smc-enable), C(emc-insert-inv-prob), C(tx-flush-interval),
        C(n-handler-threads), C(n-revalidator-threads), C(max-idle), C(max-revalidator), C(flow-limit), C(stats-update-interval)."
      - "In force when DPDK is initialised, which needs a restart if it was before: C(dpdk-init), C(dpdk-lcore-mask), C(dpdk-socket-mem),
        C(dpdk-socket-limit), C(dpdk-alloc-mem), C(dpdk-hugepage-dir), C(dpdk-extra), C(dpdk-probe-at-init), C(per-port-memory),
        C(shared-mempool-config), C(vhost-sock-dir), C(vhost-iommu-support), C(vhost-postcopy-support)."
      - "In force after a restart: C(hw-offload), C(userspace-tso-enable)."
      - C(dpdk-socket-mem) is MiB per NUMA node, a list or a text such as V(1024,1024). A mask that is a number is that number.
    type: dict
    default: {}
  extra_other_config:
    description:
      - Settings that this module does not know, as they are. A value of V(null) removes a setting.
      - Whether they need a restart is not known either, so none is reported.
    type: dict
    default: {}
  bridges:
    description:
      - The bridges that are managed. Others are left alone.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the bridge and of its own interface.
        type: str
        required: true
      datapath_type:
        description: V(netdev) is the datapath in the process, which DPDK needs. V(system) is the kernel's.
        type: str
        choices: [netdev, system]
        default: netdev
      fail_mode:
        description: What the bridge does while it has no controller. Left as it is if not given.
        type: str
        choices: [standalone, secure]
      external_ids:
        description: Notes of others about the bridge. Notes that are not listed are left alone.
        type: dict
        default: {}
      ports:
        description:
          - The ports that are managed. A listed port is described completely, so a tag or an option that is not listed is removed.
          - A port that this module made carries C(vmsite-owner=ovs_dpdk) in its external_ids.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the port and of its interface.
            type: str
            required: true
          kind:
            description:
              - V(dpdk) is a device that DPDK drives.
              - V(vhost_user_client) is the NIC of a VM. QEMU makes the socket, so the VM survives a restart of Open vSwitch.
              - V(virtio_user) is a DPDK device at the other end of a vhost-user socket.
              - V(system) is an interface of the kernel, V(internal) one that Open vSwitch makes.
              - V(patch) leads to another bridge.
            type: str
            choices: [dpdk, vhost_user_client, virtio_user, system, internal, patch]
            required: true
          devargs:
            description: The device of a V(dpdk) port, a PCI address or a virtual device such as V(net_af_packet0,iface=data0).
            type: str
          socket:
            description: The absolute path of the socket of a V(vhost_user_client) or V(virtio_user) port.
            type: str
          peer:
            description: The name of the port at the other end of a V(patch) port.
            type: str
          mtu:
            description: The longest packet. DPDK's af_packet driver carries 1500 at most.
            type: int
          n_rxq:
            description: Receive queues.
            type: int
          n_rxq_desc:
            description: Descriptors of each receive queue.
            type: int
          n_txq_desc:
            description: Descriptors of each transmit queue.
            type: int
          tag:
            description: The VLAN of an access port.
            type: int
          trunks:
            description: The VLANs of a trunk port. None means all.
            type: list
            elements: int
            default: []
          external_ids:
            description: Notes of others about the port. Notes that are not listed are left alone.
            type: dict
            default: {}
  purge_ports:
    description:
      - Whether to remove ports of the listed bridges that this module made and that are no longer listed.
      - Ports of other makers, such as those of running VMs, are never removed.
    type: bool
    default: false
  restart:
    description:
      - Whether ovs-vswitchd may be restarted for values that need it. That interrupts all traffic for a second or more.
      - With V(never), such values are written and RV(restart_required) says so until a restart has happened.
      - A process without any bridge carries nothing and is restarted in either case; one that does not run is started.
      - Refused while the connection over which this module runs rides on Open vSwitch.
    type: str
    choices: [never, when_needed]
    default: never
  build:
    description:
      - Debian and Ubuntu have two builds of ovs-vswitchd. V(dpdk) chooses the one with DPDK, V(as_it_is) leaves the choice alone.
      - Without meaning elsewhere.
    type: str
    choices: [dpdk, as_it_is]
    default: dpdk
  timeout:
    description: Seconds that each step may take until it shows in the process.
    type: int
    default: 30
notes:
  - A value that someone else wrote without a restart is not seen as pending. Neither the database nor the process tells since when it is there.
seealso:
  - module: baremetal.vmsite.host_plan
  - module: baremetal.vmsite.hugepages
"""

EXAMPLES = r"""
- name: Have a bridge with one NIC and the port of one VM, with CPUs and memory from the plan
  baremetal.vmsite.ovs_dpdk:
    other_config:
      dpdk-init: true
      dpdk-extra: --no-telemetry
      pmd-cpu-mask: "0xc"
      dpdk-socket-mem: [2048, 2048]
    bridges:
      - name: br-data
        ports:
          - name: nic0
            kind: dpdk
            devargs: "0000:3b:00.0"
            mtu: 9000
            n_rxq: 2
          - name: vh-ledger1
            kind: vhost_user_client
            socket: /var/lib/vhost_sockets/ledger1.sock
            tag: 120

- name: Let the data plane take settings that wait for a restart
  baremetal.vmsite.ovs_dpdk:
    other_config:
      dpdk-socket-mem: [4096, 4096]
    restart: when_needed
"""

RETURN = r"""
dataplane:
  description: What was seen in the process at the end of the call.
  returned: success
  type: dict
  contains:
    pid:
      description: The process, V(null) if none runs.
      type: int
    dpdk_version:
      description: The DPDK that the process is built with.
      type: str
      sample: DPDK 22.11.11
    dpdk_initialized:
      description: Whether the living process has initialised DPDK.
      type: bool
    interfaces:
      description: The interfaces of the listed bridges, each with C(name), C(bridge), C(type), C(mtu), C(link_state) and C(error).
      type: list
      elements: dict
    rx_queues:
      description: The receive queues that are polled, each with C(port), C(queue), C(core) and C(node).
      type: list
      elements: dict
    mempools:
      description: The pools of packet buffers, each with C(name), C(node), C(size), C(populated) and C(object_bytes).
      type: list
      elements: dict
    verified:
      description: Whether all of it was checked. V(false) where no process runs or a restart is needed first.
      type: bool
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
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.concern import OvsDpdk, Wanted
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.ports import bridges_from

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

PORT_SPEC: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "kind": {
        "type": "str",
        "required": True,
        "choices": ["dpdk", "vhost_user_client", "virtio_user", "system", "internal", "patch"],
    },
    "devargs": {"type": "str"},
    "socket": {"type": "str"},
    "peer": {"type": "str"},
    "mtu": {"type": "int"},
    "n_rxq": {"type": "int"},
    "n_rxq_desc": {"type": "int"},
    "n_txq_desc": {"type": "int"},
    "tag": {"type": "int"},
    "trunks": {"type": "list", "elements": "int", "default": []},
    "external_ids": {"type": "dict", "default": {}},
}

ARGUMENT_SPEC: dict[str, t.Any] = {
    "other_config": {"type": "dict", "default": {}},
    "extra_other_config": {"type": "dict", "default": {}},
    "bridges": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "datapath_type": {"type": "str", "choices": ["netdev", "system"], "default": "netdev"},
            "fail_mode": {"type": "str", "choices": ["standalone", "secure"]},
            "external_ids": {"type": "dict", "default": {}},
            "ports": {"type": "list", "elements": "dict", "default": [], "options": PORT_SPEC},
        },
    },
    "purge_ports": {"type": "bool", "default": False},
    "restart": {"type": "str", "choices": ["never", "when_needed"], "default": "never"},
    "build": {"type": "str", "choices": ["dpdk", "as_it_is"], "default": "dpdk"},
    "timeout": {"type": "int", "default": 30},
}


def build(options: dict[str, t.Any], root: HostRoot) -> OvsDpdk:
    wanted = Wanted(
        other_config=options["other_config"],
        extra_other_config=options["extra_other_config"],
        bridges=bridges_from(options["bridges"]),
        purge_ports=options["purge_ports"],
        restart_when_needed=options["restart"] == "when_needed",
        choose_dpdk_build=options["build"] == "dpdk",
        timeout=options["timeout"],
    )
    return OvsDpdk(root, wanted)


def main() -> None:
    run(ARGUMENT_SPEC, build)


if __name__ == "__main__":
    main()
