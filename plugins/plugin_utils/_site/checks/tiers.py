# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Tiers: what must not share a kernel does not, and each tier's pool can keep what the tier promises."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.checks.check import Check
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake, choices, did_you_mean
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import NO_POOLS, VM_HOSTS, Site

# A workload of these has a guest kernel of its own; a plain container runs on the node's.
OWN_KERNEL = ("kubevirt", "kata", "libvirt")
CAN_MIGRATE = ("kubevirt", "libvirt")


def tiers_share_no_kernel(site: Site) -> t.Iterator[Mistake]:
    """Two tiers of plain containers on one host share its kernel."""
    tiers = site.one("vmsite_tiers")
    containers = [name for name, tier in tiers.value.items() if tier["runtime"] not in OWN_KERNEL]
    for first, second in itertools.combinations(containers, 2):
        pools = tiers.value[first]["pool"], tiers.value[second]["pool"]
        shared = set(site.members(pools[0])) & set(site.members(pools[1]))
        if pools[0] == pools[1] or shared:
            yield tiers.mistake(
                ("vmsite_tiers", second, "pool"),
                f"tier {first} runs plain containers on the same hosts, so the two tiers share a kernel",
                f"give {second} a pool of its own, or runtime kata, which gives each Pod a kernel",
                hosts=sorted(shared),
            )


def systems_share_no_kernel(site: Site) -> t.Iterator[Mistake]:
    """With isolation scope system the rule holds between tenants, also inside one tier."""
    if site.one("vmsite_site").value["isolation_scope"] != "system":
        return
    tiers, tenants = site.one("vmsite_tiers"), site.one("vmsite_tenants")
    for name, tier in tiers.value.items():
        inside = sorted(tenant for tenant, content in tenants.value.items() if content["tier"] == name)
        if tier["runtime"] not in OWN_KERNEL and len(inside) > 1:
            yield tiers.mistake(
                ("vmsite_tiers", name, "runtime"),
                f"the tenants {', '.join(inside)} would share the kernels of {tier['pool']}, and the isolation scope is system",
                "use runtime kata or kubevirt, give each tenant a tier with a pool of its own, or set isolation_scope to tier",
            )


def isolation_is_kept(site: Site) -> t.Iterator[Mistake]:
    tiers = site.one("vmsite_tiers")
    for name, tier in tiers.value.items():
        if tier["isolation"] == "hardware" and tier["runtime"] not in OWN_KERNEL:
            yield tiers.mistake(
                ("vmsite_tiers", name, "isolation"),
                f"runtime {tier['runtime']}, which has no hardware virtualization between workloads",
                f"use runtime {', '.join(OWN_KERNEL[:2])}, or promise isolation namespace",
            )
        if tier["on_maintenance"] == "live_migrate" and tier["runtime"] not in CAN_MIGRATE:
            yield tiers.mistake(
                ("vmsite_tiers", name, "on_maintenance"),
                f"runtime {tier['runtime']}, which cannot be moved while it runs",
                "use on_maintenance restart, or a VM as runtime",
            )


def pools_exist(site: Site) -> t.Iterator[Mistake]:
    tiers = site.one("vmsite_tiers")
    for name, tier in tiers.value.items():
        path, pool = ("vmsite_tiers", name, "pool"), tier["pool"]
        if pool in NO_POOLS:
            yield tiers.mistake(path, f"{pool} is no pool of a tier", "name a group of hosts that run this tier and nothing else")
        elif pool not in site.groups:
            groups = set(site.groups) - set(NO_POOLS)
            yield tiers.mistake(
                path, "the inventory has no such group", did_you_mean(pool, groups, f"add the group; there are {choices(groups)}")
            )
        elif not site.members(pool):
            yield tiers.mistake(path, "the group has no hosts", "put hosts into the group, or remove the tier")
        elif tier["on_maintenance"] == "live_migrate" and len(site.members(pool)) < 2:
            yield tiers.mistake(
                ("vmsite_tiers", name, "on_maintenance"),
                f"the pool {pool} has one host, so there is nowhere to migrate to",
                "add a host to the pool, or use on_maintenance restart",
                hosts=site.members(pool),
            )
        if (tier["runtime"] == "libvirt") != (pool == VM_HOSTS):
            yield tiers.mistake(
                ("vmsite_tiers", name, "runtime"),
                f"pool {pool}: plain libvirt VMs run on the hosts of {VM_HOSTS}, and nothing else does",
                f"use pool {VM_HOSTS} with runtime libvirt, and another pool with every other runtime",
            )


CHECKS = (
    Check(tiers_share_no_kernel, ("vmsite_tiers",)),
    Check(systems_share_no_kernel, ("vmsite_site", "vmsite_tiers", "vmsite_tenants")),
    Check(isolation_is_kept, ("vmsite_tiers",)),
    Check(pools_exist, ("vmsite_tiers",)),
)
