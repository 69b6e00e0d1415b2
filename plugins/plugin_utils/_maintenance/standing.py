# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What is ahead of one host, why it is to reboot, and where the whole run stands. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.kernels import newer_kernel
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.settings import ALWAYS, NEVER

Json = dict[str, t.Any]
Variables = t.Mapping[str, t.Any]

# Debian's packages make it, a new kernel's above all.
REBOOT_MARK = "/run/reboot-required"
# Where a failed task's result may say why.
SAID = ("msg", "stderr", "module_stderr")


def reasons_of_packages(variables: Variables) -> list[str]:
    """Why a host is to reboot after packages were installed, from what was read of its kernels: the one that runs, then paths."""
    running, *paths = variables.get("maintenance_kernels", {}).get("stdout_lines") or [""]
    newer = newer_kernel(running, [path for path in paths if path != REBOOT_MARK])
    reasons = [f"kernel {newer} is installed, {running} runs"] if newer else []
    if REBOOT_MARK in paths:
        reasons.append(f"a package asks for it: {REBOOT_MARK} is there")
    return reasons


def outlook(changes: t.Sequence[str], updates: bool, reasons: t.Sequence[str], policy: str) -> Json:
    """What is ahead of one host: C(needed), and C(says), one line for a person.

    C(changes) are those that roles predict, C(updates) says whether packages are to be updated, C(reasons) are those for a reboot. A host without
    any of it is not drained, so the same command may be run again.
    """
    reboots = policy == ALWAYS or (policy != NEVER and bool(reasons))
    parts = [f"{len(changes)} changes by roles ({', '.join(changes)})"] if changes else []
    if updates:
        parts.append("package updates" + (", and a reboot if they bring a kernel" if policy != NEVER else ""))
    if reboots:
        parts.append("a reboot: " + ("; ".join(reasons) or "it is asked for"))
    elif reasons:
        parts.append(f"no reboot, though it waits for one: {'; '.join(reasons)}")
    return {"needed": bool(changes) or updates or reboots, "says": "; ".join(parts) or "nothing to do"}


def standing(variables: t.Mapping[str, Variables], batches: t.Sequence[Json], host: str) -> Json:
    """Where the run stands when C(host)'s batch begins: C(unfinished), the hosts before that are not done, and C(says), one line for a person."""
    number = next(number for number, batch in enumerate(batches) if host in batch["hosts"])
    before, now, after = _hosts(batches[:number]), batches[number], _hosts(batches[number + 1 :])
    says = f"batch {number + 1} of {len(batches)}: {', '.join(now['hosts'])} in {now['domain']}"
    says += f"; done: {', '.join(before) or 'none'}; not begun: {', '.join(after) or 'none'}"
    return {"unfinished": [one for one in before if "maintenance_done" not in variables[one]], "says": says}


def findings(failed: t.Mapping[str, t.Any]) -> str:
    """What a failed task said, without a final full stop; of a loop, what each failed item said."""
    items = [item for item in failed.get("results") or [] if item.get("failed")]
    said = [[str(one[part]).strip() for part in SAID if one.get(part)] for one in items or [failed]]
    return " | ".join(" ".join(parts) for parts in said).rstrip(".")


def _hosts(batches: t.Sequence[Json]) -> list[str]:
    return [host for batch in batches for host in batch["hosts"]]
