# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The processes of a measurement.

The prober only ever writes into a pipe and so never waits for a disk. Its recorder copies the pipe into the file: kill the prober, and all it had seen
is still written; kill the recorder, and the prober ends by itself. Both hold a lock on the file: it is locked exactly as long as one of them lives.
"""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import gc
import os
import signal
import time
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe import samples
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.prober import Prober

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.channel import Channel

_REALTIME_PRIORITY = 50
_PIPE_BYTES = 1 << 20  # minutes of records, should the disk be slow
_SYNC_EVERY_SECONDS = 1.0
_SPARE_SECONDS = 10  # the kernel ends a prober that has not ended itself so long after its time

_MILLISECOND = 1_000_000


@dataclasses.dataclass(frozen=True)
class Pace:
    """How often, and for how long at most. C(linger_ms) is how long answers under way are waited for at the end."""

    interval_ms: float
    max_seconds: float
    late_after_ms: float
    linger_ms: float = 1000.0


@dataclasses.dataclass(frozen=True)
class Identity:
    """A process, told from a later one with the same number by the time it was started at."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                after_name = file.read().rpartition(")")[2].split()
        except OSError:
            return None
        return cls(pid, int(after_name[19]))  # field 22 of proc_pid_stat(5); the list begins with field 3

    def signal(self, number: int) -> bool:
        """Send a signal; False if this process is gone."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if Identity.of(self.pid) != self:
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True


class Detached:
    """A prober that waits for C(go). If whoever made it dies before that, it ends without having sent anything."""

    def __init__(self, identity: Identity, go_pipe: int) -> None:
        self.identity = identity
        self._go_pipe = go_pipe

    def go(self) -> None:
        os.write(self._go_pipe, b"g")
        os.close(self._go_pipe)

    def abandon(self) -> None:
        """What the death of this process does as well."""
        os.close(self._go_pipe)


def detach(channel: Channel, target: str, pace: Pace, record: int) -> Detached:
    """Make a prober in a session of its own, so that it outlives this process, its terminal and its process group."""
    identity_read, identity_write = os.pipe()
    go_read, go_write = os.pipe()
    child = os.fork()
    if child == 0:
        with _no_way_back():
            os.setsid()
            if os.fork() == 0:
                _keep_only(channel.socket.fileno(), record, go_read, identity_write)
                os.write(identity_write, f"{os.getpid()}\n".encode())
                os.close(identity_write)
                if os.read(go_read, 1):
                    os.close(go_read)
                    _probe_into(_recorder(record), channel, target, pace)
    os.close(identity_write)
    os.close(go_read)
    os.waitpid(child, 0)
    with os.fdopen(identity_read) as file:
        identity = Identity.of(int(file.readline() or 0))
    if identity is None:
        raise OSError(errno.ESRCH, "the prober's process ended as soon as it was made")
    return Detached(identity, go_write)


def measure(channel: Channel, target: str, pace: Pace) -> bytes:
    """Run a prober for as long as C(pace) says and return its record. Should this process die, the prober ends too."""
    data_read, data_write = os.pipe()
    child = os.fork()
    if child == 0:
        with _no_way_back():
            os.close(data_read)
            _probe_into(data_write, channel, target, pace)
    os.close(data_write)
    with os.fdopen(data_read, "rb") as file:
        data = file.read()
    os.waitpid(child, 0)
    return data


def is_locked(path: str) -> bool:
    """True as long as a prober or its recorder lives."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def open_record(path: str) -> int:
    """Open a record for a new measurement and lock it. Raises BlockingIOError if another one is at work on it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    return descriptor


def release(record: int) -> None:
    """Close this process's end; the prober's lock stays."""
    os.close(record)


class _no_way_back:
    """A forked child must never return into the code of its parent, whatever happens."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_error: t.Any) -> None:
        os._exit(0)


