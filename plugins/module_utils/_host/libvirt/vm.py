# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The VMs of one plain libvirt host: defined as wanted, pinned by the plan, running where they should, and never twice."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.cpus import format_list
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt import (
    connection,
    domain_definition,
    domain_xml,
    kvm,
    life_cycle,
    qemu_process,
    refusals,
)
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import completed, place

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.peers import Found, Peers
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import CpuPlan
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.vm_record import Request, Vm
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

NEVER, WHEN_NEEDED = "never", "when_needed"


@dataclasses.dataclass(frozen=True)
class StopPolicy:
    """C(restart): never or when_needed. C(seconds): how long a guest has to shut down. C(force): cut its power then."""

    restart: str = NEVER
    seconds: int = 60
    force: bool = False


@dataclasses.dataclass
class Definition:
    """A domain of this host. C(live) is None unless it runs."""

    domain: t.Any
    definition: str
    live: str | None
    autostart: bool


@dataclasses.dataclass
class Work:
    """What is to be done for one VM, in the order of the fields."""

    request: Request
    vm: Vm | None = None
    elsewhere: Found | None = None
    disks: list[t.Any] = dataclasses.field(default_factory=list)
    define: str | None = None
    pin: bool = False
    autostart: bool | None = None
    stop: bool = False
    start: bool = False
    undefine: bool = False


