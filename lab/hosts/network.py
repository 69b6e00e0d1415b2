# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's cabling: a management bridge with the machine on it, a data bridge without, and two NICs for every host.

A NIC is a veth pair: `mgmt0` or `data0` in the host's network namespace, `mgmt-NAME` or `data-NAME` on the bridge.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from ..commands import run
from ..progress import Progress
from .definition import DATA_BRIDGE, DATA_MTU, HOSTS, MANAGEMENT_ADDRESS, MANAGEMENT_BRIDGE, Host


@dataclass(frozen=True)
class Nic:
    """One cable. The hardware address is derived, so a host made anew is not hidden behind a stale ARP entry."""

    name: str
    port: str
    bridge: str
    mac: str
    address: str | None


def nics(host: Host) -> list[Nic]:
    number = int(host.management_ip.rsplit(".", 1)[1])
    return [
        Nic("mgmt0", f"mgmt-{host.name}", MANAGEMENT_BRIDGE, f"52:54:97:00:00:{number:02x}", host.management_address),
        Nic("data0", f"data-{host.name}", DATA_BRIDGE, f"52:54:99:00:00:{number:02x}", host.data_address),
    ]


def make_bridges(progress: Progress) -> None:
    """Both bridges. The data bridge forwards all multicast: nobody on it answers IGMP queries."""
    links = _links()
    if MANAGEMENT_BRIDGE not in links:
        _ip(f"link add {MANAGEMENT_BRIDGE} type bridge")
        progress.changed(f"bridge {MANAGEMENT_BRIDGE} with {MANAGEMENT_ADDRESS}")
    _ip(f"address replace {MANAGEMENT_ADDRESS} dev {MANAGEMENT_BRIDGE}", f"link set {MANAGEMENT_BRIDGE} up")
    if DATA_BRIDGE not in links:
        _ip(f"link add {DATA_BRIDGE} type bridge mcast_snooping 0")
        progress.changed(f"bridge {DATA_BRIDGE}")
    _ip(f"link set {DATA_BRIDGE} addrgenmode none", f"link set {DATA_BRIDGE} mtu {DATA_MTU} up")


def plug_in(host: Host, pid: int, progress: Progress) -> None:
    """Cable a running host (`pid` is its first process); a cable that is in place is left alone."""
    outside, inside = _links(), _links(pid)
    for nic in nics(host):
        if not _is_plugged_in(nic, outside, inside):
            _plug_in(nic, pid, occupied=nic.port in outside)
            progress.changed(f"{host.name}: {nic.name} on {nic.bridge}" + (f", {nic.address}" if nic.address else ""))


def remove(progress: Progress) -> None:
    """Pull every cable and remove both bridges. A port that is on a bridge is ours whether its host is still defined or not."""
    links = _links()
    on_bridges = [name for name, link in links.items() if link.get("master") in (MANAGEMENT_BRIDGE, DATA_BRIDGE)]
    ports = dict.fromkeys([*(nic.port for host in HOSTS for nic in nics(host)), *on_bridges])
    found = [name for name in (*ports, MANAGEMENT_BRIDGE, DATA_BRIDGE) if name in links]
    for name in found:
        # A dying network namespace may take its veth with it between our look and our hand.
        run(["ip", "link", "delete", name], check=False)
    if found:
        progress.changed(f"links removed: {' '.join(found)}")


def _is_plugged_in(nic: Nic, outside: dict[str, Any], inside: dict[str, Any]) -> bool:
    port, device = outside.get(nic.port), inside.get(nic.name)
    if port is None or device is None:
        return False
    addresses = [f"{entry['local']}/{entry['prefixlen']}" for entry in device["addr_info"]]
    return (
        port.get("master") == nic.bridge
        and "UP" in port["flags"]
        and port.get("link_index") == device["ifindex"]
        and (nic.address is None or nic.address in addresses)
    )


def _plug_in(nic: Nic, pid: int, occupied: bool) -> None:
    if occupied:
        run(["ip", "link", "delete", nic.port], check=False)  # the old host's end, its namespace is going away
    mtu = f"mtu {DATA_MTU} " if nic.bridge == DATA_BRIDGE else ""
    _ip(
        f"link add {nic.port} {mtu}type veth peer name {nic.name} address {nic.mac} {mtu}netns {pid}",
        f"link set {nic.port} addrgenmode none",
        f"link set {nic.port} master {nic.bridge} up",
    )
    inside = ["link set lo up", f"link set {nic.name} up"]
    if nic.address:
        inside.insert(1, f"address replace {nic.address} dev {nic.name}")
    _ip(*inside, pid=pid)
    # Checksums left to hardware that does not exist would be wrong in the packets that net_af_packet reads.
    run([*_in(pid), "ethtool", "--offload", nic.name, "tx", "off", "rx", "off"])


def _links(pid: int | None = None) -> dict[str, Any]:
    return {link["ifname"]: link for link in json.loads(run([*_in(pid), "ip", "-json", "address", "show"]).stdout)}


def _ip(*lines: str, pid: int | None = None) -> subprocess.CompletedProcess[str]:
    return run([*_in(pid), "ip", "-batch", "-"], stdin="".join(line + "\n" for line in lines).encode())


def _in(pid: int | None) -> list[str]:
    return [] if pid is None else ["nsenter", "--target", str(pid), "--net"]
