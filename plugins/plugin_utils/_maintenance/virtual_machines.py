# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Which VMs leave a libvirt host for its maintenance, where they go, and which come back. No I/O.

Which VMs belong to a host is what the site model says (C(vmsite_vms) of that host), so it is known after a kill too.
"""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

Json = dict[str, t.Any]
Variables = t.Mapping[str, t.Mapping[str, t.Any]]
Active = t.Mapping[str, t.Sequence[str]]


def active(results: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, list[str]]:
    """The names of active VMs by host, from a loop of C(virsh list --name) over the hosts; none where there is no libvirt."""
    return {result["item"]: [line.strip() for line in result.get("stdout_lines", []) if line.strip()] for result in results}


def moves(variables: Variables, vms: Active, host: str, batch: t.Sequence[str], target: str = "") -> tuple[list[Json], list[Failure]]:
    """What leaves C(host), as C(name) and C(target), and what stands in the way. C(batch) are the hosts that are maintained now.

    A VM goes to where it is just being received (from a run that was killed); else to C(target) if one is said; else home, if that is another host;
    else to the host whose VMs have the least memory by the model, these moves counted.
    """
    homes, memory = _model(variables, vms)
    others = [one for one in vms if one not in batch]
    able = [one for one in others if (not target or one == target) and _has_plan(variables[one])]
    load = {one: sum(memory.get(name, 0) for name in vms[one]) for one in able}
    found: list[Json] = []
    failures: list[Failure] = []
    for name in vms.get(host, []):
        receiving = [one for one in others if name in vms[one] and _has_plan(variables[one])]
        if name not in homes:
            remedy = "write it into vmsite_vms of its host, or move or stop it by hand"
            failures.append(_failure(name, host, "the site model does not know it", remedy))
        elif not (receiving or able):
            remedy = "maintain fewer hosts at once, name another host_maintenance_target, or give a host of kvm_hosts a vmsite_host_profile"
            failures.append(
                _failure(name, host, f"no host can take it: none of {', '.join(others) or 'no other hosts'} has a plan", remedy)
            )
        else:
            home = [homes[name]] if homes[name] in able else []
            chosen = next(iter(receiving + home), None) or min(able, key=lambda one: load[one])
            load[chosen] = load.get(chosen, 0) + memory[name]
            found.append({"name": name, "target": chosen})
    return found, failures


def returns(variables: Variables, vms: Active, host: str) -> list[Json]:
    """What the site model places on C(host) and is active elsewhere, as C(name) and C(source), in the order of the model."""
    return [
        {"name": vm["name"], "source": source}
        for vm in variables[host].get("vmsite_vms") or []
        if vm.get("state", "running") in ("running", "defined")
        for source in [one for one in vms if one != host and vm["name"] in vms[one]][:1]
    ]


def _model(variables: Variables, vms: Active) -> tuple[dict[str, str], dict[str, int]]:
    """Home and memory in MiB of every VM of the site model."""
    known = [(host, vm) for host in vms for vm in variables[host].get("vmsite_vms") or [] if vm.get("state", "running") != "absent"]
    return {vm["name"]: host for host, vm in known}, {vm["name"]: vm.get("memory_mib") or 0 for _host, vm in known}


def _has_plan(variables: t.Mapping[str, t.Any]) -> bool:
    return bool((variables.get("host_plan_result") or {}).get("plan"))


def _failure(name: str, host: str, found: str, remedy: str) -> Failure:
    return Failure(asked=f"VM {name}: move it away from {host}", found=found, where=host, remedy=remedy)
