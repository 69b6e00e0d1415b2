# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a host with what was remembered of it, and with what the doors said: judge.py EXPECTATION HOST, the snapshot on standard input.

Works in Molecule's directory for the scenario, where the callback keep_changes leaves what the doors returned. Ends with 1 and says
what is wrong if the expectation does not hold.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import sys
import typing as t

# What others do because of a change that a door names, each with its reason: how "thing: its state now" begins. It is counted and printed.
SIDE_EFFECTS = {
    r"file /etc/rc\d\.d/[SK]\d\d[\w-]+: ": "systemctl enable keeps the links of the unit's old init script",
    r"file /etc/systemd/system/\S+: (link to |root:root d|None)": "systemctl enable follows Alias=, Also=, WantedBy= and RequiredBy= of the unit",
    r"boot of unit systemd-network\S+: ": "Also= of systemd-networkd.service",
    r"boot of unit ovs-record-hostname\.service: ": "WantedBy= of openvswitch-switch.service",
    r"boot of unit (dbus-org\.freedesktop\.network1|chronyd)\.service: ": "the alias of a unit that was enabled",
    r"unit (ovsdb-server|ovs-record-hostname|systemd-machined)\.service: ": "required or wanted by a unit that was started",
    r"unit (systemd-networkd|virt\w+-admin)\.socket: ": "required or wanted by a unit that was started",
    r"OVSDB external_ids:(hostname|rundir|system-id): ": "ovs-ctl writes it when Open vSwitch starts",
    r"file /etc/openvswitch/system-id\.conf: ": "ovs-ctl writes it when Open vSwitch starts",
    r"OVSDB (Port|Interface) vhost-\S+: ": "the libvirt hook's port of a VM that was started",
    r"OVSDB other_config:pmd-maxsleep: ": "the name of pmd-sleep-max before Open vSwitch 3.2",
    r"file /etc/libvirt/(nwfilter|qemu/networks)/\S+\.xml: ": "libvirtd gives the distribution's definitions their UUIDs at its first start",
    r"file /etc/libvirt/secrets: ": "libvirtd makes it at its first start",
    r"file /var/lib/vhost_sockets/\S+\.sock: ": "QEMU's socket, as long as the VM runs",
    r"file /var/lib/vmsite/\S+: ": "records of runs that are not finished, kept by the doors",
}

DIRECTORY = pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
Snapshot = dict[str, t.Any]
Change = dict[str, t.Any]


def doors(run: str, host: str) -> list[Change]:
    """All tasks' changes of the last run of this kind on the host; a task that changed without saying what counts as one."""
    tasks = json.loads((DIRECTORY / f"converge-{run}.json").read_text(encoding="utf-8")).get(host, [])
    unsaid = [
        {"what": f"task {task['task']}", "current": None, "wanted": None} for task in tasks if task["changed"] and not task["changes"]
    ]
    said = [{key: change[key] for key in ("what", "current", "wanted")} for task in tasks for change in task["changes"]]
    return said + unsaid


def differences(before: Snapshot, now: Snapshot) -> dict[str, tuple[t.Any, t.Any]]:
    return {key: (before.get(key), now.get(key)) for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)}


def is_named(thing: str, changes: list[Change]) -> bool:
    """Whether a change says the thing's name: in full, its path, or the file, unit, package, VM, bridge, port or key that it is."""
    subject = thing.split(" ")[-1]
    names = {subject, os.path.basename(subject), pathlib.Path(subject).stem}
    words = {word.rstrip(":,") for change in changes for word in re.split(r"\s", change["what"])}
    files = {os.path.basename(word) for word in words if "/" in word}
    return bool(names & (words | files)) or any(change["what"] == thing for change in changes)


def is_side_effect(thing: str, now: t.Any) -> bool:
    return any(re.match(pattern, f"{thing}: {now}") for pattern in SIDE_EFFECTS)


def is_like(change: Change, others: list[Change]) -> bool:
    """The same thing with the same end: an earlier task of the same run may have changed what it starts from."""
    return any((change["what"], change["wanted"]) == (other["what"], other["wanted"]) for other in others)


def shown(found: dict[str, tuple[t.Any, t.Any]]) -> list[str]:
    return [f"{thing}: {before} -> {now}" for thing, (before, now) in found.items()]


def after_check(_host: str, before: Snapshot, now: Snapshot) -> list[str]:
    return [f"check mode changed {line}" for line in shown(differences(before, now))]


def after_converge(host: str, before: Snapshot, now: Snapshot) -> list[str]:
    predicted, applied = doors("check", host), doors("apply", host)
    wrong = [f"predicted, not applied: {change}" for change in predicted if not is_like(change, applied)]
    wrong += [f"applied, not predicted: {change}" for change in applied if not is_like(change, predicted)]
    unnamed = {thing: states for thing, states in differences(before, now).items() if not is_named(thing, applied)}
    side_effects = [thing for thing, (_was, now_is) in unnamed.items() if applied and is_side_effect(thing, now_is)]
    print(f"{host}: {len(side_effects)} side effects of programs: {', '.join(side_effects) or 'none'}")
    unnamed = {thing: states for thing, states in unnamed.items() if thing not in side_effects}
    return wrong + [f"changed, and no door says so: {line}" for line in shown(unnamed)]


def after_second_check(host: str, before: Snapshot, now: Snapshot) -> list[str]:
    return after_check(host, before, now) + [f"the second check predicts {change}" for change in doors("check", host)]


EXPECTATIONS: dict[str, t.Callable[[str, Snapshot, Snapshot], list[str]]] = {
    "remember": lambda _host, _before, _now: [],
    "after_check": after_check,
    "after_converge": after_converge,
    "after_second_check": after_second_check,
}


def main() -> None:
    expectation, host = sys.argv[1:]
    now = json.load(sys.stdin)
    kept = DIRECTORY / f"snapshot-{host}.json"
    before = {} if expectation == "remember" else json.loads(kept.read_text(encoding="utf-8"))
    wrong = EXPECTATIONS[expectation](host, before, now)
    kept.write_text(json.dumps(now, indent=1, sort_keys=True), encoding="utf-8")
    print(f"{host}: {len(now)} things read, {len(differences(before, now))} differ from the last time, {len(wrong)} wrong")
    print(*wrong, sep="\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
