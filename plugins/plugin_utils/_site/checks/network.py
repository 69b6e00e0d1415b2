# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The prefix plan: nothing overlaps, nothing runs out, no address is given twice."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site import addresses
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.checks.check import Check
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake, Path, did_you_mean
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Site, Variable

FULL = 0.9


def prefixes_are_apart(site: Site) -> t.Iterator[Mistake]:
    network = site.one("vmsite_network")
    for (first, one), (second, other) in itertools.combinations(_parsed(network).items(), 2):
        if one.version == other.version and (one in other or other in one):
            yield network.mistake(
                _at(second, "prefix"), f"it overlaps {one}, the prefix for {first}", "give each purpose addresses of its own"
            )


def prefixes_are_sound(site: Site) -> t.Iterator[Mistake]:
    """Prefixes, gateways, ranges and exceptions are addresses and lie where they should."""
    network = site.one("vmsite_network")
    parsed = _parsed(network)
    for purpose, prefix in network.value["prefixes"].items():
        if purpose not in parsed:
            try:
                addresses.parse_prefix(prefix["prefix"], purpose)
            except Failure as failure:
                yield network.mistake(_at(purpose, "prefix"), failure.found, failure.remedy)
            continue
        yield from _inside(network, _at(purpose, "gateway"), parsed[purpose])
        for host in prefix.get("exceptions", {}):
            yield from _inside(network, _at(purpose, "exceptions", host), parsed[purpose])
        yield from _ranges(network, purpose, parsed[purpose])


def hosts_are_numbered(site: Site) -> t.Iterator[Mistake]:
    network = site.one("vmsite_network")
    numbers = network.value["host_numbers"]
    missing = sorted(set(site.racked()) - set(numbers))
    if missing:
        yield network.mistake(
            ("vmsite_network", "host_numbers"),
            "these hosts have no number",
            f"give each a number that was never used, from {max(numbers.values(), default=0) + 1} on",
            asked="a number per host",
            hosts=missing,
        )
    for host in numbers:
        if host not in site.hosts:
            yield network.mistake(
                ("vmsite_network", "host_numbers", host),
                "no such host in the inventory",
                did_you_mean(host, missing, "remove the line, and do not give its number to another host"),
            )
    known = [*site.hosts, *network.value.get("vm_numbers", {})]
    for purpose, prefix in network.value["prefixes"].items():
        for name in prefix.get("exceptions", {}):
            if name not in known:
                yield network.mistake(
                    _at(purpose, "exceptions", name), "no such host or VM", did_you_mean(name, known, "remove the exception")
                )


def numbers_are_given_once(site: Site) -> t.Iterator[Mistake]:
    network = site.one("vmsite_network")
    for key in addresses.KINDS.values():
        owners: dict[int, str] = {}
        numbers = network.value.get(key, {})
        for name, number in numbers.items():
            if number in owners:
                yield network.mistake(
                    ("vmsite_network", key, name),
                    f"{owners[number]} has this number",
                    f"write a free one, for example {max(numbers.values()) + 1}",
                )
            owners.setdefault(number, name)
    for name in network.value.get("vm_numbers", {}):
        if name in network.value["host_numbers"]:
            yield network.mistake(("vmsite_network", "vm_numbers", name), "a host has this name", "name the VM otherwise")


def addresses_suffice(site: Site) -> t.Iterator[Mistake]:
    """Every numbered host and VM has an address in every prefix that has addresses for its kind."""
    network = site.one("vmsite_network")
    for purpose in network.value["prefixes"]:
        for kind in addresses.KINDS:
            for name, failure in _planned(network, purpose, kind)[1]:
                yield network.mistake(
                    _at(purpose, kind), failure.found, failure.remedy, asked=failure.asked, hosts=[name] if kind == "hosts" else ()
                )


def addresses_are_given_once(site: Site) -> t.Iterator[Mistake]:
    """Hosts, gateways and VMs: each address has one owner."""
    network = site.one("vmsite_network")
    owners: dict[str, str] = {}
    for purpose, prefix in network.value["prefixes"].items():
        if "gateway" in prefix and addresses.is_address(prefix["gateway"]):
            owners[str(addresses.parse_address(prefix["gateway"], ""))] = f"the gateway of {purpose}"
        for kind, key in addresses.KINDS.items():
            numbers = network.value.get(key, {})
            for name, address in _planned(network, purpose, kind)[0].items():
                if address in owners and numbers[name] != numbers.get(owners[address]):  # the same number is a mistake of its own
                    path = _at(purpose, "exceptions", name) if name in prefix.get("exceptions", {}) else ("vmsite_network", key, name)
                    yield network.mistake(
                        path, f"its {purpose} address {address} belongs to {owners[address]}", "give one of the two another address"
                    )
                owners.setdefault(address, name)


def inventory_agrees(site: Site) -> t.Iterator[Mistake]:
    """An C(ansible_host) that is an address of the site is the one the plan gives, and no two hosts have the same."""
    network = site.one("vmsite_network")
    planned = _planned(network, "management", "hosts")[0]
    seen: dict[str, str] = {}
    for name, host in site.racked().items():
        if host.address is None or not addresses.is_address(host.address):
            continue
        address = str(addresses.parse_address(host.address, ""))
        remedy = "correct ansible_host, or derive it with the filter address_plan"
        if address in seen and planned.get(name, name) != planned.get(seen[address]):
            yield Mistake("ansible_host", f"ansible_host = {address}", f"host {seen[address]} has the same", remedy, (name,))
        elif planned.get(name, address) != address:
            yield Mistake(
                "ansible_host",
                f"ansible_host = {address}",
                f"the plan gives it {planned[name]} (vmsite_network.prefixes.management, number {network.value['host_numbers'].get(name)})",
                f"{remedy}; or write an exception",
                (name,),
                network.place(("vmsite_network", "host_numbers", name)),
            )
        seen.setdefault(address, name)


