# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import hypothesis
import hypothesis.strategies as st

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.batches import DOMAINS, batches, domain_of

Placements = dict[str, dict[str, str]]

# The same few names on purpose: rack 1 of one room is not rack 1 of another.
PLACEMENT = st.fixed_dictionaries({part: st.sampled_from(["1", "2"]) for part in DOMAINS})
SITES = st.dictionaries(st.from_regex(r"kvm[0-9]{1,2}", fullmatch=True), PLACEMENT, max_size=14)


@hypothesis.given(SITES, st.sampled_from(DOMAINS), st.integers(1, 4), st.randoms())
def test_batches_hold_every_host_once_and_never_two_domains(placements: Placements, domain: str, at_once: int, random: object) -> None:
    hosts = list(placements)
    random.shuffle(hosts)  # type: ignore[attr-defined]
    made = batches(hosts, placements, domain, at_once)
    flat = list(itertools.chain.from_iterable(batch.hosts for batch in made))
    assert sorted(flat) == sorted(hosts)
    assert len(flat) == len(set(flat))
    for batch in made:
        assert {domain_of(placements[host], domain) for host in batch.hosts} == {batch.domain}
        assert 1 <= len(batch.hosts) <= at_once
    assert made == batches(hosts, placements, domain, at_once)


@hypothesis.given(SITES, st.sampled_from(DOMAINS), st.integers(1, 4))
def test_a_domain_is_finished_before_the_next_and_keeps_the_order(placements: Placements, domain: str, at_once: int) -> None:
    hosts = list(placements)
    made = batches(hosts, placements, domain, at_once)
    domains = [name for name, _batches in itertools.groupby(batch.domain for batch in made)]
    assert domains == list(dict.fromkeys(domain_of(placements[host], domain) for host in hosts))
    for name in domains:
        inside = [batch for batch in made if batch.domain == name]
        order = [host for batch in inside for host in batch.hosts]
        assert order == [host for host in hosts if domain_of(placements[host], domain) == name]
        assert all(len(batch.hosts) == at_once for batch in inside[:-1]), "only the last batch of a domain may be small"


def test_a_rack_is_known_by_its_room_and_zone() -> None:
    placements = {"a": {"zone": "1", "room": "1", "rack": "1"}, "b": {"zone": "1", "room": "2", "rack": "1"}}
    assert [(batch.domain, batch.hosts) for batch in batches(["a", "b"], placements, "rack", 9)] == [("1/1/1", ("a",)), ("1/2/1", ("b",))]
    assert [(batch.domain, batch.hosts) for batch in batches(["a", "b"], placements, "zone", 9)] == [("1", ("a", "b"))]


def test_a_host_that_is_named_twice_is_maintained_once() -> None:
    assert [batch.hosts for batch in batches(["a", "a"], {"a": {"zone": "1", "room": "1", "rack": "1"}}, "rack", 2)] == [("a",)]
