# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Hosts: each stands somewhere, has one job, and the groups with a quorum can have one."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.checks.check import Check
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake, choices, did_you_mean
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import SERVICE_GROUPS, VM_HOSTS, Site


def hosts_stand_somewhere(site: Site) -> t.Iterator[Mistake]:
    missing = [host for host in site.racked() if not site.of(host, "vmsite_placement") and (host, "vmsite_placement") not in site.unsound]
    if missing:
        yield Mistake(
            "vmsite_placement",
            "zone, room and rack of every host",
            "these hosts have no vmsite_placement",
            "write vmsite_placement in host_vars/<host>.yml, or in the group_vars of a rack's group",
            tuple(missing),
        )


def hosts_have_a_job(site: Site) -> t.Iterator[Mistake]:
    """A host is in a pool or gives a service; a node is in one pool only, for its pool is its tier."""
    pools = site.pools() | {"control_plane", VM_HOSTS}
    jobs = pools | set(SERVICE_GROUPS)
    idle = [name for name, host in site.racked().items() if not host.groups & jobs]
    if idle:
        yield Mistake(
            "inventory groups",
            "a pool or a service for every host",
            "these hosts are in none",
            f"put them into one of {choices(jobs)}, or name their group as a tier's pool",
            tuple(idle),
        )
    for name, host in site.racked().items():
        inside = sorted(host.groups & pools)
        if len(inside) > 1:
            yield Mistake("inventory groups", "one pool per host", f"it is in {', '.join(inside)}", "take it out of all but one", (name,))


def quorums_are_odd(site: Site) -> t.Iterator[Mistake]:
    """An even number of members survives no more losses than one member less (etcd, "Failure tolerance")."""
    for group in ("etcd", "control_plane"):
        members = site.members(group)
        if members and len(members) % 2 == 0:
            yield Mistake(
                f"group {group}",
                f"a quorum of the hosts in {group}",
                f"{len(members)} hosts, which survive no more losses than {len(members) - 1}",
                "have 1 (a rehearsal), 3 or 5",
                members,
            )


def failure_domains_differ(site: Site) -> t.Iterator[Mistake]:
    """The members of a quorum and of a pool do not all fall with one rack."""
    for group in sorted({"etcd", "control_plane", *site.pools()}):
        members = site.members(group)
        racks = {_rack(site, host) for host in members}
        if len(members) > 1 and len(racks) == 1 and None not in racks:
            yield Mistake(
                f"group {group}",
                f"{group} survives the loss of a rack",
                f"all its hosts stand in rack {racks.pop()}",
                "spread them over racks",
                members,
            )


def _rack(site: Site, host: str) -> str | None:
    placement = site.of(host, "vmsite_placement")
    return "/".join(placement.value[part] for part in ("zone", "room", "rack")) if placement else None


def time_has_a_source(site: Site) -> t.Iterator[Mistake]:
    variable = site.one("vmsite_site")
    time = variable.value["time"]
    if not time["sources"] and not time["servers"]:
        yield variable.mistake(
            ("vmsite_site", "time"),
            "neither sources nor servers",
            "name time servers outside the site, or hosts that serve the time",
            asked="where the time comes from",
        )
    for index, host in enumerate(time["servers"]):
        if host not in site.hosts:
            yield variable.mistake(
                ("vmsite_site", "time", "servers", index),
                "no such host in the inventory",
                did_you_mean(host, site.hosts, "name a host of the inventory"),
            )


def time_can_be_judged(site: Site) -> t.Iterator[Mistake]:
    """Two sources that differ cannot be judged, and none at all is nobody's time (chrony FAQ: at least three)."""
    variable = site.one("vmsite_site")
    time = variable.value["time"]
    if time["control_clock"] and len(time["sources"]) < 3:
        yield variable.mistake(
            ("vmsite_site", "time", "sources"), f"{len(time['sources'])} sources, of which a wrong one cannot be told", "name three or more"
        )


def artifacts_can_be_had(site: Site) -> t.Iterator[Mistake]:
    variable = site.one("vmsite_site")
    artifacts = variable.value["artifacts"]
    if artifacts["source"] == "mirror":
        for key, remedy in (("mirror", "write the mirror's base URL"), ("checksums", "name the file with the artifacts' SHA-256")):
            if key not in artifacts:
                yield variable.mistake(
                    ("vmsite_site", "artifacts", key),
                    "it is missing, and artifacts come from a mirror",
                    remedy,
                    asked=f"vmsite_site.artifacts.{key}",
                )


CHECKS = (
    Check(hosts_stand_somewhere),
    Check(hosts_have_a_job, ("vmsite_tiers",)),
    Check(quorums_are_odd),
    Check(time_has_a_source, ("vmsite_site",)),
    Check(artifacts_can_be_had, ("vmsite_site",)),
    Check(failure_domains_differ, ("vmsite_tiers",), warning=True),
    Check(time_can_be_judged, ("vmsite_site",), warning=True),
)
