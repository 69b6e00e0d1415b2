# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What every boot loader is asked for: the command lines it holds, and to make our tokens in them what is wanted."""

from __future__ import annotations

import abc
import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
    from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.tokens import Tokens


@dataclasses.dataclass(frozen=True)
class CommandLine:
    """One place that holds the arguments of a boot to come. C(next_boot): the boot loader takes this one unless somebody chooses otherwise."""

    what: str
    tokens: tuple[str, ...]
    next_boot: bool = False


class BootLoader(abc.ABC):
    name: str
    remedy: str  # where somebody else's argument is changed

    @abc.abstractmethod
    def command_lines(self) -> list[CommandLine]:
        """As they are now. Exactly one is that of the next boot. Raises Failure."""

    @abc.abstractmethod
    def write(self, ours: Tokens, own: Tokens) -> None:
        """Make all command lines have C(own), in order, instead of what they have of C(ours). Files are whole whatever kills it."""

    def marked(self) -> list[str]:
        """Tokens that are ours by a mark of this boot loader, whatever our record says."""
        return []

    def obstacles(self, ours: Tokens) -> list[Failure]:
        """What would be lost by C(write) and is not ours to lose."""
        return []

    def compare(self, changes: ChangeSet, own: Tokens) -> None:
        """Record what differs besides the command lines."""
