# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Mistakes in a site model: each says which variable, on which hosts, in which file and line, and what to write instead."""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

Path = tuple[t.Union[str, int], ...]

EVERYWHERE = ("all",)  # instead of the name of every host, as in an inventory's pattern
MOST_HOSTS_NAMED = 4
LONGEST_VALUE = 80
SECRET_NAME = re.compile(
    r"(^|_)(password|passwd|passphrase|pass|pin|secret|token|api_?key|private_?key|credentials?)(_|$|\d)", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a value was written. The core does not always know: then C(file) is empty and C(line) is 0."""

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclasses.dataclass(frozen=True)
class Mistake:
    """One thing that is wrong. C(variable) is dotted, as in C(vmsite_tenants.ledger.tier); C(hosts) are those that see the value.

    C(harmless): the rest of the variable can still be judged, as with a key that nobody reads.
    """

    variable: str
    asked: str
    found: str
    remedy: str
    hosts: tuple[str, ...] = ()
    place: Place = Place()
    harmless: bool = False

    def failure(self) -> Failure:
        where = [str(self.place)] if self.place.file else []
        if self.hosts:
            where.append(named(self.hosts))
        return Failure(asked=self.asked, found=self.found, where=", ".join(where) or self.variable, remedy=self.remedy)

    def as_dict(self) -> dict[str, t.Any]:
        return {
            **self.failure().as_dict(),
            "variable": self.variable,
            "hosts": list(self.hosts),
            "file": self.place.file or None,
            "line": self.place.line or None,
        }


def named(hosts: t.Sequence[str]) -> str:
    """At most a handful of names: a site has hundreds of hosts."""
    if hosts == EVERYWHERE:
        return "all hosts"
    if len(hosts) == 1:
        return f"host {hosts[0]}"
    if len(hosts) <= MOST_HOSTS_NAMED:
        return "hosts " + ", ".join(hosts)
    return f"hosts {', '.join(hosts[: MOST_HOSTS_NAMED - 1])} and {len(hosts) - MOST_HOSTS_NAMED + 1} more"


def dotted(path: Path) -> str:
    """C(vmsite_tenants.ledger.users[0]) for C(("vmsite_tenants", "ledger", "users", 0))."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def is_secret_name(name: str) -> bool:
    """Whether a key's name says that its value is a secret. C(password_file) names a file, so it is none."""
    return bool(SECRET_NAME.search(name)) and not re.search(r"_(file|path|ref|from|name)$", name, re.IGNORECASE)


def shown(value: t.Any, path: Path = ()) -> str:
    """A value for a message: short, and never a secret."""
    if any(isinstance(part, str) and is_secret_name(part) for part in path):
        return "(not shown)"
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}... ({type(value).__name__})"


def choices(names: t.Iterable[str]) -> str:
    """The names one may choose from, for a message."""
    return ", ".join(sorted(names)) or "none"


def did_you_mean(name: str, known: t.Iterable[str], otherwise: str) -> str:
    """A remedy for a name that is not known."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else otherwise
