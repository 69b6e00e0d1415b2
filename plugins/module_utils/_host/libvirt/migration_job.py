# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""One running migration: started, watched, and ended at its deadline with the VM still running at its source.

The source's libvirtd drives it ("peer to peer"): if this process is killed, the migration goes on to its own end, and the next run finds it.
"""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt import connection
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.migration_record import Journal, Wanted

POLL_SECONDS = 0.1
# After an abort: libvirt cancels at once, or waits for a target that no longer answers until its own keepalive (5 times 5 s, twice) gives up.
CANCEL_SECONDS, GIVE_UP_SECONDS = 5, 60


class Job:
    """C(source) and C(target) are connections of ours, C(domain) is the VM at its source. C(here) names this host in messages."""

    def __init__(self, wanted: Wanted, source: t.Any, target: t.Any, domain: t.Any, here: str) -> None:
        self._wanted = wanted
        self._source = source
        self._target = target
        self._domain = domain
        self._here = here
        self._libvirt = connection.binding()
        self._begun = time.monotonic()
        self.journal = Journal(time.time())
        self._error: Exception | None = None
        self._post_copy_asked = False

    def run(self, target_xml: str | None, persistent_xml: str | None) -> None:
        """Migrate. Raises Failure if the VM did not arrive; what became of it is in the message."""
        with self._events():
            self.journal.note("asked", time.time(), self._seconds)
            self._set_max_downtime()
            call = threading.Thread(target=self._call, args=(self._parameters(target_xml, persistent_xml),), daemon=True)
            call.start()
            self._watch(call.is_alive, call.join)
            if call.is_alive():
                raise self.left(f"libvirt did not end it within {GIVE_UP_SECONDS} s after the abort")
            if self._error is None:
                self.journal.note("done", time.time(), self._seconds)
                return
        raise self.left(connection.said(self._error)) from self._error

    def follow(self) -> None:
        """Watch a migration that an earlier run started. Where the VM ends up is for the caller to see."""
        with self._events():
            self.journal.note("found under way", time.time(), self._seconds)
            self._watch(lambda: migrating(self._domain), time.sleep)
            self.journal.note("done", time.time(), self._seconds)

    # Starting

    def _call(self, parameters: dict[str, t.Any]) -> None:
        wanted = self._wanted
        try:
            self._domain.migrateToURI3(connection.uri(wanted.target, wanted.transport), parameters, self._flags())
        except self._libvirt.libvirtError as error:
            self._error = error

    def _flags(self) -> int:
        libvirt, wanted = self._libvirt, self._wanted
        flags = (
            libvirt.VIR_MIGRATE_LIVE
            | libvirt.VIR_MIGRATE_PEER2PEER
            | libvirt.VIR_MIGRATE_PERSIST_DEST
            | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
            | libvirt.VIR_MIGRATE_ABORT_ON_ERROR
        )
        choices = (
            (wanted.encrypt, libvirt.VIR_MIGRATE_TLS),
            (wanted.convergence == "auto_converge", libvirt.VIR_MIGRATE_AUTO_CONVERGE),
            (wanted.convergence == "post_copy", libvirt.VIR_MIGRATE_POSTCOPY),
            (wanted.copy_storage == "all", libvirt.VIR_MIGRATE_NON_SHARED_DISK),
            (wanted.copy_storage == "incremental", libvirt.VIR_MIGRATE_NON_SHARED_INC),
            (wanted.connections > 1, libvirt.VIR_MIGRATE_PARALLEL),
        )
        for chosen, flag in choices:
            flags |= flag if chosen else 0
        return int(flags)

    def _parameters(self, target_xml: str | None, persistent_xml: str | None) -> dict[str, t.Any]:
        libvirt, wanted = self._libvirt, self._wanted
        parameters = {
            libvirt.VIR_MIGRATE_PARAM_DEST_XML: target_xml,
            libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: persistent_xml,
            libvirt.VIR_MIGRATE_PARAM_BANDWIDTH: wanted.bandwidth_mib,
            libvirt.VIR_MIGRATE_PARAM_URI: f"tcp://{wanted.migration_address}" if wanted.migration_address else None,
            libvirt.VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS: wanted.connections if wanted.connections > 1 else None,
        }
        return {key: value for key, value in parameters.items() if value is not None}

    def _set_max_downtime(self) -> None:
        if self._wanted.max_downtime_ms is not None:
            with connection.reported(f"set the longest pause of VM {self._wanted.name}", self._here):
                self._domain.migrateSetMaxDowntime(self._wanted.max_downtime_ms)

    # Watching

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._begun

    def _watch(self, going_on: t.Callable[[], bool], wait: t.Callable[[float], t.Any]) -> None:
        """Until it ends, or has been abandoned at its deadline and then ended (or not, within GIVE_UP_SECONDS)."""
        while going_on():
            wait(POLL_SECONDS)
            self._look()
            overdue = self._overdue()
            if overdue:
                self._abandon(going_on, overdue)
                return

    def _look(self) -> None:
        with contextlib.suppress(self._libvirt.libvirtError):  # the domain vanishes from the source when it has moved
            stats = self._domain.jobStats()
            if stats.get("type", 0) == 0:
                return
            sent_before = self.journal.began_to_send
            self.journal.sample(stats, self._seconds)
            if self.journal.began_to_send and not sent_before:
                self.journal.note("transfer", time.time(), self._seconds)
            if self._wanted.convergence == "post_copy" and stats.get("memory_iteration", 0) >= 2 and not self._post_copy_asked:
                self._post_copy_asked = True
                self._domain.migrateStartPostCopy()
                self.journal.note("post-copy", time.time(), self._seconds)

    def _overdue(self) -> str | None:
        if self._post_copy_asked:  # from here the VM runs on the target, and ending the migration would kill it
            return None
        if self._seconds > self._wanted.deadline_seconds:
            return f"the deadline of {self._wanted.deadline_seconds} s: {self.journal.far()}"
        if self._seconds > self._wanted.prepare_seconds and not self.journal.began_to_send:
            return f"{self._wanted.prepare_seconds} s without a byte sent, {self._target_state()}"
        return None

    def _abandon(self, going_on: t.Callable[[], bool], overdue: str) -> None:
        """Abort. A target that never got ready ignores that: there QEMU waits for its switch port, and only its end ends the wait."""
        self._overdue_reason = overdue
        self.journal.note("abort", time.time(), self._seconds)
        with contextlib.suppress(self._libvirt.libvirtError):
            self._domain.abortJob()
        if connection.wait_until(lambda: not going_on(), CANCEL_SECONDS, POLL_SECONDS):
            return
        if not self.journal.began_to_send:
            self._end_incoming()
        connection.wait_until(lambda: not going_on(), GIVE_UP_SECONDS, POLL_SECONDS)

    def _end_incoming(self) -> None:
        """Destroy what waits on the target, only if it surely is no running VM: paused for a migration, while ours runs here."""
        libvirt = self._libvirt
        with contextlib.suppress(libvirt.libvirtError, Failure):
            if self._domain.state()[0] != libvirt.VIR_DOMAIN_RUNNING:
                return
            incoming = connection.domain(self._target, self._wanted.name)
            if incoming is not None and is_incoming(incoming):
                self.journal.note("waiting QEMU on the target ended", time.time(), self._seconds)
                incoming.destroy()

    _overdue_reason: str | None = None

    # Afterwards

    def left(self, reason: str) -> Failure:
        """The truth about the VM after a migration that failed."""
        aborted = self._overdue_reason
        found = f"aborted after {aborted}" if aborted else f"{reason} ({self.journal.far()})"
        remedy = "mend what libvirt names, then run again"
        if aborted:
            remedy = "allow more time or bandwidth, let it converge (convergence), or move it when it writes less memory"
            if not self.journal.began_to_send:
                remedy = (
                    "install the libvirt hook on the target and restart its libvirtd (role libvirt_host), and look at Open vSwitch there"
                )
        return Failure(
            asked=f"migrate VM {self._wanted.name} from {self._here} to {self._wanted.target}",
            found=f"{found}; {self._source_state()}",
            where=f"{self._here}, {self._wanted.target}",
            remedy=remedy,
        )

    def _source_state(self) -> str:
        libvirt = self._libvirt
        try:
            if not connection.wait_until(lambda: self._domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING, CANCEL_SECONDS):
                return f"the VM is {state_name(self._domain)} on {self._here}, look at it now"
        except libvirt.libvirtError as error:
            return f"the VM is not on {self._here} ({connection.said(error)}), look on {self._wanted.target}"
        return f"the VM still runs on {self._here}"

    def _target_state(self) -> str:
        with contextlib.suppress(self._libvirt.libvirtError, Failure):
            incoming = connection.domain(self._target, self._wanted.name)
            if incoming is None:
                return f"{self._wanted.target} has not begun to receive it"
            return f"on {self._wanted.target} it is {state_name(incoming)}: with a vhost-user NIC, QEMU waits there for a switch port that nobody made"
        return f"{self._wanted.target} does not answer"

    # Events

    @contextlib.contextmanager
    def _events(self) -> t.Iterator[None]:
        """Note to the millisecond when the VM stops here and goes on there."""
        libvirt = self._libvirt
        names = {
            (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED): "paused at the source",
            (libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_MIGRATED): "runs on the target",
            (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED): "gone from the source",
        }

        def happened(_connection: t.Any, domain: t.Any, event: int, detail: int, _opaque: t.Any) -> None:
            if domain.name() == self._wanted.name and (event, detail) in names:
                self.journal.note(names[event, detail], time.time(), self._seconds)

        registered = []
        for one in (self._source, self._target):
            with contextlib.suppress(libvirt.libvirtError):  # without events there is a shorter timeline, nothing else
                registered.append((one, one.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, happened, None)))
        try:
            yield
        finally:
            time.sleep(POLL_SECONDS)  # the last event may still be on its way
            for one, identifier in registered:
                with contextlib.suppress(libvirt.libvirtError):
                    one.domainEventDeregisterAny(identifier)


def migrating(domain: t.Any | None) -> bool:
    """Whether it is being migrated away right now. None: a domain that has left already."""
    libvirt = connection.binding()
    if domain is None:
        return False
    try:
        stats = domain.jobStats()
    except libvirt.libvirtError:
        return False
    return bool(stats.get("type", 0) and stats.get("operation") == libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT)


def is_incoming(domain: t.Any) -> bool:
    """Whether it is the receiving end of a migration: it has never run there."""
    libvirt = connection.binding()
    state, reason = domain.state()
    return state == libvirt.VIR_DOMAIN_PAUSED and reason in (libvirt.VIR_DOMAIN_PAUSED_STARTING_UP, libvirt.VIR_DOMAIN_PAUSED_MIGRATION)


def state_name(domain: t.Any) -> str:
    libvirt = connection.binding()
    names = {
        libvirt.VIR_DOMAIN_RUNNING: "running",
        libvirt.VIR_DOMAIN_PAUSED: "paused",
        libvirt.VIR_DOMAIN_SHUTDOWN: "shutting down",
        libvirt.VIR_DOMAIN_SHUTOFF: "stopped",
        libvirt.VIR_DOMAIN_CRASHED: "crashed",
    }
    state, reason = domain.state()
    if is_incoming(domain):
        return "being received"
    return names.get(state, f"in state {state}, reason {reason}")
