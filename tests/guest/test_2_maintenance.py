# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host reboots because there are reasons, and comes back as planned."""

from __future__ import annotations

import json
import threading
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.guest.guest import GUEST, NAME, lab, on, profile
from ansible_collections.baremetal.vmsite.tests.guest.outcomes import RETRIED, note, piece, shows
from ansible_collections.baremetal.vmsite.tests.inventory import succeeds

PART = "4"
PLAYBOOK = "ansible-playbook playbooks/host_maintenance.yml"
REBOOTS, BOOT_SECONDS = "TASK [Reboot, and wait", 300
BOOT = "cat /proc/sys/kernel/random/boot_id"
PF, DPDK_PF = "/sys/bus/pci/devices/0000:21:00.0", "/sys/bus/pci/devices/0000:41:00.0"
# The handlers of every interrupt that goes to CPU 1 or 3.
STRAYED = (
    "cd /proc/irq; for irq in [0-9]*; do ls -d $irq/*/ >/dev/null 2>&1 || continue; "
    'for cpu in $(tr , "\\n" < $irq/effective_affinity_list); do case $cpu in 1|3|0-*|1-*|2-*) basename $irq/*/;; esac; done; done | xargs'
)
# A queue of the disk for each CPU alone: the kernel keeps its interrupt there, and it only comes when that CPU itself uses the disk
# (isolcpus=managed_irq in kernel-parameters.txt).
OF_THE_CPUS_THEMSELVES = "virtio0-req.1 virtio0-req.3"
ENDED = "systemctl show --property ExecMainExitTimestampMonotonic --value"
BEGAN = "systemctl show --property ExecMainStartTimestampMonotonic --value"


def power_cycle() -> None:
    """What an operator does with a host that does not come back. Boots of an emulated machine hang now and then; each is counted and printed."""
    RETRIED.append(f"the reboot of {NAME} did not come up within {BOOT_SECONDS} s and was repeated by power off and on")
    print(RETRIED[-1])
    lab("power-off")
    print(lab("power-on"))


def maintain() -> str:
    """What the playbook says, in one line, as messages are folded. The guest is in a pool that a cluster would drain: the hook has nothing to do."""
    variables = {"host_maintenance_hosts": NAME, "host_maintenance_drain_tasks": "drain_nothing.yml"}
    patience = threading.Timer(BOOT_SECONDS, power_cycle)
    said = []
    with GUEST.start_playbook("playbooks/host_maintenance.yml", "-e", json.dumps(variables)) as run:
        assert run.stdout is not None
        for line in run.stdout:
            said.append(line)
            if line.startswith(REBOOTS):
                patience.start()
            elif patience.is_alive() and line.startswith(("changed: ", "fatal: ")):  # the task has ended
                patience.cancel()
    assert run.returncode == 0, "".join(said)
    return " ".join("".join(said).split())


@pytest.fixture(scope="module")
def plan() -> t.Any:
    return succeeds(GUEST.door(NAME, "host_plan", profile=profile()))["plan"]


def test_it_reboots_because_reasons_exist() -> None:
    before = on(BOOT)
    said = maintain()
    note(PART, "the second check predicts no change, only a reboot", PLAYBOOK, piece(said, "a reboot: "), f"...{NAME}: a reboot: ")
    note(PART, "and says why", PLAYBOOK, piece(said, f"{NAME} reboots: "), "...isolcpus=managed_irq,domain,1,3")
    note(PART, "it reboots", BOOT, "another boot" if on(BOOT) != before else "the same boot", "another boot")


def test_a_second_run_finds_the_host_clean_and_no_reason() -> None:
    before = on(BOOT)
    said = maintain()
    found = piece(said, "is as its model says")
    note(PART, "verify after the reboot", PLAYBOOK, found, f"...{NAME} is as its model says")
    note(PART, "no reboot without a reason", BOOT, "another boot" if on(BOOT) != before else "the same boot", "the same boot")


