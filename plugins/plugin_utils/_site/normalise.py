# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The model as the door returns it: the site variables as they are, and per host what follows from them."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site import addresses
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import PREFIX, SITE_VARIABLES, VM_HOSTS, Site
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.plans import Planned


def normalised(site: Site) -> dict[str, t.Any]:
    """A sound model as plain data: C(site), C(network), C(storage), C(tiers), C(tenants), and C(hosts) by name."""
    plans = {host: planned for planned in site.planned for host in planned.hosts}
    return {
        **{name.removeprefix(PREFIX): site.one(name).value for name in SITE_VARIABLES},
        "hosts": {name: _host(site, name, plans.get(name)) for name in site.hosts},
    }


def counts(site: Site) -> dict[str, int]:
    tenants = site.one("vmsite_tenants").value
    return {
        "hosts": len(site.hosts),
        "tiers": len(site.one("vmsite_tiers").value),
        "pools": len(site.pools()),
        "tenants": len(tenants),
        "namespaces": sum(len(tenant["namespaces"]) for tenant in tenants.values()),
        "prefixes": len(site.one("vmsite_network").value["prefixes"]),
        "vms": sum(len(variable.value) * len(variable.hosts) for variable in site.named("vmsite_vms")),
    }


def _host(site: Site, name: str, planned: Planned | None) -> dict[str, t.Any]:
    host = site.hosts[name]
    network = site.one("vmsite_network").value
    placement = site.of(name, "vmsite_placement")
    pools = sorted(host.groups & (site.pools() | {"control_plane", VM_HOSTS}))
    numbered = name in network["host_numbers"]
    return {
        "groups": sorted(host.groups - {"all"}),
        "pool": pools[0] if pools else None,
        "tier": next((tier for tier, content in site.one("vmsite_tiers").value.items() if content["pool"] in host.groups), None),
        "placement": placement.value if placement else None,
        "addresses": {
            purpose: addresses.derive(network, purpose, name)["address"]
            for purpose, prefix in network["prefixes"].items()
            if numbered and ("hosts" in prefix or name in prefix.get("exceptions", {}))
        },
        "plan": {"capture": planned.capture.value, **planned.plan["cpus"]} if planned and planned.plan else {},
    }
