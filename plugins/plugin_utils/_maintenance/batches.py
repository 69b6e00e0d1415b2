# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Which hosts are maintained at the same time, and in which order. No I/O.

Two hosts of different failure domains are never in one batch: a site is built to lose one domain, not parts of two.
"""

from __future__ import annotations

import dataclasses
import typing as t

# From large to small. The name of a rack means nothing without its room and zone.
DOMAINS = ("zone", "room", "rack")


@dataclasses.dataclass(frozen=True)
class Batch:
    """C(domain) is a path as zone-a/a-hall-1/a1; C(hosts) are maintained at the same time."""

    domain: str
    hosts: tuple[str, ...]


def batches(hosts: t.Sequence[str], placements: t.Mapping[str, t.Mapping[str, str]], domain: str, at_once: int) -> list[Batch]:
    """All C(hosts), domain by domain, at most C(at_once) at a time. Domains, and hosts within one, keep the order that is given.

    C(placements): zone, room and rack of each host, as in C(vmsite_placement).
    """
    members: dict[str, list[str]] = {}
    for host in dict.fromkeys(hosts):
        members.setdefault(domain_of(placements[host], domain), []).append(host)
    return [
        Batch(name, tuple(inside[start : start + at_once])) for name, inside in members.items() for start in range(0, len(inside), at_once)
    ]


def domain_of(placement: t.Mapping[str, str], domain: str) -> str:
    return "/".join(placement[part] for part in DOMAINS[: DOMAINS.index(domain) + 1])