def prefixes_fill_up(site: Site) -> t.Iterator[Mistake]:
    network = site.one("vmsite_network")
    for purpose, prefix in network.value["prefixes"].items():
        for kind, key in addresses.KINDS.items():
            highest = max(network.value.get(key, {}).values(), default=0)
            room = _room(prefix, kind)
            if FULL * room < highest <= room:
                yield network.mistake(
                    _at(purpose, kind),
                    f"number {highest} of {room}: nearly full",
                    "plan more addresses before the next ones come",
                    asked=f"addresses for {kind} in {purpose}",
                )


def _at(purpose: str, *parts: str) -> Path:
    return ("vmsite_network", "prefixes", purpose, *parts)


def _parsed(network: Variable) -> dict[str, t.Any]:
    """The prefixes that can be read; C(prefixes_are_sound) reports the others."""
    parsed = {}
    for purpose, prefix in network.value["prefixes"].items():
        try:
            parsed[purpose] = addresses.parse_prefix(prefix["prefix"], purpose)
        except Failure:
            continue
    return parsed


def _inside(network: Variable, path: Path, prefix: t.Any) -> t.Iterator[Mistake]:
    """The address at C(path), if there is one, can be given to something in the prefix."""
    text = network.at(path)
    if text is None:
        return
    if not addresses.is_address(text):
        yield network.mistake(path, "no address", f"write an address of {prefix}")
        return
    address = addresses.parse_address(text, "")
    if address not in prefix:
        yield network.mistake(path, f"it is not in {prefix}", "write an address of the prefix")
    elif prefix.size > 2 and address in (prefix.network, prefix.broadcast):
        yield network.mistake(path, f"it is the network or broadcast address of {prefix}", "write another address of the prefix")


def _ranges(network: Variable, purpose: str, prefix: t.Any) -> t.Iterator[Mistake]:
    ends: dict[str, tuple[t.Any, t.Any]] = {}
    for kind in addresses.KINDS:
        if kind not in network.value["prefixes"][purpose]:
            continue
        wrong = [mistake for end in ("first", "last") for mistake in _inside(network, _at(purpose, kind, end), prefix)]
        yield from wrong
        if wrong:
            continue
        first, last = (addresses.parse_address(network.at(_at(purpose, kind, end)), "") for end in ("first", "last"))
        if first > last:
            yield network.mistake(_at(purpose, kind), "first comes after last", "exchange the two")
            continue
        ends[kind] = (first, last)
        gateway = network.value["prefixes"][purpose].get("gateway")
        if gateway and addresses.is_address(gateway) and first <= addresses.parse_address(gateway, "") <= last:
            yield network.mistake(_at(purpose, kind), f"the gateway {gateway} lies in it", "begin the range behind the gateway")
    if len(ends) == 2 and ends["hosts"][0] <= ends["vms"][1] and ends["vms"][0] <= ends["hosts"][1]:
        yield network.mistake(_at(purpose, "vms"), "it overlaps the addresses for hosts", "give hosts and VMs addresses of their own")


def _room(prefix: t.Mapping[str, t.Any], kind: str) -> int:
    """How many addresses there are for hosts or VMs; 0 where the range is wrong, which C(prefixes_are_sound) reports."""
    if kind not in prefix:
        return 0
    try:
        whole = addresses.parse_prefix(prefix["prefix"], "")
        first, last = (addresses.parse_address(prefix[kind][end], "") for end in ("first", "last"))
    except Failure:
        return 0
    return max(int(last) - int(first) + 1, 0) if first in whole and last in whole else 0


def _planned(network: Variable, purpose: str, kind: str) -> tuple[dict[str, str], list[tuple[str, Failure]]]:
    """The address of each numbered host or VM, and why there is none for some. Nothing where the prefix itself is wrong."""
    prefix = network.value["prefixes"][purpose]
    given: dict[str, str] = {}
    refused: list[tuple[str, Failure]] = []
    if not _room(prefix, kind):
        return given, refused
    for name, number in network.value.get(addresses.KINDS[kind], {}).items():
        exception = prefix.get("exceptions", {}).get(name)
        try:
            if exception is not None:
                given[name] = str(addresses.parse_address(exception, ""))
            else:
                given[name] = str(addresses.by_number(prefix, purpose, kind, number, f"address of {name} in {purpose}"))
        except Failure as failure:
            if exception is None:  # a wrong exception is reported where it is written
                refused.append((name, failure))
    return given, refused


CHECKS = (
    Check(prefixes_are_sound, ("vmsite_network",)),
    Check(prefixes_are_apart, ("vmsite_network",)),
    Check(hosts_are_numbered, ("vmsite_network",)),
    Check(numbers_are_given_once, ("vmsite_network",)),
    Check(addresses_suffice, ("vmsite_network",)),
    Check(addresses_are_given_once, ("vmsite_network",)),
    Check(inventory_agrees, ("vmsite_network",)),
    Check(prefixes_fill_up, ("vmsite_network",), warning=True),
)
