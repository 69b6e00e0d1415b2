# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""All checks of the model in order: names, each variable by itself, then what one says about another. All mistakes at once."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site import schema
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.checks import (
    capacity,
    doors,
    hosts,
    network,
    profiles,
    storage,
    tenants,
    tiers,
)
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake, did_you_mean
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import SITE_VARIABLES, Site, Variable
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.secrets import without_secrets

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.checks.check import Check

CHECKS: tuple[Check, ...] = tuple(
    check for part in (tiers, network, hosts, tenants, storage, profiles, doors, capacity) for check in part.CHECKS
)


@dataclasses.dataclass(frozen=True)
class Report:
    """What was found. A model with mistakes is refused; one with warnings is not. C(site) has the sound part."""

    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...]
    site: Site


def check(site: Site) -> Report:
    """Check a whole site. Raises Failure only if a library is missing."""
    mistakes: list[Mistake] = [*site.unreadable, *_names(site)]
    unsound: set[tuple[str, str]] = {
        (host, mistake.variable.split(".")[0].split("[")[0]) for mistake in site.unreadable for host in mistake.hosts
    }
    sound: list[Variable] = []
    for variable in site.variables:
        if variable.name not in schema.variable_names():
            continue
        wrong = [*schema.check(variable), *without_secrets(variable)]
        mistakes.extend(wrong)
        if not all(mistake.harmless for mistake in wrong):
            unsound.update((host, variable.name) for host in variable.hosts)
        else:
            sound.append(variable)
    mistakes.extend(_seen_by_all(site, unsound))
    judged = dataclasses.replace(site, variables=sound, unsound=frozenset(unsound))
    usable = {variable.name for variable in sound} - {name for _host, name in unsound}
    warnings: list[Mistake] = []
    for each in CHECKS:
        if usable.issuperset(each.needs):
            (warnings if each.warning else mistakes).extend(each.run(judged))
    return Report(_in_order(mistakes), _in_order(warnings), judged)


def _names(site: Site) -> t.Iterator[Mistake]:
    """Variables with our prefix that are not in the schema: a typing error would otherwise go unnoticed for ever."""
    known = schema.variable_names()
    for variable in site.variables:
        if variable.name not in known:
            yield variable.mistake(
                (variable.name,),
                "the site model has no such variable",
                did_you_mean(variable.name, known, "remove it, or give it a name that does not begin with vmsite_"),
                asked=variable.name,
            )


def _seen_by_all(site: Site, unsound: set[tuple[str, str]]) -> t.Iterator[Mistake]:
    """A site variable has one value, for every host."""
    for name in SITE_VARIABLES:
        values = site.named(name)
        unseen = [host for host in site.hosts if not site.of(host, name) and (host, name) not in unsound]
        if unseen:
            found = "these hosts do not see it" if len(unseen) < len(site.hosts) else "it is missing"
            yield Mistake(name, name, found, f"write it in group_vars/all/{name.removeprefix('vmsite_')}.yml", tuple(unseen))
        for other in values[1:]:
            if other.value != values[0].value:
                yield other.mistake(
                    (name,),
                    f"another value than host {values[0].hosts[0]} sees ({values[0].place((name,)) or 'place unknown'})",
                    "describe the site once, in group_vars/all; no host or group may override it",
                    asked=name,
                )


def _in_order(mistakes: list[Mistake]) -> tuple[Mistake, ...]:
    """By file and line, as a user mends them; each once."""
    return tuple(dict.fromkeys(sorted(mistakes, key=lambda mistake: (mistake.place.file, mistake.place.line, mistake.variable))))
