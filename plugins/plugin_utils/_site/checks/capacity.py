# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Capacity: what tenants are promised against what the plans of the pools' hosts have for them."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.checks.check import Check
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Site

KIB_PER_GIB = 1024 * 1024


def quotas_fit(site: Site) -> t.Iterator[Mistake]:
    """A tier's tenants together are promised no more than its hosts have, times the tier's overcommit."""
    tiers, tenants = site.one("vmsite_tiers"), site.one("vmsite_tenants").value
    for name, tier in tiers.value.items():
        have = _capacity(site, tier["pool"])
        inside = [tenant["quota"] for tenant in tenants.values() if tenant["tier"] == name]
        for kind, key, unit in (("cpus", "cpus", "CPUs"), ("memory", "memory_gib", "GiB of memory")):
            promised, there = sum(quota[key] for quota in inside), have[kind]
            if there is not None and promised > there * tier["overcommit"][kind]:
                yield tiers.mistake(
                    ("vmsite_tiers", name, "overcommit", kind),
                    f"tenants of {name} are promised {promised} {unit}, and the hosts of {tier['pool']} have {there} for them",
                    "lower the tenants' quotas, add hosts, or promise more per unit",
                )


def capacity_is_known(site: Site) -> t.Iterator[Mistake]:
    """Where some hosts of a pool have a capture and some have none, the sum says nothing. A pool without any is planned on its hosts."""
    captured = {host for planned in site.planned for host in planned.hosts}
    for pool in sorted(site.pools()):
        unknown = [host for host in site.members(pool) if host not in captured]
        if unknown and len(unknown) < len(site.members(pool)):
            yield Mistake(
                "vmsite_topology_capture",
                f"quotas against the capacity of {pool}",
                "these hosts have no topology capture, so the pool's capacity is unknown",
                "write the result of host_topology_info into a file and name it in vmsite_topology_capture",
                tuple(unknown),
            )


def _capacity(site: Site, pool: str) -> dict[str, int | None]:
    """CPUs that the plans leave to workloads, and GiB of memory (an upper bound); None where it is not known of every host."""
    planned = {host: planned for planned in site.planned if planned.plan for host in planned.hosts}
    hosts = [planned.get(host) for host in site.members(pool)]
    known = [host for host in hosts if host and host.plan and host.topology]
    if not known or len(known) < len(hosts):
        return {"cpus": None, "memory": None}
    sizes = [node.memory_kib for host in known if host.topology for node in host.topology.nodes]
    sized = [size for size in sizes if size is not None]
    return {
        "cpus": sum(
            len(cpu_sets.parse_list(host.plan["cpus"]["vm"] or host.plan["cpus"]["housekeeping"], "plan")) for host in known if host.plan
        ),
        "memory": sum(sized) // KIB_PER_GIB if len(sized) == len(sizes) else None,
    }


CHECKS = (
    Check(quotas_fit, ("vmsite_tiers", "vmsite_tenants")),
    Check(capacity_is_known, ("vmsite_tiers",), warning=True),
)
