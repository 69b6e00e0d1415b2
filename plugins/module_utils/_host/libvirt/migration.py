# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""One VM moved live to another host: found wherever it is, moved once, checked on both sides."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.cpus import format_list
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt import connection, domain_definition, domain_xml
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.migration_job import (
    Job,
    is_incoming,
    migrating,
    state_name,
)
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.migration_record import figures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.preflight import Preflight

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.migration_record import Wanted
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import Pinning
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

MOVE, FOLLOW, TIDY, NOTHING = "move", "follow", "tidy", "nothing"


class Migration(Concern):
    """The VM C(wanted.name) shall run on C(wanted.target). Runs on the host that has it, or had it."""

    def __init__(self, root: HostRoot, wanted: Wanted) -> None:
        self._root = root
        self._wanted = wanted
        self._here = root.read_optional("/proc/sys/kernel/hostname") or "this host"
        self._destination: Pinning | None = None
        self._action = NOTHING
        self._outcome = "already_there"
        self._disks_left: list[str] = []
        self._job: Job | None = None

    # Planning

    def plan(self) -> ChangeSet:
        raise_all(self._mistakes())
        changes = ChangeSet()
        with self._both() as (source, target):
            with self._reading():
                if domain_xml.host_uuid(source.getCapabilities()) == domain_xml.host_uuid(target.getCapabilities()):
                    found = "it is this host, or claims the same UUID"
                    raise self._failure(
                        "another host", found, "name another target, or set host_uuid_source in libvirtd.conf (role libvirt_host)"
                    )
            here, there = self._look(source, target)
            with self._reading():
                if self._action == MOVE:
                    self._plan_move(source, target, here, changes)
                elif self._action == FOLLOW:
                    reason = "a migration is under way: it is followed to its end"
                    changes.compare(self._what("host"), self._here, self._wanted.target, reason)
                elif self._action == TIDY:
                    changes.compare(self._what(f"definition on {self._here}"), "left over", "absent", "the VM runs on the target")
                if self._action in (TIDY, NOTHING):
                    self._plan_autostart(there, changes)
        return changes

    def _look(self, source: t.Any, target: t.Any) -> tuple[t.Any | None, t.Any | None]:
        """Where the VM is, and what that means. Looks once more when it leaves between two questions: a migration under way just ended."""
        libvirt = connection.binding()
        with self._reading():
            try:
                here, there = connection.domain(source, self._wanted.name), connection.domain(target, self._wanted.name)
                self._action = self._decide(here, there)
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise
                here, there = connection.domain(source, self._wanted.name), connection.domain(target, self._wanted.name)
                self._action = self._decide(here, there)
        return here, there

    def _reading(self) -> t.ContextManager[None]:
        return connection.reported(f"read VM {self._wanted.name} on both hosts", f"{self._here}, {self._wanted.target}")

    def _mistakes(self) -> list[Failure]:
        wanted = self._wanted
        numbers = {
            "deadline_seconds": wanted.deadline_seconds,
            "prepare_seconds": wanted.prepare_seconds,
            "max_downtime_ms": wanted.max_downtime_ms,
            "bandwidth_mib": wanted.bandwidth_mib,
            "connections": wanted.connections,
        }
        mistakes = [
            self._failure(f"{name}: {value}", "not above 0", "say a number above 0")
            for name, value in numbers.items()
            if value is not None and value <= 0
        ]
        if wanted.transport == "tcp" and wanted.encrypt:
            mistakes.append(
                self._failure(
                    "encrypt with transport tcp",
                    "libvirt's own traffic would be in clear text",
                    "use tls or ssh, or set encrypt to false in a lab",
                )
            )
        if wanted.convergence == "post_copy" and wanted.copy_storage != "none":
            mistakes.append(
                self._failure("post_copy with copy_storage", "libvirt copies no disks once the VM runs on the target", "choose one of them")
            )
        if wanted.convergence == "post_copy" and wanted.connections > 1:
            mistakes.append(self._failure("post_copy over several connections", "QEMU cannot do both", "choose one of them"))
        return mistakes

    def _decide(self, here: t.Any | None, there: t.Any | None) -> str:
        """What is to be done, from where the VM is. Refuses what no migration can mend."""
        runs_here, active_there = bool(here and here.isActive()), bool(there and there.isActive())
        if here is not None and migrating(here):
            if active_there:  # received, or just arrived while libvirt is still putting the source's end away
                return FOLLOW
            raise self._failure(
                "migrate it", f"it is being migrated, but {self._wanted.target} does not receive it", "wait for that migration, or abort it"
            )
        if runs_here and active_there and not is_incoming(there):
            raise self._failure(
                "one running VM",
                f"it is active on {self._here} and on {self._wanted.target}",
                "stop one of them at once: both write to the same data",
            )
        if runs_here and active_there:
            raise self._failure(
                "an idle target",
                f"{self._wanted.target} still receives it from a migration that has failed",
                "wait until libvirt there has given up, or destroy the paused VM there",
            )
        if here is None or not runs_here:
            if active_there:
                return NOTHING if here is None else TIDY
            places = [host for host, domain in ((self._here, here), (self._wanted.target, there)) if domain]
            found = f"it is stopped on {' and on '.join(places)}" if places else f"neither {self._here} nor {self._wanted.target} has it"
            raise self._failure("a running VM", found, "start it, or run this on the host that has it")
        connected = connection.binding()
        if here.state()[0] != connected.VIR_DOMAIN_RUNNING:
            raise self._failure("a running VM", f"it is {state_name(here)} on {self._here}", "resume it first")
        if here.jobInfo()[0] != connected.VIR_DOMAIN_JOB_NONE:
            raise self._failure(
                "a VM that is free to move", "libvirt is busy with it (backup, snapshot or dump)", "wait for that job to end"
            )
        return MOVE

    def _plan_move(self, source: t.Any, target: t.Any, here: t.Any, changes: ChangeSet) -> None:
        live = here.XMLDesc(0)
        self._destination, failures = Preflight(self._root, self._wanted, source, target, live).run()
        raise_all(failures)
        changes.compare(self._what("host"), self._here, self._wanted.target, "it is wanted there")
        if self._destination:
            now, then = domain_xml.pinning(live), self._destination
            reason = "these are its own on the target"
            changes.compare(
                self._what("CPUs"), [format_list(cpus) for cpus in now.vcpu_cpus], [format_list(cpus) for cpus in then.vcpu_cpus], reason
            )
            changes.compare(
                self._what("CPUs of QEMU's other threads"), format_list(now.emulator_cpus), format_list(then.emulator_cpus), reason
            )
            changes.compare(self._what("NUMA node"), now.numa_node, then.numa_node, reason)

    def _plan_autostart(self, there: t.Any, changes: ChangeSet) -> None:
        """libvirt does not carry autostart along; our note in the domain says what it was."""
        noted = domain_xml.wants_autostart(there.XMLDesc(0))
        if noted is not None and there.isPersistent():
            changes.compare(
                self._what(f"autostart on {self._wanted.target}"), bool(there.autostart()), noted, "autostart moves along with the VM"
            )

    # Applying

    def apply(self, changes: ChangeSet) -> None:
        if not changes:
            return
        name = self._wanted.name
        with self._both() as (source, target):
            here = connection.domain(source, name)
            if self._action == TIDY and here is not None:
                self._root.boundary(f"undefine VM {name}")
                with connection.reported(f"undefine VM {name} on {self._here}", self._here):
                    here.undefine()
            elif self._action in (MOVE, FOLLOW):
                self._root.boundary(f"migrate VM {name} to {self._wanted.target}")
                self._move(source, target, here)
            self._set_autostart(target)

    def _move(self, source: t.Any, target: t.Any, here: t.Any) -> None:
        job = self._job = Job(self._wanted, source, target, here, self._here)
        if self._action == FOLLOW:
            job.follow()
            self._outcome = "followed"
            there = connection.domain(target, self._wanted.name)
            if there is None or not there.isActive() or is_incoming(there):
                raise job.left("the migration that was under way failed or was aborted")
            return
        with connection.reported(f"read VM {self._wanted.name}", self._here):
            libvirt = connection.binding()
            live = here.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE)
            persistent = here.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)
            self._disks_left = [path for path, _format in domain_xml.disk_files(live)] if self._wanted.copy_storage != "none" else []
        place = self._destination
        if place is None:
            job.run(None, None)
        else:
            job.run(*(domain_definition.with_pinning(xml, place) for xml in (live, persistent)))
        self._outcome = "migrated"

    def _set_autostart(self, target: t.Any) -> None:
        there = connection.domain(target, self._wanted.name)
        if there is None:
            return
        with connection.reported(f"set autostart of VM {self._wanted.name} on {self._wanted.target}", self._wanted.target):
            noted = domain_xml.wants_autostart(there.XMLDesc(0))
            if noted is not None and bool(there.autostart()) != noted:
                self._root.boundary(f"set autostart of VM {self._wanted.name} on {self._wanted.target}")
                there.setAutostart(int(noted))

    # Verifying

    def verify(self) -> None:
        """The target runs it, for good, on the CPUs it should; the source has forgotten it."""
        failures = []
        with self._both() as (source, target):
            here, there = connection.domain(source, self._wanted.name), connection.domain(target, self._wanted.name)
            with connection.reported(f"check VM {self._wanted.name} on {self._wanted.target}", self._wanted.target):
                if here is not None:
                    failures.append(
                        self._failure(
                            f"nothing left of it on {self._here}", f"it is {state_name(here)} there", "look at it before you start anything"
                        )
                    )
                if there is None or there.state()[0] != connection.binding().VIR_DOMAIN_RUNNING:
                    failures.append(
                        self._failure(
                            "running on the target", "absent" if there is None else state_name(there), "look at libvirtd's journal there"
                        )
                    )
                else:
                    if not there.isPersistent():
                        failures.append(
                            self._failure("defined on the target", "it runs there, but its definition would be lost", "define it there")
                        )
                    failures += self._misplaced(there)
        raise_all(failures)

    def _misplaced(self, there: t.Any) -> list[Failure]:
        if self._destination is None:
            return []
        maps = there.vcpus()[1]
        actual = [tuple(cpu for cpu, allowed in enumerate(one) if allowed) for one in maps]
        return [
            self._failure(
                f"vCPU {vcpu} on CPU {format_list(cpus)}",
                f"it may run on {format_list(actual[vcpu])}",
                "look at what else moves threads there",
            )
            for vcpu, cpus in enumerate(self._destination.vcpu_cpus)
            if actual[vcpu] != cpus
        ]

    def facts(self) -> dict[str, t.Any]:
        journal = self._job.journal if self._job else None
        return {
            "migration": {
                "name": self._wanted.name,
                "source": self._here,
                "target": self._wanted.target,
                "outcome": self._outcome if self._job or self._action in (NOTHING, TIDY) else "predicted",
                "disks_left_on_source": self._disks_left,
                "started_at": journal.started_at if journal else None,
                "timeline": sorted(journal.timeline, key=lambda event: event["seconds"]) if journal else [],
                "progress": journal.progress if journal else [],
                **self._figures(),
            }
        }

    def _figures(self) -> dict[str, t.Any]:
        """Of the migration that brought it to the target, be it of an earlier run: libvirt there keeps them, and they are left there to read."""
        libvirt = connection.binding()
        with self._both() as (_source, target):
            there = connection.domain(target, self._wanted.name)
            stats = {}
            with contextlib.suppress(
                libvirt.libvirtError
            ):  # for instance because libvirtd there was restarted: then nobody knows them any more
                if there is not None and there.isActive() and not is_incoming(there):
                    stats = there.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED | libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED)
            return figures(stats if stats.get("operation") == libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN else {})

    # Around

    @contextlib.contextmanager
    def _both(self) -> t.Iterator[tuple[t.Any, t.Any]]:
        with (
            connection.local() as source,
            connection.remote(self._wanted.target, self._wanted.transport, f"migrate VM {self._wanted.name}") as target,
        ):
            yield source, target

    def _what(self, thing: str) -> str:
        return f"VM {self._wanted.name}: {thing}"

    def _failure(self, asked: str, found: str, remedy: str) -> Failure:
        return Failure(asked=self._what(asked), found=found, where=f"{self._here}, {self._wanted.target}", remedy=remedy)
