# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What a cross-check declares: the variables it reads. It runs only when each of them is sound by itself."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Site

Function = t.Callable[["Site"], "t.Iterable[Mistake]"]


@dataclasses.dataclass(frozen=True)
class Check:
    """C(needs) are site variables; a host variable with a mistake is skipped host by host. A warning does not refuse the model."""

    run: Function
    needs: tuple[str, ...] = ()
    warning: bool = False
