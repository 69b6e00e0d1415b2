# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The site as the checks see it: plain data per variable, the hosts that see it, and the place where each value was written."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import EVERYWHERE, Mistake, Path, Place, dotted, shown
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.plans import Planned, plan_all

# Described once for the whole site: every host must see the same value.
SITE_VARIABLES = ("vmsite_site", "vmsite_network", "vmsite_storage", "vmsite_tiers", "vmsite_tenants")
# Described per host or per group of hosts.
HOST_VARIABLES = ("vmsite_placement", "vmsite_host_profile", "vmsite_data_plane", "vmsite_sriov", "vmsite_vms", "vmsite_topology_capture")

PREFIX = "vmsite_"

# Groups with a fixed meaning. A tier's pool is one more group, named by the tier.
SERVICE_GROUPS = ("control_plane", "etcd", "monitoring", "logging", "registry", "probes")
VM_HOSTS = "kvm_hosts"
NO_POOLS = ("all", "ungrouped", *SERVICE_GROUPS)


@dataclasses.dataclass
class Variable:
    """One value of one variable and the hosts that see it. C(places) has an entry for every part whose place is known.

    C(everywhere) says that all hosts of the inventory see it, so that messages need not list them.
    """

    name: str
    value: t.Any
    hosts: tuple[str, ...]
    places: dict[Path, Place] = dataclasses.field(default_factory=dict)
    everywhere: bool = False

    def place(self, path: Path) -> Place:
        """The place of the nearest enclosing part that has one."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return Place()

    def mistake(self, path: Path, found: str, remedy: str, asked: str = "", hosts: t.Sequence[str] = ()) -> Mistake:
        """A mistake at C(path) (which begins with the variable's name)."""
        return Mistake(
            variable=dotted(path),
            asked=asked or f"{dotted(path)} = {shown(self.at(path), path)}",
            found=found,
            remedy=remedy,
            hosts=tuple(hosts) or (EVERYWHERE if self.everywhere else self.hosts),
            place=self.place(path),
        )

    def at(self, path: Path) -> t.Any:
        """The value at C(path); None where there is nothing."""
        value = self.value
        for part in path[1:]:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value


@dataclasses.dataclass(frozen=True)
class Host:
    """A host of the inventory. C(address) is its ansible_host; a C(local) one is the controller under another name."""

    name: str
    groups: frozenset[str]
    address: str | None = None
    local: bool = False


@dataclasses.dataclass
class Site:
    """All hosts and all C(vmsite_) variables of an inventory. C(unreadable) are the mistakes met while they were collected;
    C(unsound) says which host has which variable with a mistake in it: it is there, but not to be judged further."""

    hosts: dict[str, Host]
    variables: list[Variable]
    groups: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    unreadable: list[Mistake] = dataclasses.field(default_factory=list)
    unsound: frozenset[tuple[str, str]] = frozenset()

    def __post_init__(self) -> None:
        for variable in self.variables:
            variable.everywhere = len(variable.hosts) == len(self.hosts)
        self._seen = {(host, variable.name): variable for variable in self.variables for host in variable.hosts}

    def named(self, name: str) -> list[Variable]:
        """Every value of a variable; for a site variable there should be one."""
        return [variable for variable in self.variables if variable.name == name]

    def one(self, name: str) -> Variable:
        """A site variable. Raises KeyError if it is not there."""
        for variable in self.variables:
            if variable.name == name:
                return variable
        raise KeyError(name)

    def of(self, host: str, name: str) -> Variable | None:
        """What a host sees of a host variable."""
        return self._seen.get((host, name))

    def racked(self) -> dict[str, Host]:
        """The hosts that are real machines, not another name of the controller."""
        return {name: host for name, host in self.hosts.items() if not host.local}

    @functools.cached_property
    def planned(self) -> list[Planned]:
        """The plan of every kind of host that has a topology capture."""
        return plan_all(self)

    def pools(self) -> set[str]:
        """The groups that give nodes to a tier."""
        return {tier["pool"] for tier in self.one("vmsite_tiers").value.values()} - set(NO_POOLS)

    def members(self, group: str) -> tuple[str, ...]:
        return self.groups.get(group, ())
