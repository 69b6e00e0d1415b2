# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""systemd units: what they are, read in one call, and the few commands that change them."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

# systemd's own limit for a start is 90 s by default; this one is for a unit that has none.
COMMAND_TIMEOUT = 180.0
JOURNAL_LINES = 15
# Enabling or disabling means nothing for these, so either wish is fulfilled (systemctl(1), is-enabled).
WITHOUT_ENABLEMENT = ("static", "indirect", "generated", "transient", "alias", "linked")
# systemd calls these started before their program has said anything; for every other kind "active" is the program's own word (systemd.service(5)).
STARTED_UNHEARD = ("simple", "exec", "idle")
PROPERTIES = (
    *("Id", "Type", "LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload"),
    *("InvocationID", "ActiveEnterTimestampMonotonic", "Result", "ConditionResult", "Triggers"),
)


@dataclasses.dataclass(frozen=True)
class UnitState:
    """C(activation) is another text after each start; C(active_since) is in seconds of the host's monotonic clock, 0 if never."""

    name: str
    type: str
    load: str
    active: str
    sub: str
    file_state: str
    outdated: bool
    activation: str
    active_since: float
    result: str
    condition_met: bool
    triggers: tuple[str, ...]

    @property
    def present(self) -> bool:
        return self.load != "not-found"

    @property
    def masked(self) -> bool:
        return self.load == "masked"

    @property
    def is_active(self) -> bool:
        return self.active in ("active", "reloading", "refreshing")

    @property
    def started_unheard(self) -> bool:
        return self.type in STARTED_UNHEARD

    @property
    def enablement(self) -> str:
        return self.file_state or ("unknown" if self.present else "absent")


def read_units(root: HostRoot, names: t.Sequence[str]) -> dict[str, UnitState]:
    """Name -> state, for each name. Raises Failure if systemd does not answer."""
    if not names:
        return {}
    done = root.run(["systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", *names], changes=False, check=False)
    blocks = [block for block in done.out.split("\n\n") if block.strip()]
    if done.rc != 0 or len(blocks) != len(names):
        raise Failure(
            asked=f"state of {', '.join(names)}",
            found=(done.err.strip() or f"{len(blocks)} answers for {len(names)} units").replace("\n", " / "),
            where="systemctl show",
            remedy="systemd must be the host's first process and must answer; list each unit once, by its own name",
        )
    return {name: _state(name, dict(line.partition("=")[::2] for line in block.splitlines())) for name, block in zip(names, blocks)}


def _state(name: str, values: dict[str, str]) -> UnitState:
    return UnitState(
        name=name,
        type=values.get("Type", ""),
        load=values.get("LoadState", ""),
        active=values.get("ActiveState", ""),
        sub=values.get("SubState", ""),
        file_state=values.get("UnitFileState", ""),
        outdated=values.get("NeedDaemonReload") == "yes",
        activation=values.get("InvocationID", ""),
        active_since=int(values.get("ActiveEnterTimestampMonotonic") or 0) / 1e6,
        result=values.get("Result", ""),
        condition_met=values.get("ConditionResult") != "no",
        triggers=tuple(values.get("Triggers", "").split()),
    )


class Systemd:
    """The commands that change units. Each raises Failure with systemd's words and the end of the unit's journal."""

    def __init__(self, root: HostRoot) -> None:
        self.root = root

    def read_definitions_again(self) -> None:
        self._run("daemon-reload")

    def start(self, name: str) -> None:
        self._run("start", name)

    def stop(self, name: str) -> None:
        self._run("stop", name)

    def restart(self, name: str) -> None:
        # A unit that failed too often in a short time may not start for a while; this is a new attempt with new files.
        self.root.run(["systemctl", "reset-failed", "--", name], changes=True, check=False)
        self._run("restart", name)

    def reload(self, name: str) -> None:
        self._run("reload", name)

    def enable(self, names: t.Sequence[str]) -> None:
        """All in one call: systemd reads every definition again after each."""
        if names:
            self._run("enable", *names)

    def disable(self, names: t.Sequence[str]) -> None:
        if names:
            self._run("disable", *names)

    def mask(self, name: str) -> None:
        self._run("mask", name)

    def unmask(self, name: str) -> None:
        """Both kinds of mask: the one in /etc, and the one in /run that holds a unit back."""
        self._run("unmask", name)
        self.let_go(name)

    def hold_back(self, name: str) -> None:
        """Mask a unit until the next boot at most, also one that is not there yet.

        Debian starts what it installs, with the package's own configuration; it leaves masked units alone (deb-systemd-invoke(1p)).
        """
        self.root.run(["systemctl", "--quiet", "--runtime", "mask", "--", name], changes=True)

    def let_go(self, name: str) -> None:
        self.root.run(["systemctl", "--quiet", "--runtime", "unmask", "--", name], changes=True)

    def _run(self, verb: str, *names: str) -> None:
        done = self.root.run(
            ["systemctl", "--quiet", verb, *(["--", *names] if names else [])], changes=True, timeout=COMMAND_TIMEOUT, check=False
        )
        if done.rc != 0:
            said = (done.err.strip() or done.out.strip() or f"exit code {done.rc}").replace("\n", " / ")
            raise Failure(
                asked=" ".join([verb, *names]),
                found=f"systemd said: {said}{''.join(journal(self.root, name) for name in names)}",
                where=", ".join(names) or "systemd",
                remedy="mend what the journal names",
            )


def journal(root: HostRoot, name: str) -> str:
    """The end of a unit's journal as a part of a sentence; empty if nothing can be read."""
    if not root.has_program("journalctl"):
        return ""
    done = root.run(
        ["journalctl", "--unit", name, "--lines", str(JOURNAL_LINES), "--output", "cat", "--no-pager", "--quiet"],
        changes=False,
        check=False,
    )
    lines = [line.strip() for line in done.out.splitlines() if line.strip()]
    return f"; its journal ends: {' / '.join(lines)}" if lines else ""