class Vms(Concern):
    """C(requests) are all VMs of the door's list. Where libvirt itself is not there yet, everything is predicted as missing."""

    def __init__(self, root: HostRoot, requests: t.Sequence[Request], cpu_plan: CpuPlan | None, peers: Peers, policy: StopPolicy) -> None:
        self._root = root
        self._requests = list(requests)
        self._cpu_plan = cpu_plan
        self._peers = peers
        self._policy = policy
        self._work: list[Work] = []

    # Planning

    def plan(self) -> ChangeSet:
        raise_all(refusals.of_the_wish(self._requests))
        changes, failures = ChangeSet(), []
        self._work = []
        with self._libvirt() as libvirt:
            others = self._other_domains(libvirt)
            taken = domain_xml.pinned_cpus(others.values())
            for request in self._requests:
                try:
                    self._work.append(self._plan_one(libvirt, request, taken, changes))
                except Failure as failure:
                    failures.append(failure)
            if libvirt:
                failures += self._refusals(others)
        raise_all(failures)
        return changes

    def _plan_one(self, libvirt: t.Any | None, request: Request, taken: set[int], changes: ChangeSet) -> Work:
        here = self._here(libvirt, request.name)
        work = Work(request)
        if request.state in ("absent", "stopped"):
            if here and here.live:
                work.stop = changes.compare(f"VM {request.name}: state", "running", request.state, "it is wanted so on this host")
            if here and request.state == "absent":
                work.undefine = True
                changes.compare(f"VM {request.name}: definition", "present", "absent", "it is wanted so on this host")
            if request.state == "absent" or request.vm is None:
                return work
        work.elsewhere = self._elsewhere(request, here) if libvirt else None
        if work.elsewhere or request.vm is None:
            return work
        vm = work.vm = self._resolved(request.vm, here, taken)
        taken.update(cpu for cpus in vm.pinning.vcpu_cpus for cpu in cpus)
        self._plan_disks(work, vm, changes)
        self._plan_definition(work, vm, here, changes)
        if request.state == "running":
            current = "running" if here and here.live else "stopped"
            work.start = changes.compare(f"VM {vm.name}: state", current, "running", "it is wanted so") or work.start
        return work

    def _plan_disks(self, work: Work, vm: Vm, changes: ChangeSet) -> None:
        for disk in vm.disks:
            if disk.size_gib and not self._root.exists(disk.path):
                work.disks.append(disk)
                changes.compare(f"VM {vm.name}: disk {disk.path}", None, f"{disk.size_gib} GiB, {disk.format}", "the image is not there")

    def _plan_definition(self, work: Work, vm: Vm, here: Definition | None, changes: ChangeSet) -> None:
        rendered = domain_definition.render(vm, here.definition if here else None)
        wanted = domain_xml.describe(rendered)
        if here is None:
            work.define = rendered
            changes.compare(f"VM {vm.name}: definition", None, wanted, "it is not on this host and on no peer")
            current_autostart = False
        else:
            current_autostart = here.autostart
            self._compare_definition(work, vm, here, rendered, wanted, changes)
        if changes.compare(f"VM {vm.name}: autostart", current_autostart, vm.autostart, "it is wanted so"):
            work.autostart = vm.autostart

    def _compare_definition(
        self, work: Work, vm: Vm, here: Definition, rendered: str, wanted: domain_xml.Description, changes: ChangeSet
    ) -> None:
        live = domain_xml.describe(here.live) if here.live else None
        restarting = self._policy.restart == WHEN_NEEDED
        stale = []
        defined = domain_xml.describe(here.definition)
        for what, current, value in domain_xml.differences(defined, wanted):
            needs = "nothing" if live is None or restarting or _is_pinning(what) else "service_restart"
            reason = "the definition says otherwise" + ("; in force after a restart of the VM" if needs != "nothing" else "")
            changes.compare(f"VM {vm.name}: {what}", current, value, reason, needs)
            work.define = rendered
            work.pin = work.pin or (live is not None and _is_pinning(what))
        if live is None:
            return
        for what, current, value in domain_xml.differences(live, wanted):
            if what == "cpu_model" and value in domain_xml.MODELS_BY_MODE:  # in the running domain libvirt has expanded it
                continue
            if not _is_pinning(what):
                stale.append(f"VM {vm.name}: {what} is still {current!r}, restart the VM")
            elif defined.get(what) == value:
                changes.compare(f"VM {vm.name}: {what}", current, value, "the running VM is pinned otherwise")
                work.pin = True
        if stale and restarting:
            work.stop = work.start = True
            changes.compare(f"VM {vm.name}: restart", "runs as it was defined before", "runs as it is defined", "; ".join(stale))
        elif not work.define:
            for reason in stale:
                changes.restart_pending(reason)

    def _resolved(self, vm: Vm, here: Definition | None, taken: set[int]) -> Vm:
        """Fill in what the host decides: emulation, a UUID that it has already, and what the plan gives."""
        if vm.emulation == "auto":
            vm = dataclasses.replace(vm, emulation="kvm" if kvm.works(self._root) else "qemu")
        if here:
            vm = dataclasses.replace(vm, uuid=domain_xml.describe(here.definition)["uuid"])
        plan = self._cpu_plan
        if plan is None:
            return vm
        if vm.hugepages_kib is None:
            vm = dataclasses.replace(vm, hugepages_kib=plan.hugepage_size_kib)
        if vm.pinning.vcpu_cpus:
            raise_all(refusals.outside_the_plan(vm, plan))
            return dataclasses.replace(vm, pinning=completed(plan, vm.pinning))
        current = domain_xml.pinning(here.definition) if here else None
        chosen = place(plan, vm.vcpus, vm.memory_mib if vm.hugepages_kib else 0, taken, current, vm.pinning.numa_node)
        if chosen is None:
            raise refusals.no_place(vm, plan, taken)
        return dataclasses.replace(vm, pinning=dataclasses.replace(chosen, emulator_cpus=vm.pinning.emulator_cpus or chosen.emulator_cpus))

    def _elsewhere(self, request: Request, here: Definition | None) -> Found | None:
        """The peer that has it. Only asked if it could matter: not for a VM that runs here."""
        if here and here.live:
            return None
        found = self._peers.find(request.name)
        if not found:
            return None
        if here and not any(peer.active for peer in found):
            return None
        hosts = ", ".join(peer.host for peer in found)
        if here or len(found) > 1:
            raise Failure(
                asked=f"VM {request.name}: {request.state} on this host",
                found=f"it is defined {'here and ' if here else ''}on {hosts}",
                where=hosts,
                remedy="keep it on one host: remove the definitions that are left over (state absent there)",
            )
        return found[0]

    def _refusals(self, others: dict[str, str]) -> list[Failure]:
        failures: list[Failure] = []
        values = {
            name: [*domain_xml.macs(xml), *domain_xml.sockets(xml), *(path for path, _format in domain_xml.disk_files(xml))]
            for name, xml in others.items()
        }
        touched = [work for work in self._work if work.vm and (work.define or work.pin or work.start)]
        for work in touched:
            failures += refusals.of_others(t.cast("Vm", work.vm), values)
            failures += refusals.of_the_host(self._root, t.cast("Vm", work.vm))
        starting = [work.vm for work in touched if work.vm and work.start and not work.stop]
        return failures + refusals.of_memory(self._root, starting)

    # Applying

    def apply(self, changes: ChangeSet) -> None:
        if not changes:
            return
        with connection.local() as libvirt:
            for work in self._work:
                self._apply_one(libvirt, work)

    def _apply_one(self, libvirt: t.Any, work: Work) -> None:
        name = work.request.name
        for disk in work.disks:
            self._make_disk(libvirt, name, disk)
        if work.define:
            self._root.boundary(f"define VM {name}")
            with connection.reported(f"define VM {name}", name, "mend what libvirt names"):
                libvirt.defineXML(work.define)
        domain = connection.domain(libvirt, name)
        if domain is None:
            return
        if work.pin and work.vm:
            self._pin(domain, work.vm)
        if work.autostart is not None:
            self._root.boundary(f"set autostart of VM {name}")
            with connection.reported(f"set autostart of VM {name}", name):
                domain.setAutostart(int(work.autostart))
        if work.stop:
            self._root.boundary(f"stop VM {name}")
            life_cycle.stop(domain, name, self._policy.seconds, self._policy.force)
        if work.start:
            self._root.boundary(f"start VM {name}")
            life_cycle.start(domain, name)
        if work.undefine:
            self._root.boundary(f"undefine VM {name}")
            life_cycle.undefine(domain, name)

    def _make_disk(self, libvirt: t.Any, name: str, disk: t.Any) -> None:
        """libvirt makes the image in the pool of that directory, so a kill of this process leaves no half image."""
        directory, _slash, file = disk.path.rpartition("/")
        volume = f"<volume><name>{file}</name><capacity unit='GiB'>{disk.size_gib}</capacity><target><format type='{disk.format}'/></target></volume>"
        self._root.boundary(f"make disk {disk.path}")
        with connection.reported(
            f"make disk {disk.path} for VM {name}", directory, "have a storage pool on that directory: role libvirt_host"
        ):
            pool = libvirt.storagePoolLookupByTargetPath(directory)
            pool.refresh(0)  # it remembers images that someone removed behind its back
            pool.createXML(volume, 0)

    def _pin(self, domain: t.Any, vm: Vm) -> None:
        libvirt = connection.binding()
        flags = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG
        cpus = len(domain.connect().getCPUMap()[1])
        everywhere = tuple(range(cpus))
        self._root.boundary(f"pin VM {vm.name}")
        with connection.reported(f"pin VM {vm.name} to CPUs {vm.pinning.vcpu_cpus}", vm.name):
            for vcpu in range(vm.vcpus):
                wanted = vm.pinning.vcpu_cpus[vcpu] if vm.pinning.vcpu_cpus else everywhere
                domain.pinVcpuFlags(vcpu, tuple(cpu in wanted for cpu in everywhere), flags)
            emulator = vm.pinning.emulator_cpus or everywhere
            domain.pinEmulator(tuple(cpu in emulator for cpu in everywhere), flags)

    # Verifying

    def verify(self) -> None:
        failures = []
        for work in self._work:
            if work.vm and work.request.state == "running":
                failures += qemu_process.faults(self._root, self._as_it_runs(work.vm))
        raise_all(failures)

    def _as_it_runs(self, vm: Vm) -> Vm:
        """Memory as the running VM was defined: a larger one waits for its restart, which is no fault."""
        with self._libvirt() as libvirt:
            here = self._here(libvirt, vm.name)
        live = domain_xml.describe(here.live) if here and here.live else None
        return vm if live is None else dataclasses.replace(vm, memory_mib=live["memory_mib"], hugepages_kib=live["hugepages_kib"])

    def facts(self) -> dict[str, t.Any]:
        rows = []
        with self._libvirt() as libvirt:
            for work in self._work:
                here = self._here(libvirt, work.request.name)
                state = "absent" if here is None else "running" if here.live else "stopped"
                rows.append(
                    {
                        "name": work.request.name,
                        "uuid": domain_xml.describe(here.definition)["uuid"] if here else None,
                        "state": state,
                        "found_on": work.elsewhere.host if work.elsewhere else None,
                        "vcpu_cpus": [format_list(cpus) for cpus in domain_xml.pinning(here.live or here.definition).vcpu_cpus]
                        if here
                        else [],
                        "ports": domain_xml.port_names(here.definition) if here else [],
                    }
                )
        return {"vms": rows}

    # Reading

    @contextlib.contextmanager
    def _libvirt(self) -> t.Iterator[t.Any | None]:
        """The connection, or None on a host whose libvirt does not run yet and has no VM of ours."""
        if any(self._root.exists(socket) for socket in connection.SOCKETS):
            with connection.local() as libvirt:
                yield libvirt
            return
        known = [request.name for request in self._requests if self._root.exists(f"/etc/libvirt/qemu/{request.name}.xml")]
        if known:
            raise Failure(
                asked=f"read VM {', '.join(known)}",
                found="it is defined, but libvirtd does not run",
                where="/etc/libvirt/qemu",
                remedy="start libvirtd: role libvirt_host",
            )
        yield None

    def _here(self, libvirt: t.Any | None, name: str) -> Definition | None:
        domain = connection.domain(libvirt, name) if libvirt else None
        if domain is None:
            return None
        inactive = connection.binding().VIR_DOMAIN_XML_INACTIVE
        with connection.reported(f"read VM {name}", name):
            live = domain.XMLDesc(0) if domain.isActive() else None
            return Definition(domain, domain.XMLDesc(inactive), live, bool(domain.isPersistent() and domain.autostart()))

    def _other_domains(self, libvirt: t.Any | None) -> dict[str, str]:
        """The definitions of all VMs of this host that are not in the list."""
        if libvirt is None:
            return {}
        ours = {request.name for request in self._requests}
        inactive = connection.binding().VIR_DOMAIN_XML_INACTIVE
        with connection.reported("list the VMs of this host", connection.LOCAL):
            return {domain.name(): domain.XMLDesc(inactive) for domain in libvirt.listAllDomains() if domain.name() not in ours}


def _is_pinning(what: str) -> bool:
    return what.startswith("cpus of vCPU ") or what == "emulator_cpus"
