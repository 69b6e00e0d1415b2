# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Who uses a PCI function: a process that holds it through vfio or uio, a VM, a network namespace, an address, a bond or bridge.

A function on vfio-pci is in use while someone holds its group (/dev/vfio/N) or its own device (/dev/vfio/devices/vfioN) open; the kernel
then lets a removal wait for ever (Linux: Documentation/driver-api/vfio.rst, drivers/vfio/vfio_main.c vfio_unregister_group_dev).
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import functions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci.carriers import addresses
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.network_devices import NETWORK_CLASS

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

NAMED_NAMESPACES = "/run/netns"
NAMED_PROCESSES = 3


def users_of(root: HostRoot, asked: t.Iterable[str]) -> dict[str, list[str]]:
    """PCI function -> its users, one phrase each; functions that nothing uses are left out."""
    found: dict[str, list[str]] = {}
    nodes = {address: _device_nodes(root, address) for address in asked}
    holders = _holders(root, {node for each in nodes.values() for node in each})
    owned = addresses(root) if any(functions.netdevs_of(root, address) for address in nodes) else {}
    elsewhere = [address for address in nodes if root.is_dir(f"{functions.directory(address)}/net")]
    elsewhere = [address for address in elsewhere if not functions.netdevs_of(root, address)]
    namespaces = _netdevs_elsewhere(root) if elsewhere else {}
    for address, own_nodes in nodes.items():
        users = [f"{driver} is held open by {holder}" for driver, holder in _held(root, address, own_nodes, holders)]
        for netdev in functions.netdevs_of(root, address):
            users += _uses_of_netdev(root, netdev, [text for text, scope in owned.get(netdev, ()) if scope != "link"])
        if address in elsewhere:
            users.append(namespaces.get(address, "its netdev is in another network namespace"))
        if users:
            found[address] = users
    return found


def process_name(root: HostRoot, process: str) -> str:
    """C(qemu-system-x86 (4711)), or C(VM web1 (qemu-system-x86 4711)) where QEMU was told the VM's name."""
    name = root.read_optional(f"/proc/{process}/comm") or "?"
    words = (root.read_optional(f"/proc/{process}/cmdline") or "").split("\0")
    if "-name" in words[:-1]:
        guest = words[words.index("-name") + 1].split(",")[0]
        return f"VM {guest[len('guest=') :] if guest.startswith('guest=') else guest} ({name} {process})"
    return f"{name} ({process})"


def _device_nodes(root: HostRoot, address: str) -> list[str]:
    directory = functions.directory(address)
    group = functions.iommu_group_of(root, address)
    nodes = [f"/dev/vfio/{group}", f"/dev/vfio/noiommu-{group}"] if group else []
    nodes += [f"/dev/vfio/devices/{name}" for name in root.names(f"{directory}/vfio-dev")]
    nodes += [f"/dev/{name}" for name in root.names(f"{directory}/uio")]
    return nodes


def _held(root: HostRoot, address: str, nodes: t.Sequence[str], holders: dict[str, list[str]]) -> list[tuple[str, str]]:
    driver = functions.driver_of(root, address)
    if driver is None or functions.netdevs_of(root, address):  # a group that others hold does not make this function theirs
        return []
    return [(driver, holder) for holder in dict.fromkeys(holder for node in nodes for holder in holders.get(node, ()))]


def _holders(root: HostRoot, nodes: set[str]) -> dict[str, list[str]]:
    """Device node -> the processes that have it open."""
    found: dict[str, list[str]] = {}
    if not nodes:
        return found
    for path in root.glob("/proc/[0-9]*/fd/*"):
        target = root.readlink(path)
        if target in nodes:
            holder = process_name(root, path.split("/")[2])
            if holder not in found.setdefault(target, []):
                found[target].append(holder)
    return found


def _uses_of_netdev(root: HostRoot, netdev: str, own_addresses: t.Sequence[str]) -> list[str]:
    """An address of scope link comes by itself as soon as a netdev is up, so it says nothing."""
    uses = [f"netdev {netdev} has the address {', '.join(own_addresses)}"] if own_addresses else []
    upper = [name[len("upper_") :] for name in root.names(f"{NETWORK_CLASS}/{netdev}") if name.startswith("upper_")]
    return uses + ([f"netdev {netdev} carries {', '.join(upper)}"] if upper else [])


def _netdevs_elsewhere(root: HostRoot) -> dict[str, str]:
    """PCI function -> where its netdev is, for all network namespaces but this one."""
    own = root.readlink("/proc/self/ns/net")
    processes: dict[str, list[str]] = {}
    for path in root.glob("/proc/[0-9]*/ns/net"):
        namespace = root.readlink(path)
        if namespace and namespace != own:
            processes.setdefault(namespace, []).append(path.split("/")[2])
    found: dict[str, str] = {}
    for members in processes.values():
        members.sort(key=int)
        named = ", ".join(process_name(root, process) for process in members[:NAMED_PROCESSES])
        enter = ["nsenter", f"--net=/proc/{members[0]}/ns/net", "ip", "-json", "-details", "link", "show"]
        found.update(_by_parent(root, enter, f"the network namespace of {named}"))
    for name in root.names(NAMED_NAMESPACES):
        look = ["ip", "-json", "-details", "-netns", name, "link", "show"]
        found = {**_by_parent(root, look, f"the network namespace {name}"), **found}
    return found


def _by_parent(root: HostRoot, argv: t.Sequence[str], place: str) -> dict[str, str]:
    done = root.run(argv, changes=False, check=False)
    links = json.loads(done.out or "[]") if done.rc == 0 else []  # it may have ended meanwhile
    return {link["parentdev"]: f"its netdev {link['ifname']} is in {place}" for link in links if link.get("parentbus") == "pci"}
