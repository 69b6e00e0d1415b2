# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is written into the example site, the answer is a list of mistakes (or none), never an exception."""

from __future__ import annotations

import typing as t

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Path
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Site
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.normalise import counts, normalised
from ansible_collections.baremetal.vmsite.tests.unit.site.inventory import REMOVED, example, put, report

# Values that are nearly right somewhere in the model, besides arbitrary ones.
LIKELY: list[t.Any] = [
    "core", "non_core", "container", "kata", "kubevirt", "live_migrate", "core_pool", "etcd", "all", "kvm_hosts", "system",
    "10.20.8.11", "10.20.8.0/22", "0.0.0.0/0", "255.255.255.255", "fd00::1", "fd00::/64", "::/0", "1.2.3.4.5", "10.20.8.0/33", ":::", "/",
    "ledger-batch", "core1", "mirror", 0, 1, -1, 65535, 2**40, 1.5, float("inf"), float("nan"), True, None, "", [], {},
]  # fmt: skip
LEAVES = st.sampled_from(LIKELY) | st.text(max_size=8) | st.integers() | st.floats() | st.booleans() | st.none()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6
)


def parts(site: Site) -> list[tuple[str | None, Path]]:
    """Every part of every variable, and for a host variable a host that sees it."""
    found: list[tuple[str | None, Path]] = []

    def visit(host: str, value: t.Any, path: Path) -> None:
        found.append((host, path))
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in items:
            visit(host, inner, (*path, key))

    for variable in site.variables:
        visit(variable.hosts[0], variable.value, (variable.name,))
    return found


PARTS = parts(example())


CHANGES = st.lists(st.tuples(st.sampled_from(PARTS), VALUES | st.just(REMOVED)), min_size=1, max_size=4)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CHANGES)
def test_a_changed_model_is_judged_without_an_exception(changes: list[tuple[tuple[str | None, Path], t.Any]]) -> None:
    site = example()
    for (host, path), value in changes:
        try:
            put(site, path, None if value is REMOVED and len(path) == 1 else value, host)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took away what was to be changed
    found = report(site)
    for mistake in (*found.mistakes, *found.warnings):
        said = mistake.as_dict()
        assert said["asked"] and said["found"] and said["where"] and said["remedy"], said
    if not found.mistakes:
        assert counts(found.site)["hosts"] == len(normalised(found.site)["hosts"])
