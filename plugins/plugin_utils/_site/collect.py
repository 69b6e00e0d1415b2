# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Reads C(vmsite_) variables of all hosts out of the core's hostvars, each distinct value once.

A value without a template is the same object for every host that inherits it, so it is converted once, however many hosts there are.
Only values that hold a template are rendered per host.
"""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake, Path, Place, dotted
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import PREFIX, Host, Site, Variable
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.origin import place_of

DEEPEST = 40
TEMPLATE_MARKS = ("{{", "{%", "{#")


class _Unreadable(Exception):
    """A value that is no plain data; C(found) and C(remedy) go into the mistake."""

    def __init__(self, path: Path, found: str, remedy: str) -> None:
        self.path, self.found, self.remedy = path, found, remedy
        super().__init__(found)


def collect(hostvars: t.Any, groups: t.Mapping[str, t.Sequence[str]]) -> Site:
    """The whole inventory. C(hostvars) is the core's HostVars: C(raw_get(host)) without templating, C([host][name]) with."""
    hosts: dict[str, Host] = {}
    variables: list[Variable] = []
    unreadable: list[Mistake] = []
    inherited: dict[tuple[str, int], Variable] = {}
    kept: list[t.Any] = []  # keeps raw values alive, so that their ids stay theirs
    for host in sorted(str(name) for name in hostvars):
        raw = hostvars.raw_get(host)
        hosts[host] = _host(hostvars, host, raw, groups)
        for name in sorted(str(name) for name in raw if str(name).startswith(PREFIX)):
            value = raw[name]
            kept.append(value)
            if (name, id(value)) in inherited:
                variable = inherited[name, id(value)]
                variable.hosts = (*variable.hosts, host)
                continue
            template = _has_template(value)
            try:
                variable = _variable(name, host, _rendered(hostvars, host, name) if template else value, value)
            except _Unreadable as error:
                place = place_of(value) or Place()
                unreadable.append(
                    Mistake(dotted(error.path), f"{dotted(error.path)} as plain data", error.found, error.remedy, (host,), place)
                )
                continue
            if not template:
                inherited[name, id(value)] = variable
            variables.append(variable)
    return Site(
        hosts=hosts,
        variables=_merged(variables),
        groups={str(group): tuple(str(member) for member in members) for group, members in groups.items()},
        unreadable=_merged_mistakes(unreadable),
    )


def _host(hostvars: t.Any, name: str, raw: t.Mapping[str, t.Any], groups: t.Mapping[str, t.Sequence[str]]) -> Host:
    address = raw.get("ansible_host")
    if address is not None and _has_template(address):
        try:
            address = hostvars[name]["ansible_host"]
        except Exception:  # its own mistake is reported where the variable it is derived from is checked
            address = None
    return Host(
        name=name,
        groups=frozenset(str(group) for group, members in groups.items() if name in members),
        address=str(address) if address is not None else None,
        local=str(raw.get("ansible_connection", "")) in ("local", "ansible.builtin.local"),
    )


def _rendered(hostvars: t.Any, host: str, name: str) -> t.Any:
    try:
        return hostvars[host][name]
    except Exception as error:  # a template may call any code: whatever it raises is this variable's mistake
        raise _Unreadable((name,), f"its template fails: {error}", "mend the template, or write the value itself") from error


def _variable(name: str, host: str, value: t.Any, raw: t.Any) -> Variable:
    places: dict[Path, Place] = {}
    plain = _plain(value, (name,), places)
    place = place_of(raw)
    if place is not None:
        places.setdefault((name,), place)
    return Variable(name=name, value=plain, hosts=(host,), places=places)


def _plain(value: t.Any, path: Path, places: dict[Path, Place], key: t.Any = None) -> t.Any:
    """The value as plain JSON data, and the place of every part in C(places): of a mapping's entry, that of its key."""
    if len(path) > DEEPEST:
        raise _Unreadable(path[:1], "it is nested without end", "remove the YAML alias that refers to itself")
    place = place_of(key) if key is not None else None
    place = place or place_of(value)
    if place is not None:
        places[path] = place
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, t.Mapping):
        return {_key(name, path): _plain(part, (*path, _key(name, path)), places, name) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part, (*path, index), places) for index, part in enumerate(value)]
    raise _Unreadable(path, f"a {type(value).__name__.strip('_')}", "write text (in quotes), a number, true or false, a list or a mapping")


def _key(name: t.Any, path: Path) -> str:
    if isinstance(name, str):
        return str.__str__(name)
    raise _Unreadable(path, f"the key {name!r}, which YAML reads as {type(name).__name__.strip('_')}", "put the key in quotes")


def _has_template(value: t.Any, depth: int = 0) -> bool:
    if value is None or isinstance(value, (bool, int, float)) or depth > DEEPEST:
        return False
    if isinstance(value, str):
        return any(mark in value for mark in TEMPLATE_MARKS)
    if isinstance(value, t.Mapping):
        return any(_has_template(part, depth + 1) for part in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_template(part, depth + 1) for part in value)
    return True  # what is no plain data (vault-encrypted text) is for the core to render


def _merged(variables: list[Variable]) -> list[Variable]:
    """Equal values written in the same place are one value that several hosts see."""
    merged: dict[tuple[str, str, Place], Variable] = {}
    for variable in variables:
        key = (variable.name, repr(variable.value), variable.place((variable.name,)))
        if key in merged:
            merged[key].hosts = (*merged[key].hosts, *variable.hosts)
        else:
            merged[key] = variable
    return list(merged.values())


def _merged_mistakes(mistakes: list[Mistake]) -> list[Mistake]:
    merged: dict[tuple[t.Any, ...], Mistake] = {}
    for mistake in mistakes:
        key = (mistake.variable, mistake.found, mistake.place)
        hosts = (*merged[key].hosts, *mistake.hosts) if key in merged else mistake.hosts
        merged[key] = Mistake(mistake.variable, mistake.asked, mistake.found, mistake.remedy, hosts, mistake.place)
    return list(merged.values())
