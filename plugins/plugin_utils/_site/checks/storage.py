# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Storage: every contract that a tier names exists and lets the tier keep its promise."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.checks.check import Check
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake, choices, did_you_mean
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Site


def contracts_hold(site: Site) -> t.Iterator[Mistake]:
    """A KubeVirt VM migrates only when both nodes can have its volumes open: ReadWriteMany."""
    tiers, contracts = site.one("vmsite_tiers"), site.one("vmsite_storage").value["contracts"]
    for name, tier in tiers.value.items():
        path = ("vmsite_tiers", name, "storage")
        migrates = tier["runtime"] == "kubevirt" and tier["on_maintenance"] == "live_migrate"
        contract = tier.get("storage")
        if contract is None:
            if migrates:
                yield tiers.mistake(
                    path,
                    "it is missing, and VMs of this tier live-migrate",
                    "name a storage contract with ReadWriteMany",
                    asked=f"storage of tier {name}",
                )
        elif contract not in contracts:
            yield tiers.mistake(
                path,
                "no such storage contract",
                did_you_mean(contract, contracts, f"add it to vmsite_storage; there are {choices(contracts)}"),
            )
        elif migrates and "ReadWriteMany" not in contracts[contract]["access_modes"]:
            yield tiers.mistake(
                path,
                f"access modes {', '.join(contracts[contract]['access_modes'])}, and VMs of this tier live-migrate",
                "name a contract with ReadWriteMany, or use on_maintenance restart",
            )


def volumes_can_be_saved(site: Site) -> t.Iterator[Mistake]:
    storage = site.one("vmsite_storage")
    for name, contract in storage.value["contracts"].items():
        if "snapshot_class" not in contract:
            yield storage.mistake(
                ("vmsite_storage", "contracts", name),
                "it has no snapshot_class: VMs on it cannot be snapshotted",
                "name a VolumeSnapshotClass, if the storage has one",
                asked=f"storage contract {name}",
            )


CHECKS = (
    Check(contracts_hold, ("vmsite_tiers", "vmsite_storage")),
    Check(volumes_can_be_saved, ("vmsite_storage",), warning=True),
)
