# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import html.parser
import json
import pathlib
import re
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.rendering import render
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.report import Report
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import kill_at_every_boundary, tree

VOID = {"meta", "link", "br", "img", "wbr"}
POISON = """<script>alert("1")</script>&'{{ 7 * 7 }}"""

Record = dict[str, t.Any]


@pytest.fixture
def sample() -> Record:
    """The lab's two hosts and one host with 8 NUMA nodes and 512 CPUs. A made-up record, but its plans and measurements are computed."""
    record: Record = json.loads(pathlib.Path(__file__).with_name("sample_record.json").read_text(encoding="utf-8"))
    return record


class Page(html.parser.HTMLParser):
    """Checks that elements are closed in order, and collects what a reader and a browser get."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_sample_is_a_whole_page(sample: Record) -> None:
    page = Page(render(sample).html)
    assert page.named("html") == [{"lang": "en"}]
    assert len(page.named("h1")) == 1
    pictures = [picture for picture in page.named("svg") if "aria-hidden" not in picture]
    assert len(pictures) == len(sample["hosts"]) + 2 * len(sample["migrations"])
    identifiers = [str(attributes["id"]) for _tag, attributes in page.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for picture in pictures:
        assert set(str(picture["aria-labelledby"]).split()) <= set(identifiers)
    assert all(heading.get("scope") in ("col", "row") for heading in page.named("th"))
    assert len(page.named("caption")) == len(page.named("table"))


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(sample: Record) -> None:
    text = render(sample).html
    page = Page(text)
    assert {tag for tag, _attributes in page.tags}.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form"})
    assert not [attributes for _tag, attributes in page.tags if any(name in attributes for name in ("src", "href", "xlink:href", "srcset"))]
    assert "url(" not in text
    assert "@import" not in text


def test_every_cpu_of_the_large_host_is_drawn_with_its_role(sample: Record) -> None:
    text = render(sample).html
    for cpu in range(256):
        assert len(re.findall(rf">CPU {cpu} and {cpu + 256}: (?:housekeeping|pmd, isolated|vm, isolated)<", text)) == 1


def test_the_views_of_an_interruption_are_side_by_side(sample: Record) -> None:
    text = Page(render(sample).html).text
    for migration in sample["migrations"]:
        measurement = migration["measurement"]
        assert f"{migration['result']['migration']['downtime_ms']:.1f} ms" in text
        assert f"{measurement['longest_gap_ms']:.1f} ms" in text
        assert f"{measurement['longest_silence_ms']:.1f} ms" in text


def test_a_failed_migration_without_figures_is_reported(sample: Record) -> None:
    sample["migrations"] = [
        {"vm": "web1", "source": "compute1", "target": "compute2", "result": {"failed": True, "msg": "the target has no memory left"}}
    ]
    rendered = render(sample)
    assert rendered.verdict.result == "failed"
    assert "the target has no memory left" in Page(rendered.html).text


def poisoned(value: t.Any) -> t.Any:
    """The same record with a hostile text in every place that holds free text."""
    free = {
        "title",
        "site",
        "machine",
        "settings",
        "what",
        "reason",
        "door",
        "name",
        "event",
        "source",
        "target",
        "rule",
        "scheduling",
        "notes",
    }
    if isinstance(value, dict):
        return {key: _poison(entry) if key in free else poisoned(entry) for key, entry in value.items()}
    return [poisoned(entry) for entry in value] if isinstance(value, list) else value


def _poison(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {f"{key}{POISON}": _poison(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_poison(entry) for entry in value]
    return f"{value}{POISON}" if isinstance(value, str) else value


def test_every_text_is_escaped(sample: Record) -> None:
    clean, hostile = Page(render(sample).html), Page(render(poisoned(sample)).html)
    assert [tag for tag, _attributes in hostile.tags] == [tag for tag, _attributes in clean.tags]
    assert hostile.text.count(POISON) > 100, "the hostile text arrives as text, and no template fills it in"


def test_the_same_record_gives_the_same_bytes(sample: Record) -> None:
    first, second = render(sample), render(json.loads(json.dumps(copy.deepcopy(sample), sort_keys=True)))
    assert first.data == second.data
    assert json.loads(first.data)["record"] == sample
    assert render(sample).html == first.html


def test_a_plan_of_another_shape_is_refused(sample: Record) -> None:
    sample["hosts"][0]["plan"]["cpus"].pop("pmd")
    with pytest.raises(Failure, match="no CPU list pmd"):
        render(sample)


def test_check_apply_check(tmp_path: pathlib.Path, sample: Record) -> None:
    root = HostRoot(str(tmp_path))
    report = Report(root, sample, "/reports", "demo")
    predicted = report.plan()
    assert tree(root.path) == {}
    assert [change.what for change in predicted] == ["/reports/demo.json", "/reports/demo.html"]
    report.apply(predicted)
    report.verify()
    assert set(tree(root.path)) == {"reports/demo.html", "reports/demo.json"}
    assert not Report(root, sample, "/reports", "demo").plan()
    sample["title"] = "Another title"
    assert len(Report(root, sample, "/reports", "demo").plan()) == 2


def test_killed_anywhere_the_next_run_finishes(tmp_path: pathlib.Path, sample: Record) -> None:
    def attach(path: pathlib.Path, hook: t.Callable[[int, str], None]) -> HostRoot:
        return HostRoot(str(path), hook)

    assert kill_at_every_boundary(tmp_path, attach, lambda root: Report(root, sample, "/reports", "demo")) == 3
