# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Whether a service works: its units stay active, and what it offers answers."""

from __future__ import annotations

import socket
import time
import typing as t
import urllib.error
import urllib.request

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.unit import UnitState, journal, read_units

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import Readiness, Service

PAUSE = 0.25
CONNECT_TIMEOUT = 2.0


def wait_until_ready(root: HostRoot, service: Service) -> str:
    """Return what the readiness command printed, empty without one. Raises Failure when the time is up or a unit is dead."""
    wanted = service.readiness
    deadline = time.monotonic() + wanted.timeout
    while True:
        missing, output = _units_missing(root, service), ""
        if missing is None:
            missing, output = _offers_missing(root, wanted)
        if missing is None:
            return output
        if time.monotonic() >= deadline:
            raise Failure(
                asked=f"{service.name} ready within {wanted.timeout} s",
                found=missing + "".join(journal(root, name) for name in _started(service)),
                where=", ".join(_started(service)) or service.name,
                remedy="mend what the journal names, or give it more time (readiness.timeout)",
            )
        time.sleep(min(PAUSE, max(deadline - time.monotonic(), 0)))


def _started(service: Service) -> list[str]:
    return [unit.name for unit in service.units if unit.state == "started"]


def _units_missing(root: HostRoot, service: Service) -> str | None:
    """What the units still lack. A dead one raises at once: waiting would not help."""
    for name, state in read_units(root, _started(service)).items():
        if state.is_active:
            age = time.monotonic() - state.active_since
            wanted = service.readiness.seconds_active(state.started_unheard)
            if age < wanted:
                return f"{name} active for {age:.1f} s, not {wanted} s"
        elif state.active == "activating" and state.sub != "auto-restart":
            return f"{name} is still starting ({state.sub})"
        else:
            raise _dead(root, name, state)
    return None


def _dead(root: HostRoot, name: str, state: UnitState) -> Failure:
    found = f"{state.active} ({state.sub}), result {state.result}"
    if state.active == "inactive" and not state.condition_met:
        found = "not started: a condition of the unit is not met (systemctl status names it)"
    return Failure(
        asked=f"{name} started",
        found=found + journal(root, name),
        where=name,
        remedy="mend what the journal names; a unit that ends by itself when its work is done needs RemainAfterExit=yes",
    )


def _offers_missing(root: HostRoot, wanted: Readiness) -> tuple[str | None, str]:
    """What does not answer yet, and what the command printed."""
    output = ""
    if wanted.tcp and (problem := _cannot_connect(socket.AF_UNSPEC, wanted.tcp)):
        return f"no connection to {wanted.tcp[0]}:{wanted.tcp[1]}: {problem}", ""
    if wanted.socket and (problem := _cannot_connect(socket.AF_UNIX, root.real(wanted.socket))):
        return f"no connection to {wanted.socket}: {problem}", ""
    if wanted.http and (problem := _no_answer(wanted.http)):
        return f"{wanted.http}: {problem}", ""
    if wanted.command:
        done = root.run(list(wanted.command), changes=False, check=False, timeout=max(wanted.timeout, 1))
        if done.rc != 0:
            said = (done.err.strip() or done.out.strip() or "nothing").replace("\n", " / ")
            return f"{' '.join(wanted.command)}: exit code {done.rc}, it said: {said}", ""
        output = done.out
    return None, output


def _cannot_connect(family: int, address: t.Any) -> str | None:
    try:
        if family == socket.AF_UNIX:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(CONNECT_TIMEOUT)
                connection.connect(address)
        else:
            socket.create_connection(address, CONNECT_TIMEOUT).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _no_answer(url: str) -> str | None:
    """The host's own service is asked, so no proxy stands between."""
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=CONNECT_TIMEOUT).close()
    except urllib.error.HTTPError as error:
        return f"status {error.code}"
    except (urllib.error.URLError, OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return None
