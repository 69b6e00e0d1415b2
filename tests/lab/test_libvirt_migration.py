# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM on vhost-user moves between two real hosts, and every way in which that can fail leaves it running where it was.

Needs the hosts as playbooks/site.yml leaves them: bridge br-data on OVS-DPDK, libvirt with TLS and our hook.
"""

from __future__ import annotations

import mmap
import subprocess
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.baremetal.vmsite.tests.inventory import Result, fails, finish, succeeds
from ansible_collections.baremetal.vmsite.tests.lab.libvirt_hosts import (
    HOOK,
    HOSTS,
    answers,
    door,
    on,
    ports_of,
    snapshot,
    start_door,
    state_of,
    wait_for,
    wait_for_job,
)

pytestmark = pytest.mark.lab

VM = "mover1"
ADDRESS = "10.99.0.61"
HERE, THERE = "compute2", "compute1"
FREE_PAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
PINNING = {"vcpu_cpus": ["1"], "emulator_cpus": "0", "numa_node": 0}


def description(**more: t.Any) -> Result:
    return {
        "name": VM,
        "memory_mib": 128,
        "vcpus": 1,
        "emulation": "qemu",
        "cpu_model": "Nehalem",
        "hugepages_kib": 2048,
        "autostart": True,
        "boot": {
            "kernel": "/srv/guest/vmlinuz",
            "initrd": "/srv/guest/initrd.gz",
            "cmdline": f"console=ttyS0 quiet vmip={ADDRESS}/24 echo",
        },
        "nics": [{"kind": "vhost_user", "bridge": "br-data"}],
        "console_log": f"/var/log/libvirt/qemu/{VM}.console.log",
        "pinning": PINNING,
        **more,
    }


def writing(mib: int) -> Result:
    """A guest that rewrites that much of its memory without pause."""
    boot = {
        "kernel": "/srv/guest/vmlinuz",
        "initrd": "/srv/guest/initrd.gz",
        "cmdline": f"console=ttyS0 quiet vmip={ADDRESS}/24 dirty={mib}",
    }
    return description(boot=boot)


def remove(host: str) -> None:
    on(host, f"virsh destroy {VM}; virsh undefine {VM}; rm -f /var/log/libvirt/qemu/{VM}.console.log", check=False)


def start(vm: Result) -> None:
    succeeds(door(HERE, "libvirt_vm", vms=[vm], peers=[THERE]))
    assert answers(ADDRESS), "the guest did not boot"


def migrate(source: str, target: str, check_mode: bool = False, **more: t.Any) -> Result:
    return door(
        source, "libvirt_migrate", check_mode, name=VM, target=target, **{"target_pinning": PINNING, "deadline_seconds": 90, **more}
    )


@pytest.fixture(autouse=True)
def _no_vm_of_ours() -> Iterator[None]:
    for host in HOSTS:
        assert on(host, f"test -x {HOOK} && ovs-vsctl --timeout=5 br-exists br-data && echo ready", check=False) == "ready", (
            f"{host} is not set up: run playbooks/site.yml on inventories/lab first"
        )
        remove(host)
    yield
    for host in HOSTS:
        remove(host)
        assert ports_of(host, VM) == []


def assert_runs_only_on(host: str, other: str) -> None:
    assert state_of(host, VM) == "running"
    assert answers(ADDRESS), f"it runs on {host} but does not answer"
    wait_for(lambda: state_of(other, VM) == "absent", 60, f"nothing of it left on {other}")
    assert len(ports_of(host, VM)) == 1
    assert ports_of(other, VM) == []


def test_five_times_in_a_row() -> None:
    start(description())
    source, target = HERE, THERE
    for round_number in range(5):
        before = [snapshot(host) for host in HOSTS]
        predicted = succeeds(migrate(source, target, check_mode=True))
        assert [snapshot(host) for host in HOSTS] == before, "check mode changed something"
        moved = succeeds(migrate(source, target))
        assert predicted["changes"] == moved["changes"]
        report = moved["migration"]
        assert report["outcome"] == "migrated"
        assert 0 < report["downtime_ms"] < report["total_ms"]
        events = [event["event"] for event in report["timeline"]]
        assert [name for name in events if name in ("asked", "transfer", "paused at the source", "runs on the target", "done")] == [
            "asked",
            "transfer",
            "paused at the source",
            "runs on the target",
            "done",
        ]
        assert_runs_only_on(target, source)
        assert on(target, f'virsh dominfo {VM} | grep -E "^(Persistent|Autostart):"').split() == [
            "Persistent:",
            "yes",
            "Autostart:",
            "enable",
        ]
        print(
            f"round {round_number}: {source} to {target}, downtime {report['downtime_ms']} ms, total {report['total_ms']} ms, sent {report['sent_mib']} MiB"
        )
        again = succeeds(migrate(source, target))
        assert not again["changed"]
        assert again["migration"]["outcome"] == "already_there"
        source, target = target, source


def test_the_guest_does_not_notice() -> None:
    """It counts seconds on its console: the target's console goes on where the source's ended."""
    start(description())
    succeeds(migrate(HERE, THERE))
    time.sleep(3)
    ticks = [int(line.split()[1]) for line in on(THERE, f"grep ^tick /var/log/libvirt/qemu/{VM}.console.log | tail -n 3").splitlines()]
    last_here = int(on(HERE, f"grep ^tick /var/log/libvirt/qemu/{VM}.console.log | tail -n 1").split()[1])
    assert ticks[-1] > last_here
    assert ticks == list(range(ticks[0], ticks[0] + len(ticks)))


def test_the_deadline_leaves_it_running_at_its_source() -> None:
    start(writing(48))
    message = fails(migrate(HERE, THERE, bandwidth_mib=8, deadline_seconds=8))
    assert "aborted after the deadline of 8 s" in message
    assert f"the VM still runs on {HERE}" in message
    assert_runs_only_on(HERE, THERE)
    # The same VM with a way to converge.
    moved = succeeds(migrate(HERE, THERE, bandwidth_mib=24, deadline_seconds=120, convergence="auto_converge"))
    assert moved["migration"]["iterations"] > 2
    assert_runs_only_on(THERE, HERE)


def test_without_the_hook_on_the_target() -> None:
    """QEMU on the target waits for a port that nobody makes, and libvirt's abort does not end that."""
    start(description())
    on(THERE, f"mv {HOOK} /root/hook-of-a-test")
    try:
        message = fails(migrate(HERE, THERE, prepare_seconds=6))
    finally:
        on(THERE, f"mv /root/hook-of-a-test {HOOK}")
    assert "6 s without a byte sent" in message
    assert "being received" in message
    assert "install the libvirt hook" in message
    assert_runs_only_on(HERE, THERE)