def _keep_only(*descriptors: int) -> None:
    """Let go of the terminal and of everything else that was inherited: ssh waits until nobody holds its pipes."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    for descriptor in [int(name) for name in os.listdir("/proc/self/fd")]:
        if descriptor > 2 and descriptor not in descriptors:
            _close_if_open(descriptor)
    os.chdir("/")


def _close_if_open(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:  # the listing's own descriptor is in its listing
        return


def _recorder(record: int) -> int:
    """Start the recorder; return the pipe that it listens to."""
    data_read, data_write = os.pipe()
    if os.fork() == 0:
        with _no_way_back():
            os.close(data_write)
            _name_process("vmsite-record")
            _copy(data_read, record)
    os.close(data_read)
    return data_write


def _copy(source: int, record: int) -> None:
    synced = time.monotonic()
    while True:
        data = os.read(source, 1 << 16)
        if not data:
            break
        while data:
            data = data[os.write(record, data) :]
        if time.monotonic() - synced >= _SYNC_EVERY_SECONDS:
            os.fdatasync(record)
            synced = time.monotonic()
    os.fsync(record)


def _probe_into(pipe: int, channel: Channel, target: str, pace: Pace) -> None:
    """Become the prober: as punctual as this host lets it be, and bounded in time by the kernel."""
    _name_process("vmsite-probe")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # no recorder, no prober
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(int(pace.max_seconds + pace.linger_ms / 1000 + _SPARE_SECONDS))
    gc.disable()  # the loop makes no cycles, and a collection would be a stall
    output = _PipeWriter(pipe)
    realtime, scheduling = _be_punctual()
    output.write(_header(channel, target, pace, realtime, scheduling).line())
    prober = Prober(
        channel.socket,
        channel.echo,
        interval_ns=round(pace.interval_ms * _MILLISECOND),
        duration_ns=round(pace.max_seconds * 1000 * _MILLISECOND),
        linger_ns=round(pace.linger_ms * _MILLISECOND),
        write=output.write,
    )
    signal.signal(signal.SIGTERM, lambda _number, _frame: prober.stop())
    try:
        prober.run()
    except OSError as error:
        output.write(samples.ended("failed", time.monotonic_ns(), error.errno or 0))
    output.finish()


def _header(channel: Channel, target: str, pace: Pace, realtime: bool, scheduling: str) -> samples.Header:
    return samples.Header(
        target=target,
        address=channel.address,
        protocol="udp" if channel.socket.type & 0xF == 2 else "icmp",
        interval_ns=round(pace.interval_ms * _MILLISECOND),
        late_after_ns=round(pace.late_after_ms * _MILLISECOND),
        linger_ns=round(pace.linger_ms * _MILLISECOND),
        realtime=realtime,
        scheduling=scheduling,
    )


class _PipeWriter:
    """Writes what the pipe takes at once and keeps the rest for the next time: nothing is dropped, nothing waits."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._kept = b""
        os.set_blocking(pipe, False)
        try:
            fcntl.fcntl(pipe, getattr(fcntl, "F_SETPIPE_SZ", 1031), _PIPE_BYTES)
        except OSError:  # over the user's limit: the ordinary size must do, nothing is lost by it
            return

    def write(self, data: bytes) -> None:
        self._kept += data
        try:
            self._kept = self._kept[os.write(self._pipe, self._kept) :]
        except BlockingIOError:
            return

    def finish(self) -> None:
        os.set_blocking(self._pipe, True)
        while self._kept:
            self.write(b"")


def _be_punctual() -> tuple[bool, str]:
    """Ask for real-time scheduling, else for the best of the ordinary kind; tell what was granted."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_REALTIME_PRIORITY))
    except OSError as error:
        return False, f"ordinary, {_nice()}: SCHED_FIFO was refused ({error.strerror})"
    return True, f"SCHED_FIFO, priority {_REALTIME_PRIORITY}"


def _nice() -> str:
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    except OSError as error:
        return f"nice {os.getpriority(os.PRIO_PROCESS, 0)} ({error.strerror})"
    return "nice -20"


def _name_process(name: str) -> None:
    """What ps and top show. Without it the process works as well."""
    try:
        with open("/proc/self/comm", "w", encoding="utf-8") as file:
            file.write(name)
    except OSError:
        return


def wait_until_unlocked(path: str, seconds: float) -> bool:
    """Wait for prober and recorder to end."""
    deadline = time.monotonic() + seconds
    while is_locked(path):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
