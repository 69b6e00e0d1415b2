# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads an inventory as ansible-playbook does, and changes what was read, for tests of the site model.

    python inventory.py HOSTS_FILE OUTPUT

writes what is read as a pickle.
"""

from __future__ import annotations

import copy
import functools
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import typing as t

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

if __name__ == "__main__":
    init_plugin_loader([])  # from here on the core imports ansible_collections

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.check import Report, check
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.collect import collect
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Path
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Host, Site, Variable

CHECKOUT = pathlib.Path(__file__).parents[3]
EXAMPLE = CHECKOUT / "inventories" / "example" / "hosts.yml"
LAB = CHECKOUT / "inventories" / "lab" / "hosts.yml"


class _Removed:
    def __repr__(self) -> str:
        return "REMOVED"


REMOVED = _Removed()


def read(hosts: pathlib.Path) -> Site:
    """The site of an inventory file, with its group_vars and host_vars, through the core's own loader."""
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(hosts)])
    manager = VariableManager(loader=loader, inventory=inventory)
    return collect(HostVars(inventory, manager, loader), inventory.get_groups_dict())


@functools.cache
def read_as_playbook(hosts: pathlib.Path) -> Site:
    """As C(read), with the collection's filters: in a process where the core finds the collection before Python does."""
    with tempfile.NamedTemporaryFile() as output:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run([sys.executable, __file__, str(hosts), output.name], check=True, env=environment)
        return t.cast("Site", pickle.load(output))


def example() -> Site:
    """A copy of the example site that a test may change."""
    return copy.deepcopy(read_as_playbook(EXAMPLE))


def put(site: Site, path: Path, value: t.Any, host: str | None = None) -> None:
    """Write a value into a variable (of a host, or of all). REMOVED takes it out."""
    variable = site.of(host, str(path[0])) if host else site.one(str(path[0]))
    assert variable is not None, f"{host} has no {path[0]}"
    if len(path) == 1:
        variable.value = value
        return
    inner = variable.value
    for part in path[1:-1]:
        inner = inner[part]
    if value is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value


def add_variable(site: Site, name: str, value: t.Any, *hosts: str) -> Site:
    """The site with one more variable on some hosts, or on all."""
    return _rebuilt(site, variables=[*site.variables, Variable(name, value, hosts or tuple(site.hosts))])


def without_variable(site: Site, name: str, *hosts: str) -> Site:
    """The site without a variable on some hosts, or on all."""
    left = []
    for variable in site.variables:
        if variable.name == name:
            variable.hosts = tuple(host for host in variable.hosts if hosts and host not in hosts)
        if variable.hosts:
            left.append(variable)
    return _rebuilt(site, variables=left)


def with_group(site: Site, group: str, *members: str) -> Site:
    """The site with other hosts in a group."""
    hosts = {
        name: Host(name, host.groups | {group} if name in members else host.groups - {group}, host.address, host.local)
        for name, host in site.hosts.items()
    }
    return _rebuilt(site, hosts=hosts, groups={**site.groups, group: members})


def _rebuilt(site: Site, **changed: t.Any) -> Site:
    parts = {"hosts": site.hosts, "variables": site.variables, "groups": site.groups, "unreadable": site.unreadable, **changed}
    return Site(**parts)


def mistakes(site: Site) -> list[str]:
    """Each mistake as C(variable: found)."""
    return [f"{mistake.variable}: {mistake.found}" for mistake in report(site).mistakes]


def warnings(site: Site) -> list[str]:
    return [f"{warning.variable}: {warning.found}" for warning in report(site).warnings]


def report(site: Site) -> Report:
    return check(site)


if __name__ == "__main__":
    with open(sys.argv[2], "wb") as file:
        pickle.dump(read(pathlib.Path(sys.argv[1])), file)
