# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for tasks hold in every role, playbook and scenario; and each rule refuses what it is there to refuse."""

from __future__ import annotations

import pathlib

import pytest
import yaml

from ansible_collections.baremetal.vmsite.tests.contract.checkout import CHECKOUT, files, read_yaml
from ansible_collections.baremetal.vmsite.tests.contract.task_rules import JINJA_LOGIC, MOST_TASKS_IN_A_FILE, complaints, tasks_of

PLACES = ("roles/*/tasks/**/*.yml", "roles/*/handlers/**/*.yml", "playbooks/**/*.yml", "molecule/*/*.yml")
TASK_FILES = [
    path.relative_to(CHECKOUT)
    for place in PLACES
    for path in sorted(CHECKOUT.glob(place))
    if path.name not in ("molecule.yml", "requirements.yml")
]

# Templates may print a list, with a reason. Path: why it cannot be a filter or a door.
TEMPLATES_WITH_LOGIC: dict[str, str] = {}

REFUSED = {
    "ignore_errors": "- {name: x, ansible.builtin.command: {argv: [cat, /etc/hosts]}, changed_when: false, ignore_errors: true}",
    "ansible_check_mode": "- {name: x, ansible.builtin.service: {name: y, state: started}, when: not ansible_check_mode}",
    "not known to be read-only": "- {name: x, ansible.builtin.command: {argv: [systemctl, restart, y]}, changed_when: false}",
    "is not known": "- {name: x, ansible.builtin.copy: {dest: /y, content: z}, changed_when: false}",
    "shell where command does": "- {name: x, ansible.builtin.shell: reboot, changed_when: true}",
    "logic in Jinja": "- {name: x, ansible.builtin.debug: {msg: '{% for y in z %}{{ y }}{% endfor %}'}}",
    "2 set_fact": "- {name: x, ansible.builtin.set_fact: {a: 1}}\n- {name: y, ansible.builtin.set_fact: {b: 1}}",
    "set_fact in a loop": "- {name: x, ansible.builtin.set_fact: {a: 1}, loop: [1]}",
    "gather_facts": "- {name: x, hosts: all, tasks: []}",
}


@pytest.mark.parametrize("name", TASK_FILES, ids=str)
def test_tasks_keep_the_rules(name: pathlib.Path) -> None:
    assert complaints(read_yaml(CHECKOUT / name)) == []


@pytest.mark.parametrize("name", [name for name in TASK_FILES if name.parts[0] == "roles"], ids=str)
def test_a_tasks_file_reads_like_a_table_of_contents(name: pathlib.Path) -> None:
    assert len(tasks_of(read_yaml(CHECKOUT / name))) <= MOST_TASKS_IN_A_FILE


def test_templates_hold_no_logic() -> None:
    with_logic = {
        name for name in files() if name.startswith("roles/") and name.endswith(".j2") and JINJA_LOGIC.search((CHECKOUT / name).read_text())
    }
    assert with_logic == set(TEMPLATES_WITH_LOGIC)


@pytest.mark.parametrize(("complaint", "tasks"), REFUSED.items(), ids=list(REFUSED))
def test_each_rule_refuses(complaint: str, tasks: str) -> None:
    assert any(complaint in found for found in complaints(yaml.safe_load(tasks)))


def test_rules_reach_into_blocks_and_plays() -> None:
    playbook = yaml.safe_load(
        "- {name: p, hosts: all, gather_facts: false, tasks: [{block: [{name: x, ansible.builtin.ping: , ignore_errors: true}]}]}"
    )
    assert len(complaints(playbook)) == 1


def test_what_only_reads_is_allowed() -> None:
    assert complaints(yaml.safe_load("- {name: x, ansible.builtin.command: {argv: [uname, -r]}, changed_when: false}")) == []
