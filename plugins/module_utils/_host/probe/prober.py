# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The loop that sends echo requests at a steady pace and notes what comes back."""

from __future__ import annotations

import select
import socket
import time
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe import samples

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.packet import Echo

_CLOCK_EVERY_NS = 1_000_000_000
_ANSWERS_AT_ONCE = 64  # then it looks at its own pace again, so that a flood of answers cannot hold up the next request


class Prober:
    """Sends until its time is over or C(stop) is called, then waits C(linger_ns) for answers that are still under way.

    C(write) takes records (see C(samples)) and must not block. A prober that was held up leaves out the requests it missed instead of
    sending them in a burst: so a missing request in the record is the prober's own stall and nobody else's.
    """

    def __init__(
        self,
        sock: socket.socket,
        echo: Echo,
        *,
        interval_ns: int,
        duration_ns: int,
        linger_ns: int,
        write: t.Callable[[bytes], None],
    ) -> None:
        self._socket = sock
        self._echo = echo
        self._interval_ns = interval_ns
        self._duration_ns = duration_ns
        self._linger_ns = linger_ns
        self._write = write
        self._stopped = False
        self._next_number = 0
        self._unanswered: set[int] = set()

    def stop(self) -> None:
        """Send no more. Safe to call from a signal handler."""
        self._stopped = True

    def run(self) -> None:
        start = time.monotonic_ns()
        self._send_at_pace(start, start + self._duration_ns)
        self._wait_for_answers_under_way()
        self._note_clocks()
        self._write(samples.ended("stopped" if self._stopped else "time_over", time.monotonic_ns()))

    def _send_at_pace(self, start: int, end: int) -> None:
        due, clock_due = start, start
        while due < end and not self._stopped:
            now = time.monotonic_ns()
            if now >= clock_due:
                self._note_clocks()
                clock_due = now + _CLOCK_EVERY_NS
            if now >= due:
                self._send(now)
                due += ((now - due) // self._interval_ns + 1) * self._interval_ns
            self._receive_until(due)

    def _wait_for_answers_under_way(self) -> None:
        deadline = time.monotonic_ns() + self._linger_ns
        while self._unanswered and time.monotonic_ns() < deadline:
            self._receive_until(deadline)

    def _send(self, now: int) -> None:
        number = self._next_number
        self._next_number += 1
        try:
            self._socket.send(self._echo.request(number))
        except OSError as error:
            self._write(samples.refused(number, now, error.errno or 0))
            return
        self._unanswered.add(number)
        self._write(samples.sent(number, now))

    def _receive_until(self, deadline: int) -> None:
        """Wait for answers, at the latest until the deadline; return after the first batch."""
        wait = max(0, deadline - time.monotonic_ns()) / 1e9
        readable = select.select([self._socket], [], [], wait)[0]
        for _attempt in range(_ANSWERS_AT_ONCE if readable else 0):
            try:
                packet = self._socket.recv(2048)
            except OSError:  # nothing left, or the network's report that a request could not be delivered: that request stays unanswered
                return
            received = time.monotonic_ns()
            number = self._echo.number_of(packet)
            if number is not None:
                self._unanswered.discard(number)
                self._write(samples.answered(number, received))

    def _note_clocks(self) -> None:
        self._write(samples.clocks(time.monotonic_ns(), time.time_ns()))


def first_answer(sock: socket.socket, echo: Echo, *, within_seconds: float, every_seconds: float = 0.05) -> bool:
    """Ask until there is one answer; False if none came in time."""
    deadline = time.monotonic() + within_seconds
    number = 0
    while time.monotonic() < deadline:
        try:
            sock.send(echo.request(number))
        except OSError:  # no route yet: the deadline decides
            pass
        number += 1
        ask_again = min(time.monotonic() + every_seconds, deadline)
        while time.monotonic() < ask_again:
            if select.select([sock], [], [], max(0.0, ask_again - time.monotonic()))[0] and _is_answer(sock, echo):
                return True
    return False


def _is_answer(sock: socket.socket, echo: Echo) -> bool:
    try:
        return echo.number_of(sock.recv(2048)) is not None
    except OSError:
        return False
