# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The attributes that a physical function keeps for its virtual ones: read and set with ip-link(8), VF by VF.

Shapes: iproute2, ip/ipaddress.c print_vfinfo. The kernel forgets them all when the VFs go (Linux: Documentation/PCI/pci-iov-howto.rst).
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

# The kernel's words (strerror, C locale) -> what to do about it.
REMEDIES = {
    "Operation not supported": "this driver cannot set it: leave the attribute out",
    "Invalid argument": "the driver takes no such value now: a rate needs a link on the port, and stays within its speed",
    "Numerical result out of range": "the driver takes no such value: keep to what its documentation allows",
    "Device or resource busy": "the port is being reset: run again",
    "Operation not permitted": "run with become; some firmware also forbids it (check the NIC's own configuration tool)",
}


@dataclasses.dataclass(frozen=True)
class Attributes:
    """Attributes of one VF; None where nothing is asked, or where the driver says nothing. Rates in Mbit/s, 0 for no limit."""

    mac: str | None = None
    vlan: int | None = None
    qos: int | None = None
    spoof_check: bool | None = None
    trust: bool | None = None
    max_tx_rate: int | None = None
    min_tx_rate: int | None = None

    def settings(self) -> dict[str, list[str]]:
        """Field -> the words of C(ip link set DEVICE vf N) that set it. Fields that the kernel takes together share one entry."""
        words: dict[str, list[str]] = {}
        if self.mac is not None:
            words["mac"] = ["mac", self.mac]
        if self.vlan is not None:
            words["vlan"] = ["vlan", str(self.vlan), "qos", str(self.qos or 0)]
        if self.spoof_check is not None:
            words["spoof_check"] = ["spoofchk", _on(self.spoof_check)]
        if self.trust is not None:
            words["trust"] = ["trust", _on(self.trust)]
        if self.max_tx_rate is not None:
            words["max_tx_rate"] = ["max_tx_rate", str(self.max_tx_rate), "min_tx_rate", str(self.min_tx_rate or 0)]
        return words

    def differing(self, current: Attributes) -> dict[str, list[str]]:
        """The part of C(settings) that C(current) does not have yet."""
        return {field: words for field, words in self.settings().items() if current.settings().get(field) != words}


def read_attributes(root: HostRoot, netdev: str) -> dict[int, Attributes]:
    """VF index -> its attributes, as the netdev of the physical function tells them."""
    done = root.run(["ip", "-json", "-details", "link", "show", "dev", netdev], changes=False)
    links = json.loads(done.out or "[]")
    return {vf["vf"]: _from_ip(vf) for vf in (links[0].get("vfinfo_list", ()) if links else ())}


def set_attribute(root: HostRoot, netdev: str, index: int, words: t.Sequence[str]) -> None:
    """Raises Failure with the kernel's words and what they mean here."""
    argv = ["ip", "link", "set", "dev", netdev, "vf", str(index), *words]
    done = root.run(argv, changes=True, check=False)
    if done.rc != 0:
        said = (done.err.strip() or done.out.strip() or f"exit code {done.rc}").replace("\n", " / ")
        remedy = next((remedy for text, remedy in REMEDIES.items() if text in said), "look at the kernel's log for this port")
        raise Failure(asked=f"{netdev} VF {index}: {' '.join(words)}", found=said, where=" ".join(argv), remedy=remedy)


def _from_ip(vf: dict[str, t.Any]) -> Attributes:
    vlans = vf.get("vlan_list") or [vf]
    rate = vf.get("rate", {})
    return Attributes(
        mac=vf.get("address", vf.get("mac")),  # iproute2 before 5.0 said mac
        vlan=vlans[0].get("vlan", 0),
        qos=vlans[0].get("qos", 0),
        spoof_check=vf.get("spoofchk"),
        trust=vf.get("trust"),
        max_tx_rate=rate.get("max_tx", vf.get("tx_rate", 0)),
        min_tx_rate=rate.get("min_tx", 0),
    )


def _on(value: bool) -> str:
    return "on" if value else "off"