def test_hugepages_of_both_sizes_on_each_node(plan: t.Any) -> None:
    for pages in plan["hugepages"]:
        pool = f"/sys/devices/system/node/node{pages['node']}/hugepages/hugepages-{pages['size_kib']}kB/nr_hugepages"
        shows(PART, f"pages of {pages['size_kib']} KiB on node {pages['node']}", f"cat {pool}", str(pages["count"]))
    assert {pages["size_kib"] for pages in plan["hugepages"] if pages["count"]} == {2048, 1048576}


def test_isolation_is_in_force(plan: t.Any) -> None:
    assert plan["cpus"]["isolated"] == "1,3"
    for argument in plan["kernel_args"]:
        shows(PART, "kernel argument", f'tr " " "\\n" < /proc/cmdline | grep -x {argument}', argument)
    shows(PART, "isolated from the scheduler", "cat /sys/devices/system/cpu/isolated", "1,3")
    shows(PART, "without the tick", "cat /sys/devices/system/cpu/nohz_full", "1,3")
    shows(
        PART,
        "RCU callbacks offloaded",
        'dmesg | grep -o "Offload RCU callbacks from CPUs: [0-9,-]*"',
        "Offload RCU callbacks from CPUs: 1,3",
    )


def test_interrupts_stay_off_isolated_cpus() -> None:
    shows(PART, "default for new interrupts", "cat /proc/irq/default_smp_affinity", "5")
    shows(PART, "interrupts on CPUs 1 and 3", STRAYED, OF_THE_CPUS_THEMSELVES)
    shows(
        PART, "irqbalance leaves them alone", "grep -h ^IRQBALANCE_BANNED_CPULIST /etc/default/irqbalance", "IRQBALANCE_BANNED_CPULIST=1,3"
    )


def test_vfs_are_back_before_the_network() -> None:
    shows(PART, "VFs", f"cat {PF}/sriov_numvfs {DPDK_PF}/sriov_numvfs | xargs", "3 2")
    netdev = on(f"ls {PF}/net")
    first, second = f'ip link show {netdev} | grep "vf 0 "', f'ip link show {netdev} | grep "vf 1 "'
    for part in ("02:11:22:33:44:01", "vlan 100, qos 3", "spoof checking on", "trust on"):
        shows(PART, "attributes of VF 0", first, f"...{part}")
    for part in ("02:11:22:33:44:02", "max_tx_rate 100Mbps"):
        shows(PART, "attributes of VF 1", second, f"...{part}")
    for unit in ("vmsite-sriov", "vmsite-pci-driver"):
        order = f"[ $({ENDED} {unit}) -lt $({BEGAN} systemd-networkd) ] && [ $({ENDED} {unit}) -lt $({BEGAN} ovs-vswitchd) ] && echo before"
        shows(PART, f"{unit} had ended when the network began", order, "before")


def test_a_vf_is_on_vfio_with_a_viable_group() -> None:
    for vf in ("0000:21:10.2", "0000:41:10.0"):
        device = f"/sys/bus/pci/devices/{vf}"
        shows(PART, f"driver of {vf}", f"basename $(readlink {device}/driver)", "vfio-pci")
        shows(PART, f"IOMMU group of {vf}", f"ls {device}/iommu_group/devices", vf)


def test_ovs_dpdk_drives_a_pci_device() -> None:
    shows(PART, "DPDK port on a VF has no error", "ovs-vsctl get Interface dpdk0 error", "[]")
    shows(PART, "its driver", "ovs-vsctl get Interface dpdk0 status:driver_name", "net_e1000_igb_vf")
    shows(PART, "its packet buffers lie on its node", "ovs-vsctl get Interface dpdk0 status:numa_id", '"1"')
    shows(
        PART,
        "its queue is polled by the PMD thread on CPU 3",
        'ovs-appctl dpif-netdev/pmd-rxq-show | tr -d "\\n"',
        "...numa_id 1 core_id 3",
    )
