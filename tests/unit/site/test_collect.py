# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from an inventory: plain data, who sees it, and where it was written. The core's own loader reads the files."""

from __future__ import annotations

import pathlib
import textwrap

import pytest

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site import origin
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Place
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Site
from ansible_collections.baremetal.vmsite.tests.unit.site.inventory import read

HOSTS = "all: {children: {one: {hosts: {a: , b: }}, two: {hosts: {c: , api: {ansible_connection: local}}}}}\n"


def written(tmp_path: pathlib.Path, **files: str) -> Site:
    (tmp_path / "hosts.yml").write_text(HOSTS, encoding="utf-8")
    for name, content in files.items():
        kind, _separator, rest = name.partition("__")
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{rest}.yml").write_text(textwrap.dedent(content), encoding="utf-8")
    return read(tmp_path / "hosts.yml")


def test_an_inherited_value_is_read_once_for_all_who_see_it(tmp_path: pathlib.Path) -> None:
    site = written(tmp_path, group_vars__one="vmsite_x: {y: 1}", host_vars__c="vmsite_x: {y: 2}")
    assert [(variable.value, variable.hosts) for variable in site.named("vmsite_x")] == [({"y": 1}, ("a", "b")), ({"y": 2}, ("c",))]
    assert site.of("b", "vmsite_x") is site.of("a", "vmsite_x")


def test_equal_templates_of_several_hosts_become_one_value(tmp_path: pathlib.Path) -> None:
    site = written(tmp_path, group_vars__all="vmsite_x: {same: '{{ 1 + 1 }}'}\nvmsite_y: {own: '{{ inventory_hostname }}'}\n")
    assert [variable.value for variable in site.named("vmsite_x")] == [{"same": 2}]
    assert [variable.value["own"] for variable in site.named("vmsite_y")] == ["a", "api", "b", "c"]


def test_a_group_and_a_local_connection_are_known(tmp_path: pathlib.Path) -> None:
    site = written(tmp_path)
    assert site.hosts["a"].groups >= {"one"}
    assert [name for name, host in site.hosts.items() if host.local] == ["api"]


@pytest.mark.skipif(not origin.KNOWS_EVERY_LINE, reason="ansible-core 2.18 knows lines of mappings, lists and text only, and of no keys")
def test_every_part_has_its_file_and_line(tmp_path: pathlib.Path) -> None:
    site = written(tmp_path, group_vars__all="---\nvmsite_x:\n  number: 1\n  flag: true\n  list:\n    - text\n    - deep: {er: 2}\n")
    variable = site.named("vmsite_x")[0]
    lines = {path[1:]: place.line for path, place in variable.places.items() if len(path) > 1}
    assert lines == {
        ("number",): 3,
        ("flag",): 4,
        ("list",): 5,
        ("list", 0): 6,
        ("list", 1): 7,
        ("list", 1, "deep"): 7,
        ("list", 1, "deep", "er"): 7,
    }
    assert variable.place(("vmsite_x", "number")).file.endswith("group_vars/all.yml")
    assert variable.place(("vmsite_x", "not there")).line == variable.place(("vmsite_x",)).line


def test_without_tags_the_positions_of_core_2_18_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """AnsibleBaseYAMLObject of ansible-core 2.18 has ansible_pos = (file, line, column)."""

    class Positioned(str):
        ansible_pos = ("/site/group_vars/all.yml", 7, 3)

    monkeypatch.setattr(origin, "Origin", None)
    assert origin.place_of(Positioned("x")) == Place("/site/group_vars/all.yml", 7)
    assert origin.place_of("x") is None
    assert origin.place_of(1) is None


BAD = {
    "on: true\n": "the key True",
    "1: x\n": "the key 1",
    "day: 2026-01-01\n": "a ",
    "&self\n  again: *self\n": "nested without end",
    "'{{ nowhere }}'\n": "its template fails",
    'x: \'{{ lookup("file", "/nowhere") }}\'\n': "its template fails",
    "x: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    6162\n": "its template fails",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_plain_data_is_a_mistake_of_its_variable(tmp_path: pathlib.Path, text: str) -> None:
    value = text if text.startswith(("&", "'")) else "\n  " + text
    site = written(tmp_path, group_vars__one=f"vmsite_x: {value}", host_vars__c="vmsite_x: {y: 2}")
    (mistake,) = site.unreadable
    assert BAD[text] in mistake.found
    assert mistake.variable.startswith("vmsite_x")
    assert mistake.hosts == ("a", "b")
    assert [variable.hosts for variable in site.named("vmsite_x")] == [("c",)]