def test_without_the_bridge_on_the_target() -> None:
    on(HERE, "ovs-vsctl --may-exist add-br br-lonely -- set bridge br-lonely datapath_type=netdev")
    try:
        succeeds(door(HERE, "libvirt_vm", vms=[description(nics=[{"kind": "vhost_user", "bridge": "br-lonely"}])], peers=[THERE]))
        message = fails(migrate(HERE, THERE))
        assert "no bridge named br-lonely" in message
        assert f"the VM still runs on {HERE}" in message
        assert state_of(HERE, VM) == "running"
        assert state_of(THERE, VM) == "absent"
    finally:
        remove(HERE)
        on(HERE, "ovs-vsctl --if-exists del-br br-lonely")


def test_a_target_without_hugepages() -> None:
    start(description())
    with hugepages_taken(leaving=40):
        message = fails(migrate(HERE, THERE))
    assert "64 free hugepages of 2048 KiB on NUMA node 0" in message
    assert "40 are free" in message
    assert_runs_only_on(HERE, THERE)


def test_a_killed_run_goes_on_and_the_next_one_finds_it() -> None:
    start(writing(32))
    options: Result = {
        "name": VM,
        "target": THERE,
        "bandwidth_mib": 4,  # too little to end by itself
        "convergence": "auto_converge",
        "deadline_seconds": 150,
        "target_pinning": PINNING,
    }
    first = start_door(HERE, "libvirt_migrate", options)
    wait_for_job(first, HERE, VM, "Outgoing")
    time.sleep(2)
    # A module that Ansible pipes to its interpreter has no arguments to know it by, and nothing else on the host runs like that.
    running = "pgrep -f ^/usr/bin/python3\\$"
    module = on(HERE, running).split()
    assert len(module) == 1
    on(HERE, f"kill -KILL {module[0]}")
    first.communicate(timeout=60)
    assert "Outgoing" in on(HERE, f"virsh domjobinfo {VM}"), "libvirt goes on without the module"
    following = start_door(HERE, "libvirt_migrate", options)
    wait_for(lambda: on(HERE, running, check=False) != "", 60, "the next run begins")
    time.sleep(4)
    on(HERE, f"virsh migrate-setspeed {VM} 1000")
    second = succeeds(finish(following))
    assert second["migration"]["outcome"] == "followed"
    assert second["migration"]["downtime_ms"] is not None
    assert_runs_only_on(THERE, HERE)
    assert on(THERE, f"virsh dominfo {VM} | grep Autostart:").split() == ["Autostart:", "enable"]


