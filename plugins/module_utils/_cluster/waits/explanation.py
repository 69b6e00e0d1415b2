# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Why something did not come: what the object's conditions, its last warnings and, for a rollout, its Pods say."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Refused

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Connection, Json

MOST_EVENTS = 3
MOST_PODS = 3


def explanation(connection: Connection, body: Json, with_pods: bool) -> str:
    """One phrase per source, joined; empty if nobody says anything."""
    pods = _pods(connection, body) if with_pods else []
    parts = [*conditions(body), *(phrase for pod in pods for phrase in pod_troubles(pod))]
    parts += [phrase for one in [body, *pods] for phrase in _warnings(connection, one)]
    return "; ".join(dict.fromkeys(parts))


def conditions(body: Json) -> list[str]:
    """Every condition with its reason: which value is the good one differs from kind to kind."""
    found = (body.get("status") or {}).get("conditions") or []
    return [
        f"{one.get('type')}={one.get('status')}"
        + (f" ({': '.join(filter(None, (one.get('reason'), one.get('message'))))})" if one.get("reason") else "")
        for one in found
    ]


def pod_troubles(pod: Json) -> list[str]:
    """Why a Pod is not ready: not scheduled, or a container that waits."""
    name = f"Pod {pod['metadata']['name']}"
    status = pod.get("status") or {}
    troubles = [
        f"{name}: {one.get('reason')}: {one.get('message')}"
        for one in status.get("conditions") or []
        if one.get("type") == "PodScheduled" and one.get("status") == "False"
    ]
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting")
        if waiting:
            troubles.append(
                f"{name}, container {container.get('name')}: {waiting.get('reason')}: {waiting.get('message') or ''}".rstrip(": ")
            )
    return troubles


def _pods(connection: Connection, body: Json) -> list[Json]:
    labels = ((body.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    if not labels:
        return []
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    pods = _listed(connection, f"/api/v1/namespaces/{body['metadata']['namespace']}/pods", labelSelector=selector)
    return [pod for pod in pods if pod_troubles(pod)][:MOST_PODS]


def _warnings(connection: Connection, body: Json) -> list[str]:
    """The last events of type Warning about just this object. Those of a cluster-wide object lie in the namespace default."""
    metadata = body["metadata"]
    events = _listed(
        connection,
        f"/api/v1/namespaces/{metadata.get('namespace') or 'default'}/events",
        fieldSelector=f"involvedObject.uid={metadata.get('uid')},type=Warning",
    )
    events.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")))
    return [f"event {event.get('reason')}: {event.get('message')}" for event in events[-MOST_EVENTS:]]


def _listed(connection: Connection, path: str, **query: str) -> list[Json]:
    """Who may not see them gets a shorter explanation."""
    try:
        return list((connection.read(path, **query) or {}).get("items") or [])
    except Refused:
        return []
