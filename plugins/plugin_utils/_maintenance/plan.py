# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The whole of a maintenance, decided before a host is touched: settings, batches, and how each host is drained. No I/O."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible.inventory.manager import split_host_pattern

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.batches import batches
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.settings import PREFIX, Settings, mistake, settings
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import did_you_mean, named
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import VM_HOSTS

Json = dict[str, t.Any]
Model = t.Mapping[str, t.Mapping[str, t.Any]]

# A part of a pattern that names no single host or group.
WITH_WILDCARD = re.compile(r"[*?\[~]")


def plan(variables: t.Mapping[str, t.Any], matched: t.Sequence[str], model: Model) -> Json:
    """C(matched): what the pattern gave; C(model): the hosts as the door site_model returns them (C(groups), C(pool), C(placement)).

    Gives C(mistakes) (texts), C(settings), C(hosts) in their order, C(batches) (C(domain), C(hosts)), C(sizes) of the batches, and C(involved):
    the hosts, and those that may have or take their VMs.
    """
    asked, mistakes = settings(variables)
    if "ansible_limit" in variables:
        remedy = f"say {PREFIX}hosts instead: a limit would also hide the hosts that take the VMs"
        mistakes.append(
            Failure(asked="this playbook with --limit", found="it has its own way to say that", where="the command", remedy=remedy)
        )
    mistakes += _hosts(asked, matched, model) + _target(asked, matched, model)
    ordered = [] if mistakes else batches(matched, {host: model[host]["placement"] for host in matched}, asked.domain, asked.at_once)
    hosts = [host for batch in ordered for host in batch.hosts]
    kvm_hosts = [host for host in model if _is_kvm(model, host)] if any(_is_kvm(model, host) for host in hosts) else []
    return {
        "mistakes": [str(one) for one in mistakes],
        "settings": dataclasses.asdict(asked),
        "batches": [{"domain": batch.domain, "hosts": list(batch.hosts)} for batch in ordered],
        "hosts": hosts,
        "sizes": [len(batch.hosts) for batch in ordered],
        "involved": list(dict.fromkeys(hosts + kvm_hosts)),
    }


def _hosts(asked: Settings, matched: t.Sequence[str], model: Model) -> list[Failure]:
    if not asked.hosts:
        return []
    known = {"all", *model, *(group for host in model.values() for group in host["groups"])}
    names = [part.lstrip("!&") for part in split_host_pattern(asked.hosts)]
    unknown = [name for name in names if not WITH_WILDCARD.search(name) and name not in known]
    found = [
        mistake("hosts", asked.hosts, f"the inventory has no host or group {name}", did_you_mean(name, known, "name one of the inventory"))
        for name in unknown
    ]
    if not matched and not unknown:
        found.append(mistake("hosts", asked.hosts, "it matches no host", "say another pattern"))
    nowhere = [host for host in matched if not model[host]["placement"]]
    if nowhere:
        found.append(mistake("hosts", asked.hosts, f"{named(nowhere)}: no vmsite_placement", "name hosts that stand somewhere"))
    nodes = [host for host in matched if model[host]["pool"] not in (None, VM_HOSTS)]
    if nodes and not asked.drain_tasks:
        remedy = f"leave them out, or say {PREFIX}drain_tasks: a file of tasks that drains one host"
        found.append(mistake("hosts", asked.hosts, f"{named(nodes)}: draining cluster nodes is not there yet", remedy))
    return found


def _target(asked: Settings, matched: t.Sequence[str], model: Model) -> list[Failure]:
    if not asked.target:
        return []
    if asked.target not in model or not _is_kvm(model, asked.target):
        hosts = [host for host in model if _is_kvm(model, host)]
        remedy = did_you_mean(asked.target, hosts, f"name a host of {VM_HOSTS}, or none")
        return [mistake("target", asked.target, f"it is no host of {VM_HOSTS}", remedy)]
    if asked.target in matched:
        return [mistake("target", asked.target, "it is to be maintained itself", "name another, or none: then each VM's is chosen")]
    return []


def _is_kvm(model: Model, host: str) -> bool:
    return VM_HOSTS in model[host]["groups"]
