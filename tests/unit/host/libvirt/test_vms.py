# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import socket
import stat
import sys
import typing as t
import xml.etree.ElementTree as ET

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.peers import Peers
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import Pinning, cpu_plan
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.refusals import HOOK
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.vm import StopPolicy, Vms
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.vm_record import Nic, Request, Vm
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.fakes.libvirt_without_qemu import FakeLibvirt
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import kill_at_every_boundary, tree
from ansible_collections.baremetal.vmsite.tests.unit.host.libvirt.vms import vm

PLAN = cpu_plan(
    {"pinning": "dedicated", "hugepage_size_kib": 2048, "nodes": [{"node": 0, "dedicated": "1-2", "emulator": "0", "hugepages_mib": 512}]}
)
FILES = {
    "sys/devices/system/cpu/online": "0-3\n",
    "sys/devices/system/node/node0/cpulist": "0-3\n",
    "sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages": "200\n",
    "srv/guest/vmlinuz": "kernel",
    "usr/bin/ovs-vsctl": '#!/bin/sh\ntest "$3" = br-data || exit 2\n',
    HOOK.lstrip("/"): "hook",
    "run/libvirt/libvirt-sock": "",
    "var/lib/vhost_sockets/.keep": "",
}


def make_host(path: pathlib.Path) -> pathlib.Path:
    for name, content in FILES.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(0o755)
    return path


