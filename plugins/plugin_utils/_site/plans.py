# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Plans each kind of host from its topology capture, as host_plan would on the host: once per pair of a profile and a capture."""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.planner import plan_host
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Site, Variable


@dataclasses.dataclass(frozen=True)
class Planned:
    """One profile on one capture, and the hosts that have both. C(plan) is host_plan's, None where there are C(refusals)."""

    hosts: tuple[str, ...]
    profile: Variable
    capture: Variable
    topology: Topology | None
    plan: dict[str, t.Any] | None
    refusals: tuple[Failure, ...] = ()


def plan_all(site: Site) -> list[Planned]:
    """Every pair in the inventory. A capture that cannot be read is among the refusals, with C(where) C(topology)."""
    pairs: dict[tuple[int, int], tuple[Variable, Variable, list[str]]] = {}
    for host in site.racked():
        profile, capture = site.of(host, "vmsite_host_profile"), site.of(host, "vmsite_topology_capture")
        if profile and capture:
            pairs.setdefault((id(profile), id(capture)), (profile, capture, []))[2].append(host)
    return [_planned(tuple(hosts), profile, capture) for profile, capture, hosts in pairs.values()]


def _planned(hosts: tuple[str, ...], profile: Variable, capture: Variable) -> Planned:
    try:
        topology = _read(capture.value)
    except Failure as failure:
        return Planned(hosts, profile, capture, None, None, (failure,))
    try:
        return Planned(hosts, profile, capture, topology, plan_host(topology, Profile.from_dict(profile.value)).as_dict())
    except Failure as failure:
        return Planned(hosts, profile, capture, topology, None, (failure,))
    except Failures as several:
        return Planned(hosts, profile, capture, topology, None, tuple(several.failures))


def _read(path: str) -> Topology:
    remedy = "write the value topology of host_topology_info's result into it as JSON, or remove the variable"
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            return Topology.from_dict(json.load(file))
    except OSError as error:
        raise Failure(asked=f"read {path}", found=f"it cannot be read: {error.strerror}", where="topology", remedy=remedy) from error
    except ValueError as error:  # bad JSON, bad UTF-8
        raise Failure(asked=f"read {path}", found=f"it is no JSON: {error}", where="topology", remedy=remedy) from error
