# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Whether a rollout is complete, from the object alone. Pure.

Source of the rules: kubectl rollout status (k8s.io/kubectl, pkg/polymorphichelpers/rollout_status.go).
"""

from __future__ import annotations

import typing as t

Json = dict[str, t.Any]

PROGRESS_ENDED = "ProgressDeadlineExceeded"


def rollout_missing(body: Json) -> str | None:
    """What is missing, None if nothing is."""
    if _count(body, "status", "observedGeneration") < _count(body, "metadata", "generation"):
        return "its controller has not seen the change yet"
    return {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set}[body["kind"]](body)


def rollout_is_hopeless(body: Json) -> bool:
    """Its controller has given up."""
    conditions = (body.get("status") or {}).get("conditions") or []
    return any(one.get("type") == "Progressing" and one.get("reason") == PROGRESS_ENDED for one in conditions)


def _deployment(body: Json) -> str | None:
    wanted = _replicas(body)
    updated, present = _count(body, "status", "updatedReplicas"), _count(body, "status", "replicas")
    if updated < wanted:
        return f"{updated} of {wanted} replicas are updated"
    if present > updated:
        return f"{present - updated} old replicas are still there"
    return _available(_count(body, "status", "availableReplicas"), updated)


def _stateful_set(body: Json) -> str | None:
    wanted = _replicas(body)
    status = body.get("status") or {}
    partition = ((body["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0
    if (ready := _count(body, "status", "readyReplicas")) < wanted:
        return f"{ready} of {wanted} replicas are ready"
    if (updated := _count(body, "status", "updatedReplicas")) < wanted - partition:
        return f"{updated} of {wanted - partition} replicas are updated"
    if not partition and status.get("updateRevision") != status.get("currentRevision"):
        return f"revision {status.get('updateRevision')} is not the current one yet"
    return None


def _daemon_set(body: Json) -> str | None:
    wanted = _count(body, "status", "desiredNumberScheduled")
    if (updated := _count(body, "status", "updatedNumberScheduled")) < wanted:
        return f"{updated} of {wanted} Pods are updated"
    return _available(_count(body, "status", "numberAvailable"), wanted)


def _available(available: int, wanted: int) -> str | None:
    return f"{available} of {wanted} are available" if available < wanted else None


def _replicas(body: Json) -> int:
    """Without a number it is 1, as the API server's own default."""
    replicas = body["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _count(body: Json, part: str, field: str) -> int:
    return int((body.get(part) or {}).get(field) or 0)
