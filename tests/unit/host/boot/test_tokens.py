# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import collections

import hypothesis
import pytest
from hypothesis import strategies

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot import tokens

NAMES = ("hugepagesz", "hugepages", "default_hugepagesz", "isolcpus", "quiet", "console", "a-b", "a_b")
TOKENS = strategies.builds(
    lambda name, value: name if value is None else f"{name}={value}",
    strategies.sampled_from(NAMES),
    strategies.sampled_from((None, "1", "2", "2M")),
)
LINES = strategies.lists(TOKENS, max_size=8)


@hypothesis.given(LINES, LINES, LINES)
def test_others_keep_order_and_repeats_whatever_is_ours(line: list[str], ours: list[str], own: list[str]) -> None:
    after = tokens.replaced(line, ours, own)
    assert tokens.without(after, own) == tokens.without(line, ours)
    assert tokens.pick(after, own) == own


@hypothesis.given(LINES, LINES, LINES)
def test_replacing_twice_is_replacing_once(line: list[str], ours: list[str], own: list[str]) -> None:
    once = tokens.replaced(line, ours, own)
    assert tokens.replaced(once, own, own) == once


@hypothesis.given(LINES, LINES)
def test_what_is_ours_and_what_is_not_make_up_the_line(line: list[str], ours: list[str]) -> None:
    together = collections.Counter(tokens.pick(line, ours)) + collections.Counter(tokens.without(line, ours))
    assert together == collections.Counter(line)
    assert not collections.Counter(tokens.pick(line, ours)) - collections.Counter(ours)


@hypothesis.given(LINES, LINES)
def test_setting_and_taking_out_again_restores_the_line(line: list[str], own: list[str]) -> None:
    assert tokens.replaced(tokens.replaced(line, [], own), own, []) == line


@hypothesis.given(LINES, LINES, LINES)
def test_a_share_never_leaves_two_owners_of_one_name(wanted: list[str], first: list[str], second: list[str]) -> None:
    """Either something is refused, or each unit is set by one side only, and every line then has the wanted tokens of it, in order."""
    others = {"first": first, "second": second}
    own, failures = tokens.share(wanted, others, "mend it")
    if failures:
        return
    for line in others.values():
        after = tokens.units(tokens.replaced(line, [], own))
        assert {key: after.get(key) for key in tokens.units(wanted)} == tokens.units(wanted)
        assert not set(tokens.units(own)) & set(tokens.units(line))


@hypothesis.given(LINES, LINES, LINES)
def test_a_refusal_has_a_contradiction(wanted: list[str], first: list[str], second: list[str]) -> None:
    _own, failures = tokens.share(wanted, {"first": first, "second": second}, "mend it")
    for failure in failures:
        key = tokens.unit(failure.asked.split()[2])
        values = [tokens.units(line).get(key, []) for line in (first, second)]
        assert any(values)
        assert any(value != tokens.units(wanted)[key] for value in values)


@hypothesis.given(LINES, LINES)
def test_joined_holds_both_and_nothing_more(first: list[str], second: list[str]) -> None:
    assert collections.Counter(tokens.joined(first, second)) == collections.Counter(first) | collections.Counter(second)


@hypothesis.given(LINES)
def test_a_line_survives_being_written_and_split(line: list[str]) -> None:
    assert tokens.split(" ".join(line)) == line


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("  a\t b \n", ["a", "b"]),
        ('dyndbg="file a.c +p" quiet', ['dyndbg="file a.c +p"', "quiet"]),
        ('"module.option=x y" z', ['"module.option=x y"', "z"]),
        ('open="a b', ['open="a b']),
    ],
)
def test_split_as_the_kernel_does(text: str, found: list[str]) -> None:
    assert tokens.split(text) == found


def test_pages_of_two_sizes_stay_in_pairs_among_others() -> None:
    pages = ["hugepagesz=1G", "hugepages=4", "hugepagesz=2M", "hugepages=512"]
    line = ["ro", *pages[:2], "quiet"]
    assert tokens.replaced(line, pages[:2], pages) == ["ro", "quiet", *pages]


def test_arguments_for_init_stay_last_and_are_none_of_ours() -> None:
    assert tokens.replaced(["ro", "--", "iommu=pt"], ["iommu=pt"], ["iommu=pt"]) == ["ro", "iommu=pt", "--", "iommu=pt"]


def test_a_count_without_its_size_is_somebody_elses_pool() -> None:
    """hugepages=4 alone counts pages of the default size: a size of ours behind it would not belong to it."""
    _own, failures = tokens.share(["hugepagesz=1G", "hugepages=4"], {"line": ["hugepages=4"]}, "mend it")
    assert [failure.found for failure in failures] == ["line has hugepages=4, which was not set here"]


def test_dash_and_underscore_are_the_same_in_a_name() -> None:
    _own, failures = tokens.share(["transparent-hugepage=never"], {"line": ["transparent_hugepage=always"]}, "mend it")
    assert len(failures) == 1
