# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What must happen to which unit: decided from its state, what is wanted, what changes, and what an earlier run left."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.record import Due
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.unit import WITHOUT_ENABLEMENT, Systemd, UnitState

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.record import Pending
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import Service, Unit


@dataclasses.dataclass
class UnitActions:
    """Names of units by what is to be done, each in the order of the options. C(due): running with something old, before anything is done."""

    read_again: bool = False
    unmask: list[str] = dataclasses.field(default_factory=list)
    mask: list[str] = dataclasses.field(default_factory=list)
    stop: list[str] = dataclasses.field(default_factory=list)
    start: list[str] = dataclasses.field(default_factory=list)
    restart: list[str] = dataclasses.field(default_factory=list)
    reload: list[str] = dataclasses.field(default_factory=list)
    enable: list[str] = dataclasses.field(default_factory=list)
    disable: list[str] = dataclasses.field(default_factory=list)
    due: dict[str, Due] = dataclasses.field(default_factory=dict)


def compare_units(
    service: Service, states: dict[str, UnitState], changed: t.Sequence[str], pending: Pending | None, changes: ChangeSet
) -> UnitActions:
    """C(changed) are the paths and packages that change in this run."""
    actions = UnitActions(read_again=any("/systemd/system/" in path for path in changed) or (pending is not None and not pending.waiting))
    for unit in service.units:
        state = states[unit.name]
        if state.outdated:
            actions.read_again = True
            changes.compare(f"unit {unit.name} definition", "older than its file", "read again", "systemd warns of it")
        _compare_mask(unit, state, changes, actions)
        _compare_activity(unit, state, changes, actions)
        _compare_due(service, unit, state, changed, pending, changes, actions)
    _restart_behind_sockets(service, states, changes, actions)
    for unit in service.units:
        _compare_enablement(unit, states[unit.name], changes, actions)
    return actions


def unit_problems(service: Service, states: dict[str, UnitState], changed: t.Sequence[str], packages_missing: bool) -> list[Failure]:
    """Units that nothing brings, and names that are not a unit's own."""
    if packages_missing or any("/systemd/system" in path or "/systemd/user" in path for path in changed):
        return []
    return [
        Failure(
            asked=f"unit {unit.name}",
            found="systemd knows no such unit, and nothing in this call brings it",
            where="units",
            remedy="correct the name, list the package, or give the unit's content",
        )
        for unit in service.units
        if not states[unit.name].present and not unit.masked and (unit.enabled or unit.state == "started")
    ]


def _compare_mask(unit: Unit, state: UnitState, changes: ChangeSet, actions: UnitActions) -> None:
    if changes.compare(f"unit {unit.name} mask", _yes(state.masked), _yes(unit.masked), "units"):
        (actions.mask if unit.masked else actions.unmask).append(unit.name)


def _compare_activity(unit: Unit, state: UnitState, changes: ChangeSet, actions: UnitActions) -> None:
    current = state.active if state.present else "absent"
    if unit.state == "started" and not state.is_active:
        changes.compare(f"unit {unit.name} state", current, "active", "units")
        actions.start.append(unit.name)
    if unit.state == "stopped" and state.is_active:
        changes.compare(f"unit {unit.name} state", current, "inactive", "units")
        actions.stop.append(unit.name)


def _compare_due(
    service: Service,
    unit: Unit,
    state: UnitState,
    changed: t.Sequence[str],
    pending: Pending | None,
    changes: ChangeSet,
    actions: UnitActions,
) -> None:
    if not state.is_active or unit.state == "stopped":
        return
    new = [item for item in changed if unit.is_concerned_by(item)]
    left = pending.due.get(unit.name) if pending else None
    items = [*(left.items if left and left.activation == state.activation else ()), *new]
    if not items:
        return
    actions.due[unit.name] = Due(state.activation, tuple(dict.fromkeys(items)))
    if not service.may_restart:
        if not new:  # otherwise the change itself says that it needs the restart
            changes.restart_pending(f"{unit.name}: {', '.join(items)} changed, and a restart was not allowed")
        return
    way = "reload" if unit.can_reload(items) else "restart"
    changes.compare(f"unit {unit.name} {way}", "runs with what was before", f"{way}ed", f"changed: {', '.join(dict.fromkeys(items))}")
    (actions.reload if way == "reload" else actions.restart).append(unit.name)


def _restart_behind_sockets(service: Service, states: dict[str, UnitState], changes: ChangeSet, actions: UnitActions) -> None:
    """systemd refuses to start a socket while its service runs: the service is restarted around it."""
    for name in [name for name in (*actions.start, *actions.restart) if name.endswith(".socket")]:
        for unit in service.units:
            running = states[unit.name].is_active and unit.name in states[name].triggers
            if running and unit.name not in (*actions.restart, *actions.stop):
                changes.compare(f"unit {unit.name} restart", "runs", "restarted", f"{name} can only start before it")
                actions.restart.append(unit.name)
                if unit.name in actions.reload:
                    actions.reload.remove(unit.name)


def _compare_enablement(unit: Unit, state: UnitState, changes: ChangeSet, actions: UnitActions) -> None:
    if unit.enabled is None or state.file_state in WITHOUT_ENABLEMENT:
        return
    wanted = "enabled" if unit.enabled else "disabled"
    current = state.enablement
    if changes.compare(f"unit {unit.name} at boot", current, wanted, "units"):
        (actions.enable if unit.enabled else actions.disable).append(unit.name)


def carry_out(systemd: Systemd, service: Service, actions: UnitActions, read: t.Callable[[], dict[str, UnitState]]) -> None:
    """Everything but enabling, which comes when the units are ready. C(read) gives the units' states at that moment."""
    if actions.read_again:
        systemd.read_definitions_again()
    for name in actions.unmask:
        systemd.unmask(name)
    for name in reversed(actions.stop):
        systemd.stop(name)
    for name in actions.mask:
        systemd.mask(name)
    states = read()
    sockets = [name for name in (*actions.start, *actions.restart) if name.endswith(".socket")]
    behind = {name for socket in sockets for name in states[socket].triggers if name in states and states[name].is_active}
    stopped = [unit.name for unit in reversed(service.units) if unit.name in behind]
    for name in stopped:
        systemd.stop(name)
    for unit in service.units:
        _bring_up(systemd, unit.name, actions, started_by_package=states[unit.name].is_active and unit.name not in stopped)


def _bring_up(systemd: Systemd, name: str, actions: UnitActions, started_by_package: bool) -> None:
    if name in actions.restart or (name in actions.start and started_by_package and name.endswith(".service")):
        systemd.restart(name)
    elif name in actions.start:
        systemd.start(name)
    elif name in actions.reload:
        systemd.reload(name)


def _yes(masked: bool) -> str:
    return "masked" if masked else "not masked"
