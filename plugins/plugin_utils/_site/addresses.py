# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Addresses follow from the site's prefixes and a number per host or VM: none is typed twice, none moves when another host is added.

Number 1 has the first of the prefix's addresses for hosts, number 2 the next, unless an exception is written down; VMs likewise.
"""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import choices, did_you_mean

if t.TYPE_CHECKING:
    import netaddr

Network = t.Mapping[str, t.Any]

# What has addresses: the range in a prefix and the numbers in vmsite_network.
KINDS = {"hosts": "host_numbers", "vms": "vm_numbers"}


def derive(network: Network, purpose: str, owner: str | int) -> dict[str, t.Any]:
    """The address of one host or VM by name, or of a host by number, in the prefix for C(purpose). Raises Failure."""
    prefix = _prefix(network, purpose)
    asked = f"address of {owner} in {purpose}"
    exceptions = prefix.get("exceptions") or {}
    if isinstance(owner, str) and owner in exceptions:
        parsed = parse_address(exceptions[owner], asked)
    else:
        kind, number = numbered(network, owner)
        parsed = by_number(prefix, purpose, kind, number, asked)
    whole = parse_prefix(prefix["prefix"], purpose)
    if parsed not in whole:
        raise Failure(
            asked=asked,
            found=f"{parsed} is not in {whole}",
            where=f"vmsite_network.prefixes.{purpose}",
            remedy="write an address of the prefix",
        )
    return {
        "address": str(parsed),
        "prefix_length": whole.prefixlen,
        "interface": f"{parsed}/{whole.prefixlen}",
        "prefix": str(whole),
        "gateway": prefix.get("gateway"),
        "vlan": prefix.get("vlan"),
        "mtu": prefix.get("mtu"),
    }


def derive_all(network: Network, purpose: str, owners: t.Iterable[str | int]) -> dict[str, dict[str, t.Any]]:
    """As C(derive), by name, for a list of hosts and VMs."""
    return {str(owner): derive(network, purpose, owner) for owner in owners}


def numbered(network: Network, owner: str | int) -> tuple[str, int]:
    """Whether it is one of the hosts or of the vms, and its number. Raises Failure if it has none."""
    if isinstance(owner, int) and not isinstance(owner, bool):
        return "hosts", owner
    known: dict[str, tuple[str, int]] = {
        str(name): (kind, int(number)) for kind, numbers in KINDS.items() for name, number in (network.get(numbers) or {}).items()
    }
    if owner not in known:
        raise Failure(
            asked=f"the number of {owner}",
            found="it has none",
            where="vmsite_network.host_numbers and vm_numbers",
            remedy=did_you_mean(str(owner), known, "give it a number that was never used"),
        )
    return known[str(owner)]


def by_number(prefix: t.Mapping[str, t.Any], purpose: str, kind: str, number: int, asked: str) -> netaddr.IPAddress:
    """The address of a number in the range for C(kind) (hosts or vms). Raises Failure when the prefix has none left."""
    where = f"vmsite_network.prefixes.{purpose}"
    if kind not in prefix:
        raise Failure(
            asked=asked, found=f"{purpose} has no addresses for {kind}", where=where, remedy=f"write {kind}: {{first: ..., last: ...}}"
        )
    first, last = (parse_address(prefix[kind][end], f"{where}.{kind}.{end}") for end in ("first", "last"))
    room = max(int(last) - int(first) + 1, 0)
    if not 1 <= number <= room:
        raise Failure(
            asked=f"{asked} (number {number})",
            found=f"{first} to {last} are {room} addresses, for the numbers 1 to {room}",
            where=f"{where}.{kind}",
            remedy="move last up or first down inside the prefix, or write an exception",
        )
    return first + (number - 1)


def parse_prefix(text: t.Any, purpose: str) -> netaddr.IPNetwork:
    """A prefix without host bits. Raises Failure."""
    library = _netaddr()
    where = f"vmsite_network.prefixes.{purpose}.prefix"
    try:
        parsed = library.IPNetwork(text)
    except (library.AddrFormatError, ValueError, TypeError) as error:
        raise Failure(
            asked=f"prefix {text!r}", found="no prefix", where=where, remedy="write a network and its length, as 10.20.0.0/24"
        ) from error
    if parsed.ip != parsed.network:
        raise Failure(asked=f"prefix {text}", found="an address with a length, not a network", where=where, remedy=f"write {parsed.cidr}")
    return t.cast("netaddr.IPNetwork", parsed)


def parse_address(text: t.Any, asked: str) -> netaddr.IPAddress:
    """An address. Raises Failure."""
    library = _netaddr()
    try:
        return t.cast("netaddr.IPAddress", library.IPAddress(text))
    except (library.AddrFormatError, ValueError, TypeError) as error:
        raise Failure(asked=asked, found=f"{text!r} is no address", where=asked, remedy="write an IPv4 or IPv6 address") from error


def is_address(text: str) -> bool:
    """Whether a text is an address, rather than a host's name."""
    try:
        parse_address(text, "")
    except Failure:
        return False
    return True


def _prefix(network: Network, purpose: str) -> t.Mapping[str, t.Any]:
    prefixes = network.get("prefixes") if isinstance(network, t.Mapping) else None
    if not isinstance(prefixes, t.Mapping) or not prefixes:
        raise Failure(
            asked=f"the prefix for {purpose}",
            found="no prefixes",
            where="vmsite_network",
            remedy="give the filter the whole of vmsite_network",
        )
    if purpose not in prefixes:
        raise Failure(
            asked=f"the prefix for {purpose}",
            found=f"prefixes for {choices(str(name) for name in prefixes)}",
            where="vmsite_network.prefixes",
            remedy=did_you_mean(str(purpose), (str(name) for name in prefixes), "add the prefix, or name one that is there"),
        )
    return t.cast("t.Mapping[str, t.Any]", prefixes[purpose])


def _netaddr() -> t.Any:
    try:
        import netaddr
    except ImportError as error:
        raise Failure(
            asked="read addresses",
            found=f"the Python library netaddr cannot be imported: {error}",
            where="the controller's Python environment",
            remedy="install netaddr for the Python that runs ansible-playbook",
        ) from error
    return netaddr
