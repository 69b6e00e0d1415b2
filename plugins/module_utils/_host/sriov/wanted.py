# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What a user can ask of SR-IOV functions, and what is wrong with it before a host is looked at."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import functions
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.attributes import Attributes

LARGEST_VLAN, LARGEST_QOS = 4094, 7  # IEEE 802.1Q; drivers answer anything larger with EINVAL
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@dataclasses.dataclass(frozen=True)
class WantedFunction:
    """A physical function. C(drivers_autoprobe) None leaves the attribute alone; C(vfs): index -> attributes."""

    pci: str
    count: int
    drivers_autoprobe: bool | None
    vfs: dict[int, Attributes]

    @property
    def needs_link(self) -> bool:
        """Drivers refuse a rate while the port is down (igb: EINVAL)."""
        return any(vf.max_tx_rate or vf.min_tx_rate for vf in self.vfs.values())


def read_options(entries: t.Sequence[dict[str, t.Any]]) -> list[WantedFunction]:
    """The door's option C(functions), sorted by address. Raises Failures with every mistake in it."""
    mistakes = _repeated("physical function", [entry["pci"].lower() for entry in entries])
    wanted = []
    for entry in entries:
        pci = entry["pci"].lower()
        vfs = entry.get("vfs") or []
        if not functions.is_address(pci):
            mistakes.append(_mistake(entry["pci"], "no PCI address", "write it with its domain, like 0000:21:00.0"))
        if entry["count"] < 0:
            mistakes.append(_mistake(f"{pci}: {entry['count']} VFs", "a negative number", "ask for 0 or more"))
        mistakes += _repeated(f"{pci}: VF", [vf["index"] for vf in vfs])
        for vf in vfs:
            mistakes += _vf_mistakes(f"{pci} VF {vf['index']}", vf, entry["count"])
        own = {vf["index"]: _attributes(vf) for vf in vfs}
        wanted.append(WantedFunction(pci, entry["count"], entry.get("drivers_autoprobe"), dict(sorted(own.items()))))
    macs = [vf["mac"].lower() for entry in entries for vf in entry.get("vfs") or () if vf.get("mac")]
    mistakes += _repeated("MAC", macs)
    raise_all(mistakes)
    return sorted(wanted, key=lambda function: function.pci)


def _attributes(vf: dict[str, t.Any]) -> Attributes:
    """Where one half of a pair is asked for, the other is 0: the kernel takes both at once, and a boot starts from 0."""
    vlan, qos = _pair(vf.get("vlan"), vf.get("qos"))
    max_tx_rate, min_tx_rate = _pair(vf.get("max_tx_rate"), vf.get("min_tx_rate"))
    mac = vf.get("mac")
    return Attributes(mac.lower() if mac else None, vlan, qos, vf.get("spoof_check"), vf.get("trust"), max_tx_rate, min_tx_rate)


def _pair(first: int | None, second: int | None) -> tuple[int | None, int | None]:
    return (None, None) if first is None and second is None else (first or 0, second or 0)


def _vf_mistakes(who: str, vf: dict[str, t.Any], count: int) -> list[Failure]:
    mistakes = []
    if not 0 <= vf["index"] < count:
        mistakes.append(_mistake(who, f"{count} VFs are asked for", "number them from 0 to one less than the count"))
    mac = (vf.get("mac") or "").lower()
    if vf.get("mac") is not None and not MAC.fullmatch(mac):
        mistakes.append(_mistake(f"{who} mac {vf['mac']}", "no MAC address", "write it like 02:00:00:00:00:01"))
    elif mac and (int(mac[:2], 16) & 1 or mac == "00:00:00:00:00:00"):
        mistakes.append(_mistake(f"{who} mac {mac}", "no address of one station", "use a unicast address: an even first byte, not all 0"))
    if not 0 <= (vf.get("vlan") or 0) <= LARGEST_VLAN:
        mistakes.append(_mistake(f"{who} vlan {vf['vlan']}", "no VLAN", f"use 0 (none) to {LARGEST_VLAN}"))
    if not 0 <= (vf.get("qos") or 0) <= LARGEST_QOS:
        mistakes.append(_mistake(f"{who} qos {vf['qos']}", "no priority", f"use 0 to {LARGEST_QOS}"))
    if vf.get("qos") and not vf.get("vlan"):
        mistakes.append(_mistake(f"{who} qos {vf['qos']}", "no vlan", "a priority stands in the VLAN tag: give a vlan too"))
    lowest, highest = vf.get("min_tx_rate") or 0, vf.get("max_tx_rate") or 0
    if lowest < 0 or highest < 0 or (highest and lowest > highest):
        mistakes.append(_mistake(f"{who} rate {lowest} to {highest} Mbit/s", "no range", "use 0 (no limit) or more, the minimum not above"))
    return mistakes


def _repeated(what: str, values: t.Sequence[t.Any]) -> list[Failure]:
    twice = sorted({value for value in values if values.count(value) > 1})
    return [_mistake(f"{what} {value}", "listed twice", "list it once") for value in twice]


def _mistake(asked: str, found: str, remedy: str) -> Failure:
    return Failure(asked=asked, found=found, where="functions", remedy=remedy)