def test_the_network_is_cut_in_mid_migration() -> None:
    start(writing(48))
    options: Result = {"name": VM, "target": THERE, "bandwidth_mib": 8, "deadline_seconds": 20, "target_pinning": PINNING}
    first = start_door(HERE, "libvirt_migrate", options)
    wait_for_job(first, HERE, VM, "Data remaining")
    time.sleep(2)
    subprocess.run(["ip", "link", "set", f"mgmt-{THERE}", "down"], check=True)
    try:
        message = fails(finish(first))
        assert f"the VM still runs on {HERE}" in message
        assert state_of(HERE, VM) == "running"
    finally:
        subprocess.run(["ip", "link", "set", f"mgmt-{THERE}", "up"], check=True)
    wait_for(lambda: on(THERE, "echo back", check=False) == "back", 60, "the target is back")
    assert_runs_only_on(HERE, THERE)
    succeeds(migrate(HERE, THERE, convergence="auto_converge"))
    assert_runs_only_on(THERE, HERE)


def test_libvirtd_on_the_target_dies_in_mid_migration() -> None:
    start(writing(48))
    options: Result = {"name": VM, "target": THERE, "bandwidth_mib": 8, "deadline_seconds": 40, "target_pinning": PINNING}
    first = start_door(HERE, "libvirt_migrate", options)
    wait_for_job(first, HERE, VM, "Data remaining")
    on(THERE, "systemctl kill --signal=KILL libvirtd.service")
    message = fails(finish(first))
    assert f"the VM still runs on {HERE}" in message
    assert_runs_only_on(HERE, THERE)


def test_a_disk_is_copied_only_if_asked() -> None:
    disk = f"/var/lib/libvirt/images/{VM}.qcow2"
    start(description(disks=[{"path": disk, "size_gib": 1}]))
    try:
        assert f"disk {disk}" in fails(migrate(HERE, THERE))
        moved = succeeds(migrate(HERE, THERE, copy_storage="all"))
        assert moved["migration"]["disks_left_on_source"] == [disk]
        assert on(THERE, f"test -f {disk} && echo there") == "there"
        assert_runs_only_on(THERE, HERE)
    finally:
        remove(THERE)
        for host in HOSTS:
            on(host, f"rm -f {disk}")


def test_what_cannot_be_is_refused_before_anything_moves() -> None:
    start(description())
    before = [snapshot(host) for host in HOSTS]
    assert "it is this host" in fails(migrate(HERE, HERE))
    wrong = fails(migrate(HERE, THERE, target_pinning={"vcpu_cpus": ["7"], "emulator_cpus": "9", "numa_node": 3}))
    assert "CPU 7,9" in wrong
    assert "NUMA node 3" in wrong
    assert "no connection to port 16514" in fails(migrate(HERE, "probe1"))
    assert "neither" in fails(door(HERE, "libvirt_migrate", name="no-such-vm", target=THERE))
    assert "libvirt's own traffic would be in clear text" in fails(migrate(HERE, THERE, transport="tcp"))
    assert [snapshot(host) for host in HOSTS] == before


class hugepages_taken:
    """Hold all of the machine's free 2 MiB pages but some: its pool is the pool of every lab host."""

    def __init__(self, leaving: int) -> None:
        self._leaving = leaving

    def __enter__(self) -> None:
        pages = int(FREE_PAGES.read_text()) - self._leaving
        map_hugetlb = 0x40000
        self._memory = mmap.mmap(-1, pages * 2**21, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | map_hugetlb)
        for page in range(pages):
            self._memory[page * 2**21] = 1

    def __exit__(self, *_reason: object) -> None:
        self._memory.close()
