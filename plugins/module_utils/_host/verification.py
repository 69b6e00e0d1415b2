# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The plan against the host as it is. No comparison of its own: the planners that apply the plan are asked what they would still do."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.concern import KernelArguments
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.isolation import Isolation
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Comparison
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.hugepages import Hugepages, Wanted
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.irqs.concern import IrqAffinity
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.concern import OvsDpdk
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.concern import Wanted as WantedOvs
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.ports import bridges_from
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.planner import plan_host
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import Profile
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.reader import read_topology

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

Json = dict[str, t.Any]

# The parts of a plan that others act on. Reasons and memory totals may read differently on the same host from one boot to the next.
DECISIONS = ("cpus", "hugepages", "kernel_args", "irq", "rcu", "systemd", "libvirt")


class PlanStillHolds(Comparison):
    """The host still has what the plan was made for: CPUs that went offline or moved to another node give another plan."""

    def __init__(self, root: HostRoot, plan: Json) -> None:
        self._root = root
        self._plan = plan

    def plan(self) -> ChangeSet:
        today = plan_host(read_topology(self._root), Profile.from_dict(self._plan["profile"])).as_dict()
        changes = ChangeSet()
        for part in DECISIONS:
            changes.compare(
                f"plan.{part}", today[part], self._plan[part], "the plan that was applied says so; today's topology gives another"
            )
        return changes


def concerns(
    root: HostRoot,
    plan: Json,
    bridges: t.Sequence[Json],
    hugepages_owned: bool,
    kernel_owned: bool = True,
    other_config: t.Mapping[str, t.Any] | None = None,
) -> dict[str, Comparison]:
    """What the plan decides on this host, by name. The kernel of a container is another's: then nothing of it is compared.

    C(other_config): settings of Open vSwitch that the site has beside the plan's; where both have a key, the site's wins.
    """
    found: dict[str, Comparison] = {
        "host plan": PlanStillHolds(root, plan),
        "hugepages": Hugepages(root, [Wanted(**entry) for entry in plan["hugepages"]], owned=hugepages_owned),
    }
    if kernel_owned:
        found["kernel arguments"] = KernelArguments(root, plan["kernel_args"])
        found["CPU isolation"] = Isolation(root, plan["kernel_args"])
        found["interrupts"] = IrqAffinity(root, plan["irq"]["affinity"])
    if plan["ovs"]["enabled"]:
        settings = {"dpdk-init": True, **plan["ovs"]["other_config"], **(other_config or {})}
        found["OVS-DPDK"] = OvsDpdk(root, WantedOvs(other_config=settings, bridges=bridges_from(list(bridges))))
    return found


def verify(name: str, concern: Comparison) -> Json:
    """One entry per concern: C(changes) that the planner would still make, and C(failures) of what did not come up or is not in force yet."""
    try:
        changes = concern.plan()
        if not changes:
            raise_all([_not_in_force(name, reason) for reason in changes.pending])
            concern.verify()
    except Failures as failures:
        return _entry(name, [], failures.failures)
    except Failure as failure:
        return _entry(name, [], [failure])
    return _entry(name, [dataclasses.asdict(change) for change in changes], [])


def _not_in_force(name: str, reason: str) -> Failure:
    return Failure(
        asked=f"{name} in force", found=reason, where="the running host", remedy="reboot it, or restart the service that is named"
    )


def _entry(name: str, changes: list[Json], failures: list[Failure]) -> Json:
    return {"name": name, "changes": changes, "failures": [failure.as_dict() for failure in failures]}
