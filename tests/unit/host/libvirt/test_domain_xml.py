# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

from hypothesis import given, settings

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt import domain_xml
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.domain_definition import render, with_pinning
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import Pinning
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.vm_record import Vm
from ansible_collections.baremetal.vmsite.tests.unit.host.libvirt.vms import any_vm, vm

# What libvirt 9.0 makes of such a definition: canonical machine, addresses, devices of its own, a console beside the serial port.
FROM_LIBVIRT = """
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>ledger1</name>
  <uuid>c50cd316-5083-5614-ac66-e4f6e458649e</uuid>
  <metadata xmlns:vmsite="https://vmsite.internal/libvirt/1" xmlns:other="urn:other">
    <other:note>keep me</other:note>
    <vmsite:ports autostart="no">
      <vmsite:port name="vhost-ledger1-0" bridge="br-data" socket="/var/lib/vhost_sockets/ledger1-0.sock" mac="52:54:00:f1:e8:db"/>
    </vmsite:ports>
  </metadata>
  <memory unit='KiB'>131072</memory>
  <currentMemory unit='KiB'>131072</currentMemory>
  <memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages><access mode='shared'/></memoryBacking>
  <vcpu placement='static'>1</vcpu>
  <cputune><vcpupin vcpu='0' cpuset='1'/><emulatorpin cpuset='0'/></cputune>
  <numatune><memory mode='strict' nodeset='0'/></numatune>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><kernel>/srv/guest/vmlinuz</kernel><boot dev='hd'/></os>
  <features><acpi/><apic/></features>
  <cpu mode='custom' match='exact' check='none'><model fallback='allow'>Nehalem</model>
    <numa><cell id='0' cpus='0' memory='131072' unit='KiB' memAccess='shared'/></numa></cpu>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' index='0' model='none'/>
    <interface type='vhostuser'><mac address='52:54:00:f1:e8:db'/>
      <source type='unix' path='/var/lib/vhost_sockets/ledger1-0.sock' mode='server'/><model type='virtio'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></interface>
    <serial type='pty'><target type='isa-serial' port='0'><model name='isa-serial'/></target></serial>
    <console type='pty'><target type='serial' port='0'/></console>
    <watchdog model='i6300esb' action='reset'/>
    <memballoon model='none'/>
  </devices>
  <qemu:override><qemu:device alias='net0'>
    <qemu:frontend><qemu:property name='vectors' type='unsigned' value='0'/></qemu:frontend></qemu:device></qemu:override>
</domain>
"""


def test_libvirts_own_writing_of_it_is_no_difference() -> None:
    wanted = domain_xml.describe(render(vm(), FROM_LIBVIRT))
    assert domain_xml.differences(domain_xml.describe(FROM_LIBVIRT), wanted) == []


def test_the_cpu_that_libvirt_chose_is_kept_if_none_is_asked_for() -> None:
    assert domain_xml.describe(render(vm(cpu_model=None), FROM_LIBVIRT))["cpu_model"] == "Nehalem"
    assert domain_xml.describe(render(vm(cpu_model="host-model"), FROM_LIBVIRT))["cpu_model"] == "host-model"


def test_what_is_not_ours_is_kept() -> None:
    written = ET.fromstring(render(vm(memory_mib=256), FROM_LIBVIRT))
    assert written.find("devices/watchdog") is not None
    assert written.findtext("metadata/{urn:other}note") == "keep me"
    assert written.find("devices/interface/address") is not None
    assert len(written.findall("devices/interface")) == 1
    assert len(written.findall("devices/serial")) == 1
    assert written.find("os/type").get("machine") == "pc-q35-7.2"  # type: ignore[union-attr]


def test_a_change_is_found_by_its_name() -> None:
    wanted = domain_xml.describe(render(vm(memory_mib=256, pinning=Pinning(((2, 3),), (0,), 0)), FROM_LIBVIRT))
    assert domain_xml.differences(domain_xml.describe(FROM_LIBVIRT), wanted) == [
        ("memory_mib", 128, 256),
        ("cpus of vCPU 0", [1], [2, 3]),
    ]


def test_a_nic_that_goes_takes_its_port_along() -> None:
    written = render(vm(nics=()), FROM_LIBVIRT)
    assert domain_xml.port_names(written) == []
    assert domain_xml.sockets(written) == []
    assert "vectors" not in written


def test_msix_is_left_alone_under_kvm() -> None:
    assert "vectors" in render(vm(emulation="qemu"))
    assert "vectors" not in render(vm(emulation="kvm"))


def test_the_switch_can_write_into_the_guests_memory_also_without_hugepages() -> None:
    written = ET.fromstring(render(vm(hugepages_kib=None)))
    assert written.find("memoryBacking/source").get("type") == "memfd"  # type: ignore[union-attr]
    assert written.find("cpu/numa/cell").get("memAccess") == "shared"  # type: ignore[union-attr]


@given(any_vm())
def test_everything_that_is_asked_can_be_read_back(asked: Vm) -> None:
    xml = render(asked)
    read = domain_xml.describe(xml)
    assert (read["uuid"], read["emulation"], read["memory_mib"], read["vcpus"]) == (
        asked.uuid,
        asked.emulation,
        asked.memory_mib,
        asked.vcpus,
    )
    assert (read["machine"], read["cpu_model"], read["hugepages_kib"]) == (asked.machine, asked.cpu_model, asked.hugepages_kib)
    assert (read["kernel"], read["cmdline"], read["console_log"]) == (asked.kernel, asked.cmdline, asked.console_log)
    assert domain_xml.pinning(xml) == asked.pinning
    assert domain_xml.wants_autostart(xml) == asked.autostart
    assert domain_xml.disk_files(xml) == [(disk.path, disk.format) for disk in asked.disks]
    for nic in asked.nics:
        of_this = read[f"NIC {nic.mac}"]
        assert (of_this["kind"], of_this["vlan"]) == (nic.kind, nic.vlan)
        assert of_this.get("pci") == nic.pci
        if nic.kind == "vhost_user":
            assert (of_this["port"], of_this["socket"], of_this["bridge"]) == (nic.port, nic.socket, nic.bridge)
    assert domain_xml.port_names(xml) == [nic.port for nic in asked.nics if nic.port]


@settings(max_examples=40)
@given(any_vm(), any_vm())
def test_any_definition_can_become_any_other_and_then_stays(first: Vm, second: Vm) -> None:
    second = dataclasses.replace(second, machine=first.machine, cpu_model=second.cpu_model or first.cpu_model)
    rewritten = render(second, render(first))
    assert domain_xml.differences(domain_xml.describe(rewritten), domain_xml.describe(render(second))) == []
    assert render(second, rewritten) == rewritten


@settings(max_examples=40)
@given(any_vm(), any_vm())
def test_a_move_changes_the_pinning_and_nothing_else(moved: Vm, other: Vm) -> None:
    place = Pinning(((5,),) * moved.vcpus if other.pinning.vcpu_cpus else (), other.pinning.emulator_cpus, other.pinning.numa_node)
    assert domain_xml.describe(with_pinning(render(moved), place)) == domain_xml.describe(render(dataclasses.replace(moved, pinning=place)))
