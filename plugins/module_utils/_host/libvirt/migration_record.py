# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What is asked of one live migration, and what it says of itself. No I/O."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import CpuPlan, Pinning, cpu_plan, explicit

CONVERGENCES = ("none", "auto_converge", "post_copy")
COPIES = ("none", "all", "incremental")
MAX_SAMPLES = 500  # of progress: enough for a picture, small enough for a result


@dataclasses.dataclass(frozen=True)
class Wanted:
    """C(plan) is what the target has for VMs, C(pinning) a place on it by name; with neither the VM keeps its CPU numbers.

    C(deadline_seconds) is for everything from the start of the migration, C(prepare_seconds) for the time before the first byte is sent.
    """

    name: str
    target: str
    transport: str = "tls"
    encrypt: bool = True
    migration_address: str | None = None
    deadline_seconds: int = 300
    prepare_seconds: int = 30
    max_downtime_ms: int | None = None
    bandwidth_mib: int | None = None
    convergence: str = "none"
    copy_storage: str = "none"
    connections: int = 1
    plan: CpuPlan | None = None
    pinning: Pinning | None = None


def wanted(options: dict[str, t.Any]) -> Wanted:
    """From a door's options. Raises Failure for text that is no CPU list."""
    plan, pinning = options["target_plan"], options["target_pinning"]
    fields = {field.name: options[field.name] for field in dataclasses.fields(Wanted) if field.name not in ("plan", "pinning")}
    return Wanted(**fields, plan=cpu_plan(plan) if plan else None, pinning=explicit(pinning, "target_pinning") if pinning else None)


@dataclasses.dataclass
class Journal:
    """What happened when. C(at) is wall-clock seconds since the epoch, C(seconds) monotonic since the migration was asked for."""

    started_at: float
    timeline: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    progress: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)

    def note(self, event: str, at: float, seconds: float) -> None:
        self.timeline.append({"event": event, "at": round(at, 4), "seconds": round(seconds, 4)})

    def sample(self, stats: t.Mapping[str, t.Any], seconds: float) -> None:
        """Keep a sample a second, and one for each new iteration."""
        sample = {
            "seconds": round(seconds, 2),
            "iteration": stats.get("memory_iteration", 0),
            "processed_mib": _mib(stats, "data_processed"),
            "remaining_mib": _mib(stats, "data_remaining"),
            "total_mib": _mib(stats, "data_total"),
            "dirty_rate_pages": stats.get("memory_dirty_rate", 0),
            "throttle_percent": stats.get("auto_converge_throttle", 0),
        }
        last = self.progress[-1] if self.progress else None
        if last is None or (
            (sample["iteration"] != last["iteration"] or seconds - last["seconds"] >= 1) and len(self.progress) < MAX_SAMPLES
        ):
            self.progress.append(sample)

    @property
    def began_to_send(self) -> bool:
        return any(sample["total_mib"] > 0 for sample in self.progress)

    def far(self) -> str:
        """How far it got, for a person."""
        if not self.began_to_send:
            return "nothing was sent"
        last = self.progress[-1]
        return f"{last['remaining_mib']} of {last['total_mib']} MiB were left in iteration {last['iteration']}"


def figures(stats: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """libvirt's statistics of a finished job under our names. Times in ms, sizes in MiB, None for what it does not know."""
    return {
        "downtime_ms": stats.get("downtime"),
        "total_ms": stats.get("time_elapsed"),
        "setup_ms": stats.get("setup_time"),
        "sent_mib": _mib(stats, "data_processed") if stats else None,
        "disk_sent_mib": _mib(stats, "disk_processed") if stats else None,
        "iterations": stats.get("memory_iteration"),
        "bandwidth_mib": _mib(stats, "memory_bps") if stats else None,
    }


def _mib(stats: t.Mapping[str, t.Any], key: str) -> float:
    return round(int(stats.get(key, 0)) / 2**20, 1)
