# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Tenants: a tier that exists, namespaces and a metrics account that are theirs alone, and quotas that the pools can give."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.checks.check import Check
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake, choices, did_you_mean
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Site

RESERVED_PREFIXES = ("kube-", "vmsite-")
RESERVED = ("default", "kubevirt", "cdi", "monitoring", "logging")


def tiers_exist(site: Site) -> t.Iterator[Mistake]:
    tenants, tiers = site.one("vmsite_tenants"), site.one("vmsite_tiers").value
    for name, tenant in tenants.value.items():
        if tenant["tier"] not in tiers:
            yield tenants.mistake(
                ("vmsite_tenants", name, "tier"), "no such tier", did_you_mean(tenant["tier"], tiers, f"write one of {choices(tiers)}")
            )


def namespaces_have_one_owner(site: Site) -> t.Iterator[Mistake]:
    tenants = site.one("vmsite_tenants")
    owners: dict[str, str] = {}
    for name, tenant in tenants.value.items():
        for index, namespace in enumerate(tenant["namespaces"]):
            path = ("vmsite_tenants", name, "namespaces", index)
            if namespace in RESERVED or namespace.startswith(RESERVED_PREFIXES):
                yield tenants.mistake(path, "a namespace of the platform", "give the tenant a namespace with another name")
            if namespace in owners:
                yield tenants.mistake(path, f"tenant {owners[namespace]} owns this namespace", "give it to one tenant")
            owners.setdefault(namespace, name)


def metrics_accounts_differ(site: Site) -> t.Iterator[Mistake]:
    tenants = site.one("vmsite_tenants")
    owners: dict[int, str] = {}
    for name, tenant in tenants.value.items():
        account = tenant["metrics_account"]
        if account in owners:
            yield tenants.mistake(
                ("vmsite_tenants", name, "metrics_account"),
                f"tenant {owners[account]} has this account, so each would read the other's metrics",
                f"write a free one, for example {max(other['metrics_account'] for other in tenants.value.values()) + 1}",
            )
        owners.setdefault(account, name)


def users_are_named_once(site: Site) -> t.Iterator[Mistake]:
    tenants = site.one("vmsite_tenants")
    for name, tenant in tenants.value.items():
        seen: set[str] = set()
        for index, user in enumerate(tenant["users"]):
            if user["name"] in seen:
                yield tenants.mistake(
                    ("vmsite_tenants", name, "users", index, "name"), "the tenant has this user twice", "keep one of the two roles"
                )
            seen.add(user["name"])


def some_user_may_act(site: Site) -> t.Iterator[Mistake]:
    tenants = site.one("vmsite_tenants")
    for name, tenant in tenants.value.items():
        if not any(user["role"] == "admin" for user in tenant["users"]):
            yield tenants.mistake(
                ("vmsite_tenants", name, "users"),
                "no user with role admin",
                "add one, if the tenant is to manage its own VMs",
                asked=f"users of tenant {name}",
            )


CHECKS = (
    Check(tiers_exist, ("vmsite_tenants", "vmsite_tiers")),
    Check(namespaces_have_one_owner, ("vmsite_tenants",)),
    Check(metrics_accounts_differ, ("vmsite_tenants",)),
    Check(users_are_named_once, ("vmsite_tenants",)),
    Check(some_user_may_act, ("vmsite_tenants",), warning=True),
)
