# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What stands in the way of a migration, asked of both hosts before anything moves. Reads only, and reports everything at once."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.cpus import format_list
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt import connection, cpu_model, domain_xml, placement

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.migration_record import Wanted
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import Pinning
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

# What libvirt itself counts as shared (virfile.c, virFileIsSharedFSType): an image there is seen by both hosts.
SHARED_FILE_SYSTEMS = (
    "nfs",
    "nfs4",
    "gfs2",
    "ocfs2",
    "afs",
    "smb3",
    "cifs",
    "ceph",
    "fuse.ceph",
    "fuse.glusterfs",
    "gpfs",
    "fuse.quobyte",
    "beegfs",
    "lustre",
)


class Preflight:
    """One VM, its host and its target. C(live_xml) is the running domain."""

    def __init__(self, root: HostRoot, wanted: Wanted, source: t.Any, target: t.Any, live_xml: str) -> None:
        self._root = root
        self._wanted = wanted
        self._source = source
        self._target = target
        self._xml = live_xml
        self._vm = domain_xml.describe(live_xml)
        self._failures: list[Failure] = []

    def run(self) -> tuple[Pinning | None, list[Failure]]:
        """The place on the target (None if it keeps the pinning that it has) and everything that stands in the way."""
        with connection.reported(f"ask {self._wanted.target} whether VM {self._wanted.name} can run there", self._wanted.target):
            if domain_xml.has_passed_through_devices(self._xml):
                self._fail("live migration", "a host device is passed through to it", "take the device out first, or stop the VM")
            obstacle = cpu_model.obstacle(self._source, self._target, self._xml)
            if obstacle:
                self._fail(
                    "the CPU that the guest knows", obstacle, "choose a target with such a CPU, or give the VM a CPU model that both have"
                )
            others = self._others()
            destination = self._destination(others)
            self._memory(destination)
            self._disks()
            self._clashes(others)
        return destination, self._failures

    def _fail(self, asked: str, found: str, remedy: str) -> None:
        self._failures.append(
            Failure(
                asked=f"VM {self._wanted.name} on {self._wanted.target}: {asked}", found=found, where=self._wanted.target, remedy=remedy
            )
        )

    def _others(self) -> dict[str, str]:
        return {domain.name(): domain.XMLDesc(0) for domain in self._target.listAllDomains() if domain.name() != self._wanted.name}

    # Processors

    def _destination(self, others: t.Mapping[str, str]) -> Pinning | None:
        """Where it will run; None if it keeps the CPU numbers that it has."""
        vcpus, plan = self._vm["vcpus"], self._wanted.plan
        place = self._wanted.pinning
        if place is None and plan is None:
            current = domain_xml.pinning(self._xml)
            self._online({cpu for cpus in current.vcpu_cpus for cpu in cpus} | set(current.emulator_cpus))
            return None
        if place is None and plan is not None:
            taken = domain_xml.pinned_cpus(others.values())
            place = placement.place(plan, vcpus, self._vm["memory_mib"] if self._vm["hugepages_kib"] else 0, taken)
            if place is None:
                busy = f", and other VMs have {format_list(plan.cpus & taken)}" if plan.is_dedicated and plan.cpus & taken else ""
                self._fail(
                    f"{vcpus} vCPUs on one NUMA node",
                    f"its plan gives VMs {plan}{busy}",
                    "move or stop a VM there, or change its host profile",
                )
                return placement.Pinning()
        place = t.cast(placement.Pinning, place)
        if place.vcpu_cpus and len(place.vcpu_cpus) != vcpus:
            self._fail(f"target_pinning with {len(place.vcpu_cpus)} CPU lists", f"the VM has {vcpus} vCPUs", "say one CPU list per vCPU")
        self._online({cpu for cpus in place.vcpu_cpus for cpu in cpus} | set(place.emulator_cpus))
        return place

    def _online(self, cpus: set[int]) -> None:
        online = {cpu for cpu, there in enumerate(self._target.getCPUMap()[1]) if there}
        if cpus - online:
            self._fail(
                f"CPU {format_list(cpus - online)}",
                f"online are {format_list(online)}",
                "say target_pinning with CPUs of the target's plan",
            )

    # Memory

    def _memory(self, destination: Pinning | None) -> None:
        node = destination.numa_node if destination else self._vm["numa_node"]
        size, memory_mib = self._vm["hugepages_kib"], self._vm["memory_mib"]
        where = "" if node is None else f" on NUMA node {node}"
        libvirt = connection.binding()
        if size:
            try:
                nodes = self._target.getFreePages([size], -1 if node is None else node, 1)
            except libvirt.libvirtError as error:
                self._fail(
                    f"hugepages of {size} KiB{where}",
                    connection.said(error),
                    "give the target such pages (role host_tuning), or name another node",
                )
                return
            free, needed = int(next(iter(nodes.values()))[size]), -(-memory_mib * 1024 // size)
            if free < needed:
                self._fail(
                    f"{needed} free hugepages of {size} KiB{where}",
                    f"{free} are free",
                    "give the target more pages, or move a VM away from it",
                )
            return
        free_mib = int(self._target.getFreeMemory() >> 20 if node is None else self._target.getCellsFreeMemory(node, 1)[0] >> 20)
        if free_mib < memory_mib:
            self._fail(f"{memory_mib} MiB of memory{where}", f"{free_mib} MiB are free", "move a VM away from the target")

    # Storage

    def _disks(self) -> None:
        files = domain_xml.disk_files(self._xml)
        libvirt = connection.binding()
        for path, _format in files:
            file_system = self._file_system(path)
            if self._wanted.copy_storage == "none":
                if file_system not in SHARED_FILE_SYSTEMS:
                    found = f"it lies on a file system of this host alone ({file_system})"
                    self._fail(f"disk {path}", found, "set copy_storage, or put the image on storage that both hosts see")
                continue
            directory = path.rpartition("/")[0]
            try:
                pool = self._target.storagePoolLookupByTargetPath(directory)
                state, _capacity, _allocation, available = pool.info()
                needed = self._domain_block_capacity(path)
            except libvirt.libvirtError as error:
                self._fail(f"a copy of disk {path}", connection.said(error), f"make a storage pool on {directory} there: role libvirt_host")
                continue
            if state != libvirt.VIR_STORAGE_POOL_RUNNING:
                self._fail(f"a copy of disk {path}", f"storage pool {pool.name()} is not started", "start the pool")
            elif available < needed:
                self._fail(f"{needed >> 20} MiB for a copy of disk {path}", f"{available >> 20} MiB are free", "free space in that pool")

    def _domain_block_capacity(self, path: str) -> int:
        """The size that the guest sees: a copy is fully allocated."""
        return int(self._source.lookupByName(self._wanted.name).blockInfo(path)[0])

    def _file_system(self, path: str) -> str:
        """Type of the file system that holds the path, from mountinfo (proc(5)): the longest mount point wins."""
        best, kind = "", "unknown"
        for line in (self._root.read_optional("/proc/self/mountinfo") or "").splitlines():
            fields, _dash, rest = line.partition(" - ")
            mount = fields.split()[4]
            if (path == mount or path.startswith(mount.rstrip("/") + "/")) and len(mount) >= len(best):
                best, kind = mount, rest.split()[0]
        return kind

    # Network

    def _clashes(self, others: t.Mapping[str, str]) -> None:
        ours = {*domain_xml.macs(self._xml), *domain_xml.sockets(self._xml)}
        for other, xml in sorted(others.items()):
            for value in sorted(ours & {*domain_xml.macs(xml), *domain_xml.sockets(xml)}):
                self._fail(value, f"VM {other} has it there", "give each VM its own")