@pytest.fixture
def libvirt(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> FakeLibvirt:
    fake = FakeLibvirt({"": make_host(tmp_path / "here"), "kvm2": tmp_path / "kvm2"})

    class Answer:
        def close(self) -> None:
            return None

    monkeypatch.setitem(sys.modules, "libvirt", t.cast(t.Any, fake))
    monkeypatch.setattr(socket, "create_connection", lambda *_arguments: Answer())
    return fake


@pytest.fixture
def root(libvirt: FakeLibvirt) -> HostRoot:
    return HostRoot(str(libvirt.hosts[""]))


def vms(root: HostRoot, *wanted: Vm | Request, peers: tuple[str, ...] = ("kvm2",), **policy: t.Any) -> Vms:
    requests = [one if isinstance(one, Request) else Request(one.name, "running", one) for one in wanted]
    return Vms(root, requests, PLAN, Peers(peers, "tls"), StopPolicy(**{"seconds": 1, **policy}))


def bring(root: HostRoot, *wanted: Vm | Request, **more: t.Any) -> Vms:
    concern = vms(root, *wanted, **more)
    concern.apply(concern.plan())
    assert not concern.plan(), [change.what for change in concern.plan()]
    concern.verify()
    return concern


def messages(error: Failure | Failures) -> list[str]:
    return [failure.asked for failure in (error.failures if isinstance(error, Failures) else [error])]


def unplaced(name: str = "ledger1", **more: t.Any) -> Vm:
    return vm(name, **{"pinning": Pinning(), "hugepages_kib": None, **more})


def test_check_apply_check(root: HostRoot) -> None:
    concern = vms(root, unplaced(autostart=True))
    before = tree(root.path)
    predicted = concern.plan()
    assert tree(root.path) == before
    assert [change.what for change in predicted] == ["VM ledger1: definition", "VM ledger1: autostart", "VM ledger1: state"]
    facts = bring(root, unplaced(autostart=True)).facts()["vms"]
    assert [(row["state"], row["vcpu_cpus"], row["ports"]) for row in facts] == [("running", ["1"], ["vhost-ledger1-0"])]


def test_vms_do_not_share_a_dedicated_cpu(root: HostRoot) -> None:
    rows = bring(root, unplaced("ledger1"), unplaced("ledger2")).facts()["vms"]
    assert [row["vcpu_cpus"] for row in rows] == [["1"], ["2"]]
    with pytest.raises(Failure, match=r"1-2 \(one per vCPU\), of which 1-2 belong to other VMs"):
        vms(root, unplaced("ledger3")).plan()


def test_a_virgin_host_is_predicted(root: HostRoot) -> None:
    for name in ("run/libvirt/libvirt-sock", "usr/bin/ovs-vsctl", HOOK.lstrip("/"), "srv/guest/vmlinuz"):
        (pathlib.Path(root.path) / name).unlink()
    assert [change.what for change in vms(root, unplaced()).plan()] == ["VM ledger1: definition", "VM ledger1: state"]


def test_a_vm_that_moved_away_is_not_started_twice(root: HostRoot, libvirt: FakeLibvirt) -> None:
    there = HostRoot(str(make_host(libvirt.hosts["kvm2"])))
    libvirt.hosts[""], here = libvirt.hosts["kvm2"], libvirt.hosts[""]
    bring(there, unplaced(), peers=())
    libvirt.hosts[""] = here
    concern = vms(root, unplaced())
    assert not concern.plan()
    assert concern.facts()["vms"][0]["found_on"] == "kvm2"


def test_a_peer_that_does_not_answer_may_have_it(root: HostRoot, libvirt: FakeLibvirt) -> None:
    libvirt.unreachable.add("kvm2")
    with pytest.raises(Failure, match="kvm2"):
        vms(root, unplaced()).plan()


def test_no_peer_is_asked_about_a_vm_that_runs_here(root: HostRoot, libvirt: FakeLibvirt) -> None:
    bring(root, unplaced())
    libvirt.unreachable.add("kvm2")
    assert not vms(root, unplaced()).plan()


def test_a_running_vm_is_not_restarted_unless_allowed(root: HostRoot) -> None:
    bring(root, unplaced())
    concern = vms(root, unplaced(memory_mib=256))
    changes = concern.plan()
    assert [(change.what, change.needs) for change in changes] == [("VM ledger1: memory_mib", "service_restart")]
    concern.apply(changes)
    result = concern.plan().result()
    assert not result["changed"]
    assert result["restart_reasons"] == ["VM ledger1: memory_mib is still 128, restart the VM"]
    assert [change.what for change in vms(root, unplaced(memory_mib=256), restart="when_needed").plan()] == ["VM ledger1: restart"]
    bring(root, unplaced(memory_mib=256), restart="when_needed")


def test_pinning_changes_while_it_runs(root: HostRoot) -> None:
    bring(root, unplaced())
    concern = vms(root, unplaced(pinning=Pinning(((2,),))))
    changes = concern.plan()
    assert [(change.current, change.wanted, change.needs) for change in changes] == [([1], [2], "nothing")]
    bring(root, unplaced(pinning=Pinning(((2,),))))


def test_a_guest_that_does_not_obey_keeps_running(root: HostRoot, libvirt: FakeLibvirt) -> None:
    bring(root, unplaced())
    libvirt.guest_obeys_shutdown = False
    concern = vms(root, Request("ledger1", "absent", None))
    with pytest.raises(Failure, match="it still runs 1 s after"):
        concern.apply(concern.plan())
    assert concern.facts()["vms"][0]["state"] == "running"
    bring(root, Request("ledger1", "absent", None), force=True, seconds=0)


def test_everything_that_is_wrong_is_said_at_once(root: HostRoot) -> None:
    nic = Nic("vhost_user", "52:54:00:00:00:01", "br-none", port="p", socket="/nowhere/p.sock")
    (pathlib.Path(root.path) / "sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages").write_text("10\n")
    (pathlib.Path(root.path) / HOOK.lstrip("/")).chmod(stat.S_IRUSR)
    with pytest.raises(Failures) as caught:
        vms(root, unplaced(nics=(nic,), kernel="/nowhere/vmlinuz", console_log="/nowhere/log", pinning=Pinning((), (9,), 0))).plan()
    assert messages(caught.value) == [
        "VM ledger1: boot from /nowhere/vmlinuz",
        "VM ledger1: console log /nowhere/log",
        "VM ledger1: CPU 9",
        "VM ledger1: a port on bridge br-none",
        "VM ledger1: a vhost-user NIC",
        "VM ledger1: a vhost-user socket in /nowhere",
        "VM ledger1: 64 free hugepages of 2048 KiB on NUMA node 0",
    ]


def test_mistakes_in_the_wish_are_said_at_once(root: HostRoot) -> None:
    same = Nic("ovs", "52:54:00:00:00:01", None, vlan=5000)
    with pytest.raises(Failures) as caught:
        vms(root, vm("a", nics=(same,), memory_mib=127), vm("b", nics=(same,), kernel=None, vcpus=2), Request("c", "running", None)).plan()
    assert messages(caught.value) == [
        "VM a: 127 MiB",
        "VM a: NIC 52:54:00:00:00:01 of kind ovs",
        "VM a: VLAN 5000",
        "VM b: vcpu_cpus",
        "VM b: a VM that can start",
        "VM b: NIC 52:54:00:00:00:01 of kind ovs",
        "VM b: VLAN 5000",
        "VM c: state running",
        "VM a and b: the MAC 52:54:00:00:00:01",
    ]


def test_a_cpu_outside_the_plan_is_refused(root: HostRoot) -> None:
    with pytest.raises(Failure, match="the plan gives VMs 1-2"):
        vms(root, unplaced(pinning=Pinning(((3,),)))).plan()


def test_a_pin_that_the_kernel_does_not_keep_is_found(root: HostRoot) -> None:
    concern = bring(root, unplaced())
    status = next(pathlib.Path(root.path).glob("proc/*/task/*/status"))
    status.write_text("Cpus_allowed_list:\t0-3\n")
    with pytest.raises(Failure, match="vCPU 0 on CPU 1"):
        concern.verify()


def test_what_someone_added_stays(root: HostRoot, libvirt: FakeLibvirt) -> None:
    bring(root, unplaced())
    domain = libvirt.open("qemu:///system").lookupByName("ledger1")
    element = ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    ET.SubElement(t.cast(ET.Element, element.find("devices")), "watchdog", model="i6300esb")
    libvirt.open("qemu:///system").defineXML(ET.tostring(element, encoding="unicode"))
    assert not vms(root, unplaced()).plan()
    bring(root, unplaced(memory_mib=256))
    assert "watchdog" in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)


def test_killed_anywhere_the_next_run_finishes(tmp_path: pathlib.Path, libvirt: FakeLibvirt) -> None:
    def make_root(path: pathlib.Path, hook: t.Callable[[int, str], None]) -> HostRoot:
        if not (path / "srv").exists():
            make_host(path)
        libvirt.hosts[""] = path
        return HostRoot(str(path), hook)

    (tmp_path / "kills").mkdir()
    boundaries = kill_at_every_boundary(
        tmp_path / "kills", make_root, lambda root: vms(root, unplaced("ledger1", autostart=True), unplaced("ledger2"))
    )
    assert boundaries == 5  # define, autostart, start; define, start
