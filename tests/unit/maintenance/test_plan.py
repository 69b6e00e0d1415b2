# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import pathlib
import re
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.plan import plan
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._maintenance.settings import PREFIX, Settings, settings

PLAYBOOK = pathlib.Path(__file__).resolve().parents[3] / "playbooks" / "host_maintenance.yml"


def host(pool: str | None, rack: str, *groups: str) -> dict[str, t.Any]:
    return {"groups": [*([pool] if pool else []), *groups], "pool": pool, "placement": {"zone": "z", "room": "r", "rack": rack}}


MODEL = {
    "kvm1": host("kvm_hosts", "1"),
    "kvm2": host("kvm_hosts", "2"),
    "kvm3": host("kvm_hosts", "1"),
    "core1": host("core_pool", "1"),
    "etcd1": host(None, "2", "etcd"),
    "cloud": {"groups": [], "pool": None, "placement": None},
}


def made(matched: t.Sequence[str], **variables: t.Any) -> dict[str, t.Any]:
    given = {f"{PREFIX}{name}": value for name, value in {"hosts": ",".join(matched), **variables}.items()}
    return plan({**given, "vmsite_site": {}, "ansible_host": "x"}, matched, MODEL)


def test_hosts_come_domain_by_domain_with_those_that_may_take_their_vms() -> None:
    result = made(["kvm1", "kvm2", "kvm3"], at_once="2")
    assert result["mistakes"] == []
    assert result["batches"] == [{"domain": "z/r/1", "hosts": ["kvm1", "kvm3"]}, {"domain": "z/r/2", "hosts": ["kvm2"]}]
    assert (result["hosts"], result["sizes"]) == (["kvm1", "kvm3", "kvm2"], [2, 1])
    assert made(["kvm2"])["involved"] == ["kvm2", "kvm1", "kvm3"]
    assert made(["etcd1"])["involved"] == ["etcd1"]


@pytest.mark.parametrize(
    ("matched", "variables", "complaint"),
    [
        ([], {"hosts": ""}, "no host is said"),
        ([], {"hosts": "kvm9"}, "no host or group kvm9; where: the extra variables; do: did you mean kvm"),
        ([], {"hosts": "etcd:!etcd1"}, "it matches no host"),
        (["kvm1"], {"hosts": ["kvm1", "!kmv2"]}, "no host or group kmv2"),
        (["kvm1"], {"hosts": ["kvm1", 2]}, "say a host pattern, or a list of hosts"),
        (["core1"], {}, "host core1: draining cluster nodes is not there yet"),
        (["cloud"], {}, "host cloud: no vmsite_placement"),
        (["kvm1"], {"target": "kvm1"}, "it is to be maintained itself"),
        (["kvm1"], {"target": "core1"}, "it is no host of kvm_hosts"),
        (["kvm1"], {"targte": "kvm2"}, "did you mean host_maintenance_target?"),
        (["kvm1"], {"domain": "row"}, "say one of zone, room, rack"),
        (["kvm1"], {"reboot": "yes"}, "say one of when_needed, never, always"),
        (["kvm1"], {"at_once": "0"}, "say a whole number above 0"),
        (["kvm1"], {"at_once": True}, "say a whole number above 0"),
        (["kvm1"], {"reboot_timeout_seconds": "soon"}, "say a whole number above 0"),
        (["kvm1"], {"update_packages": "perhaps"}, "say true or false"),
        (["kvm1"], {"drain_tasks": ["x"]}, "say a text"),
    ],
)
def test_what_cannot_be_done_is_refused(matched: list[str], variables: dict[str, t.Any], complaint: str) -> None:
    result = made(matched, **variables)
    (mistake,) = result["mistakes"]
    assert complaint in mistake
    assert result["hosts"] == result["batches"] == result["sizes"] == []


def test_all_mistakes_are_told_at_once() -> None:
    result = made(["core1"], at_once="0", reboot="yes", target="core1")
    assert len(result["mistakes"]) == 4


def test_a_limit_is_refused() -> None:
    (mistake,) = plan({f"{PREFIX}hosts": "kvm1", "ansible_limit": "kvm1"}, ["kvm1"], MODEL)["mistakes"]
    assert "say host_maintenance_hosts instead" in mistake


def test_a_pattern_may_be_all_that_ansible_knows() -> None:
    for pattern in ("kvm*", "~kvm[0-9]", "kvm_hosts:!kvm2", "all:&kvm_hosts", "kvm_hosts[0]"):
        assert made(["kvm1"], hosts=pattern)["mistakes"] == [], pattern


def test_cluster_nodes_need_a_file_that_drains_them() -> None:
    assert made(["core1"], drain_tasks="drain_nodes.yml")["hosts"] == ["core1"]


def test_texts_of_a_command_line_have_their_types() -> None:
    said = {"hosts": "all", "at_once": "3", "update_packages": "yes", "bring_back": "false", "reboot": "always", "domain": "zone"}
    asked, mistakes = settings({f"{PREFIX}{name}": value for name, value in said.items()})
    assert mistakes == []
    assert asked == Settings(hosts="all", at_once=3, update_packages=True, bring_back=False, reboot="always", domain="zone")


def test_the_playbook_describes_every_setting_with_its_default() -> None:
    head = PLAYBOOK.read_text(encoding="utf-8").split("\n- name", 1)[0]
    assert set(re.findall(rf"{PREFIX}(\w+)", head)) == {field.name for field in dataclasses.fields(Settings)}
    for field in dataclasses.fields(Settings):
        if field.default not in ("", "rack"):
            text = re.search(rf"{PREFIX}{field.name}: (.*?)(?=\n#   host|\n#\n)", head, re.DOTALL)
            assert text, field.name
            default = str(field.default).lower()
            assert f"default {default}" in text[1] or f"{default} (default)" in text[1], field.name
