# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Kernel arguments as an ordered list of tokens: some are ours, all others belong to someone else and stay as and where they are.

Splitting: the kernel's lib/cmdline.c, next_arg. Names: kernel/params.c, parameq: - and _ are the same. Everything after C(--) is for init
(init/main.c) and none of ours. No I/O here.
"""

from __future__ import annotations

import collections
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

Tokens = t.Sequence[str]

# Each hugepages= belongs to the hugepagesz= before it (kernel-parameters.txt), so these names can only have one owner together.
HUGEPAGES = ("default_hugepagesz", "hugepagesz", "hugepages")
BOOT_LOADERS_OWN = ("BOOT_IMAGE", "initrd", "root", "ro", "rw")
END = "--"

# What GRUB's script, a shell and the BLS all take literally. So memmap=64K$0x18690000 and quoted values are refused, not escaped.
LITERAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,:=/+@%~^-]*")


def split(text: str) -> list[str]:
    """The tokens of a command line; white space between double quotes does not separate."""
    return re.findall(r'(?:"[^"]*"?|[^\s"])+', text)


def name(token: str) -> str:
    return token.split("=", 1)[0].replace("-", "_")


def unit(token: str) -> str:
    """What has one owner: a name, or the names of all hugepage arguments together."""
    return "hugepages" if name(token) in HUGEPAGES else name(token)


def units(line: Tokens) -> dict[str, list[str]]:
    """The tokens by unit, in order."""
    found: dict[str, list[str]] = {}
    for token in before_end(line):
        found.setdefault(unit(token), []).append(token)
    return found


def before_end(line: Tokens) -> list[str]:
    return list(line[: line.index(END)]) if END in line else list(line)


def pick(line: Tokens, ours: Tokens) -> list[str]:
    """Those tokens of the line that are ours, in the line's order. Of equal ones the last are ours: we append."""
    return [line[place] for place in _places(line, ours)]


def without(line: Tokens, ours: Tokens) -> list[str]:
    """The tokens that are not ours, in their order."""
    places = set(_places(line, ours))
    return [token for place, token in enumerate(line) if place not in places]


def replaced(line: Tokens, ours: Tokens, own: Tokens) -> list[str]:
    """The line with C(own) in the place of what of C(ours) it has, behind all other arguments of the kernel."""
    others = without(line, ours)
    kept = before_end(others)
    return [*kept, *own, *others[len(kept) :]]


def joined(first: Tokens, second: Tokens) -> list[str]:
    """Every token as often as the list has it that has it more often."""
    more = collections.Counter(second) - collections.Counter(first)
    return [*first, *more.elements()]


def subtract(first: Tokens, second: Tokens) -> list[str]:
    return list((collections.Counter(first) - collections.Counter(second)).elements())


def share(wanted: Tokens, others: t.Mapping[str, Tokens], remedy: str) -> tuple[list[str], list[Failure]]:
    """Which wanted tokens are ours to set, and what stands against the rest.

    C(others) has, per place that holds a command line, the tokens there that are not ours. What somebody else has set exactly as wanted in all
    places stays theirs. Anything else of the same unit contradicts: a kernel takes the last one, or both, and neither is what was asked for.
    """
    theirs: set[str] = set()
    failures = []
    for key, asked in units(wanted).items():
        found = {place: units(line).get(key, []) for place, line in others.items()}
        if all(tokens == asked for tokens in found.values()):
            theirs.add(key)
        elif any(found.values()):
            failures.append(_contradiction(asked, found, remedy))
    return [token for token in wanted if unit(token) not in theirs], failures


def refusals(wanted: Tokens) -> list[Failure]:
    """What can be said without a host."""
    found = []
    for token in wanted:
        if not LITERAL.fullmatch(token):
            said = "empty, or with white space, quotes or characters that boot loaders interpret"
            found.append(_refusal(token, said, "use letters, digits and _.,:=/+@%~^- only; one token each"))
        elif name(token) in BOOT_LOADERS_OWN:
            found.append(
                _refusal(token, "an argument that the boot loader sets by itself", "configure it where the boot loader is installed")
            )
    return found


def _places(line: Tokens, ours: Tokens) -> list[int]:
    left = collections.Counter(ours)
    places = []
    for place in range(len(before_end(line)) - 1, -1, -1):
        if left[line[place]]:
            left[line[place]] -= 1
            places.append(place)
    return places[::-1]


def _contradiction(asked: Tokens, found: t.Mapping[str, Tokens], remedy: str) -> Failure:
    having = {place: " ".join(tokens) for place, tokens in found.items() if tokens}
    lacking = [place for place, tokens in found.items() if not tokens]
    said = "; ".join(f"{place} has {text}" for place, text in having.items())
    return Failure(
        asked=f"kernel arguments {' '.join(asked)}",
        found=f"{said}, which was not set here" + (f"; not in {', '.join(lacking)}" if lacking else ""),
        where=next(iter(having)),
        remedy=remedy,
    )


def _refusal(token: str, found: str, remedy: str) -> Failure:
    return Failure(asked=f"kernel argument {token!r}", found=found, where="args", remedy=remedy)
