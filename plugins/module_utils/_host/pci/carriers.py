# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The PCI functions that carry the connection Ansible came by, or a default route. Whoever changes them may cut the host off.

sshd(8) gives each session SSH_CONNECTION (client address and port, server address and port); sudo drops it, so it is looked for in the
processes above this one. Default routes: /proc/net/route, /proc/net/ipv6_route (Linux: net/ipv4/fib_trie.c, net/ipv6/route.c).
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import functions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.network_devices import NETWORK_CLASS, PCI_ADDRESS

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ROUTE_UP, ROUTE_REJECT = 0x1, 0x200  # RTF_UP, RTF_REJECT
OVS_DATAPATH = "ovs-system"


def carriers(root: HostRoot, process: int) -> dict[str, str]:
    """PCI function -> why the host would be lost with it. C(process) is the one whose connection counts.

    A VF brings its PF along; bonds, bridges, VLANs and Open vSwitch are followed down to what they stand on.
    """
    reasons: dict[str, str] = {}
    for netdev, why in [*_connection(root, process), *_default_routes(root)]:
        for below in sorted(_stack(root, netdev)):
            address = _pci_of(root, below)
            if address:
                said = why if below == netdev else f"{why}, which stands on {below}"
                reasons.setdefault(address, said)
                above = functions.physical_function_of(root, address)
                if above:
                    reasons.setdefault(above, f"{said}, a VF of it")
    return reasons


def ssh_connection(root: HostRoot, process: int) -> tuple[str, str] | None:
    """(client address, server address) of the session above C(process)."""
    seen: set[int] = set()
    while process > 0 and process not in seen:
        seen.add(process)
        environment = _read(root, f"/proc/{process}/environ") or ""
        for entry in environment.split("\0"):
            words = entry[len("SSH_CONNECTION=") :].split() if entry.startswith("SSH_CONNECTION=") else []
            if len(words) == 4:
                return words[0], words[2]
        parent = re.search(r"^PPid:\s+(\d+)", _read(root, f"/proc/{process}/status") or "", re.MULTILINE)
        process = int(parent[1]) if parent else 0
    return None


def addresses(root: HostRoot) -> dict[str, list[tuple[str, str]]]:
    """Netdev -> its (address, scope) as ip-address(8) prints them."""
    listed = json.loads(root.run(["ip", "-json", "address", "show"], changes=False).out or "[]")
    return {
        link["ifname"]: [(entry["local"], entry.get("scope", "")) for entry in link.get("addr_info", ()) if "local" in entry]
        for link in listed
        if "ifname" in link
    }


def _connection(root: HostRoot, process: int) -> list[tuple[str, str]]:
    ends = ssh_connection(root, process)
    if ends is None:
        return []
    client, server = ends
    found = [
        (netdev, f"this connection comes in at {server} on {netdev}")
        for netdev, owned in addresses(root).items()
        if server.partition("%")[0] in [address for address, _scope in owned] and server.partition("%")[2] in ("", netdev)
    ]
    way_back = root.run(["ip", "-json", "route", "get", client.partition("%")[0]], changes=False, check=False)
    for route in json.loads(way_back.out or "[]") if way_back.rc == 0 else []:
        if route.get("dev") not in (None, "lo"):
            found.append((route["dev"], f"this connection leaves for {client} by {route['dev']}"))
    return found


def _default_routes(root: HostRoot) -> list[tuple[str, str]]:
    found = []
    for line in (root.read_optional("/proc/net/route") or "").splitlines()[1:]:
        words = line.split()
        if len(words) > 7 and words[1] == words[7] == "00000000" and _usable(words[3]):
            found.append((words[0], f"the default route leaves by {words[0]}"))
    for line in (root.read_optional("/proc/net/ipv6_route") or "").splitlines():
        words = line.split()
        if len(words) > 9 and set(words[0]) == {"0"} and words[1] == "00" and _usable(words[8]) and words[9] != "lo":
            found.append((words[9], f"the IPv6 default route leaves by {words[9]}"))
    return found


def _usable(flags: str) -> bool:
    bits = int(flags, 16)
    return bool(bits & ROUTE_UP) and not bits & ROUTE_REJECT


def _stack(root: HostRoot, netdev: str) -> set[str]:
    """The netdev and everything below it."""
    found: set[str] = set()
    ahead = [netdev]
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found.add(name)
        lower = [entry[len("lower_") :] for entry in root.names(f"{NETWORK_CLASS}/{name}") if entry.startswith("lower_")]
        if not lower and not root.exists(f"{NETWORK_CLASS}/{name}/device") and root.is_dir(f"{NETWORK_CLASS}/{OVS_DATAPATH}"):
            lower = [OVS_DATAPATH]  # a bridge's own port says nothing of its bridge: any port of the datapath may carry it
        ahead.extend(lower)
    return found


def _pci_of(root: HostRoot, netdev: str) -> str | None:
    found = PCI_ADDRESS.findall(root.readlink(f"{NETWORK_CLASS}/{netdev}") or "")
    return found[-1] if found else None


def _read(root: HostRoot, path: str) -> str | None:
    try:
        return root.read(path)
    except OSError:  # ended meanwhile, or another user's
        return None
