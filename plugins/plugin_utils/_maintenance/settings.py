# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What the user asked of a maintenance: extra variables, typed, with all their mistakes. No I/O."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.batches import DOMAINS
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import did_you_mean, shown

PREFIX = "host_maintenance_"
NEVER, WHEN_NEEDED, ALWAYS = "never", "when_needed", "always"
CHOICES = {"domain": DOMAINS, "reboot": (WHEN_NEEDED, NEVER, ALWAYS)}


@dataclasses.dataclass(frozen=True)
class Settings:
    """The variables without their prefix; the playbook host_maintenance says what each means. Empty text: not said."""

    hosts: t.Any = ""
    domain: str = "rack"
    at_once: int = 1
    update_packages: bool = False
    reboot: str = WHEN_NEEDED
    target: str = ""
    drain_tasks: str = ""
    drain_deadline_seconds: int = 600
    reboot_timeout_seconds: int = 900
    bring_back: bool = True
    bring_back_tasks: str = ""


def settings(variables: t.Mapping[str, t.Any]) -> tuple[Settings, list[Failure]]:
    """From all variables that a host sees. A value with a mistake is left at its default. Values from a command line are texts."""
    mistakes: list[Failure] = []
    given = {name[len(PREFIX) :]: variables[name] for name in variables if name.startswith(PREFIX)}
    known = {field.name: field for field in dataclasses.fields(Settings)}
    values: dict[str, t.Any] = {}
    for name, value in given.items():
        if name not in known:
            names = [PREFIX + one for one in known]
            mistakes.append(mistake(name, value, "no such variable", did_you_mean(PREFIX + name, names, f"take one of {', '.join(names)}")))
            continue
        try:
            values[name] = _value(name, value, known[name].default)
        except ValueError as error:
            mistakes.append(mistake(name, value, "no value that it can have", str(error)))
    if not given.get("hosts"):
        mistakes.append(mistake("hosts", given.get("hosts", ""), "no host is said", "say a host pattern or a list of hosts"))
    return Settings(**values), mistakes


def mistake(name: str, value: t.Any, found: str, remedy: str) -> Failure:
    return Failure(asked=f"{PREFIX}{name}: {shown(value)}", found=found, where="the extra variables", remedy=remedy)


def _value(name: str, value: t.Any, default: t.Any) -> t.Any:
    """Raises ValueError with what to say instead."""
    if name == "hosts":
        return _pattern(value)
    if name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"say one of {', '.join(CHOICES[name])}")
    if isinstance(default, bool):
        return _flag(value)
    if isinstance(default, int):
        return _number(value)
    if not isinstance(value, str):
        raise ValueError("say a text")
    return value


def _pattern(value: t.Any) -> t.Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return list(value)
    raise ValueError("say a host pattern, or a list of hosts")


def _flag(value: t.Any) -> bool:
    try:
        return bool(boolean(value))
    except TypeError as error:
        raise ValueError("say true or false") from error


def _number(value: t.Any) -> int:
    if isinstance(value, bool) or not str(value).isdecimal() or int(value) < 1:
        raise ValueError("say a whole number above 0")
    return int(value)
