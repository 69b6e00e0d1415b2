# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Whether a VM lives on another host: a VM that migrated away must not be started here a second time."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt import connection


@dataclasses.dataclass(frozen=True)
class Found:
    """C(host) has the VM; C(active): it runs there, or is on its way there."""

    host: str
    active: bool


class Peers:
    """The other hosts that may have our VMs. Each is asked once, and only if there is a question.

    One that does not answer is a failure: it may have the VM, and two copies writing to one disk are worse than a VM that starts later.
    """

    def __init__(self, hosts: t.Sequence[str], transport: str) -> None:
        self._hosts = list(hosts)
        self._transport = transport
        self._active: dict[str, dict[str, bool]] | None = None

    def find(self, name: str) -> list[Found]:
        if self._active is None:
            self._active = self._ask()
        return [Found(host, domains[name]) for host, domains in self._active.items() if name in domains]

    def _ask(self) -> dict[str, dict[str, bool]]:
        answers, failures = {}, []
        for host in self._hosts:
            try:
                with (
                    connection.remote(host, self._transport, "ask whether a VM lives there") as peer,
                    connection.reported("list its VMs", host),
                ):
                    answers[host] = {domain.name(): bool(domain.isActive()) for domain in peer.listAllDomains()}
            except Failure as failure:
                failures.append(failure)
        raise_all(failures)
        return answers
