# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Host profiles and VMs: who needs one has one, and what they name exists. Where the host was captured, it is planned."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.checks.check import Check
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake, dotted
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import VM_HOSTS, Site, Variable


def pools_have_profiles(site: Site) -> t.Iterator[Mistake]:
    """A host that runs workloads is tuned from a profile."""
    for pool in sorted(site.pools() | {VM_HOSTS}):
        missing = [
            host
            for host in site.members(pool)
            if not site.of(host, "vmsite_host_profile") and (host, "vmsite_host_profile") not in site.unsound
        ]
        if missing:
            yield Mistake(
                "vmsite_host_profile",
                f"a host profile for every host of {pool}",
                "these hosts have none",
                f"write vmsite_host_profile in group_vars/{pool}/host_profile.yml",
                tuple(missing),
            )


def profiles_are_understood(site: Site) -> t.Iterator[Mistake]:
    """The planner itself reads each profile, so keys and types are defined in one place."""
    for variable in site.named("vmsite_host_profile"):
        try:
            Profile.from_dict(variable.value)
        except Failure as failure:
            yield _in_profile(variable, failure)
        except Failures as several:
            yield from (_in_profile(variable, failure) for failure in several.failures)


def captured_hosts_can_be_planned(site: Site) -> t.Iterator[Mistake]:
    """What a profile asks, the host in the topology capture can give."""
    understood = {mistake.place for mistake in profiles_are_understood(site)}
    for planned in site.planned:
        for failure in planned.refusals:
            if failure.where.startswith("profile"):
                mistake = _in_profile(planned.profile, failure, planned.hosts)
                if mistake.place not in understood:
                    yield mistake
            else:
                path = (planned.capture.name,)
                yield planned.capture.mistake(path, failure.found, failure.remedy, hosts=planned.hosts)


def _in_profile(variable: Variable, failure: Failure, hosts: t.Sequence[str] = ()) -> Mistake:
    """The planner says C(profile.dpdk_nics[0].pci) for the place."""
    path: list[str | int] = [variable.name]
    for key, index in re.findall(r"([A-Za-z_]\w*)|\[(\d+)\]", failure.where.removeprefix("profile")):
        path.append(key or int(index))
    return variable.mistake(tuple(path), failure.found, failure.remedy, asked=f"{dotted(tuple(path))}: {failure.asked}", hosts=hosts)


def vms_have_one_home(site: Site) -> t.Iterator[Mistake]:
    """A VM is described on one host of kvm_hosts: where it runs first."""
    homes: dict[str, str] = {}
    for variable in site.named("vmsite_vms"):
        outside = [host for host in variable.hosts if VM_HOSTS not in site.hosts[host].groups] if variable.value else []
        if outside:
            yield variable.mistake(
                (variable.name,),
                f"VMs on a host outside {VM_HOSTS}",
                f"put the host into {VM_HOSTS}, or move the VMs",
                asked=variable.name,
                hosts=outside,
            )
        for index, vm in enumerate(variable.value):
            for host in variable.hosts:
                if vm["name"] in homes:
                    yield variable.mistake(
                        (variable.name, index, "name"),
                        f"host {homes[vm['name']]} has a VM of this name",
                        "describe a VM on one host",
                        hosts=(host,),
                    )
                homes.setdefault(vm["name"], host)


CHECKS = (
    Check(pools_have_profiles, ("vmsite_tiers",)),
    Check(profiles_are_understood),
    Check(captured_hosts_can_be_planned),
    Check(vms_have_one_home),
)
