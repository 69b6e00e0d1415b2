# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command that the README shows is run by a test, and every file that it names exists."""

from __future__ import annotations

import re

import pytest

from ansible_collections.baremetal.vmsite.tests.contract.checkout import CHECKOUT, text
from ansible_collections.baremetal.vmsite.tests.make import make

# Commands that "make test" does not run as a target, and the test that runs them.
RUN_BY: dict[str, str] = {
    "make": "tests/contract/test_readme.py::test_the_list_of_targets_is_printed",
    "make lab-down": "tests/lab/test_lab_hosts.py",
    "make lab-status": "tests/lab/test_lab_hosts.py",
}

CODE_BLOCK = re.compile(r"^```(?:sh|shell|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def commands(markdown: str) -> list[str]:
    """Commands of the shell blocks, without prompts and comments."""
    lines = [line.split(" #")[0].strip().removeprefix("$ ") for block in CODE_BLOCK.findall(markdown) for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def prerequisites() -> dict[str, list[str]]:
    """The Makefile's targets, and what each needs."""
    rules: dict[str, list[str]] = {}
    for name in ("Makefile", "tests/gates/check.mk", "lab/lab.mk"):
        for target, needs in re.findall(r"^([a-z0-9][a-z0-9.-]*):([^=\n#]*)", text(name), re.MULTILINE):
            rules.setdefault(target, []).extend(needs.split())
    return rules


def run_by(target: str, rules: dict[str, list[str]]) -> set[str]:
    return {target}.union(*(run_by(needed, rules) for needed in rules.get(target, [])))


def unproven(markdown: str) -> list[str]:
    by_test = run_by("test", prerequisites())
    return [command for command in commands(markdown) if command not in RUN_BY and command.removeprefix("make ") not in by_test]


def test_every_command_is_run_by_a_test() -> None:
    shown = commands(text("README.md"))
    assert {"make demo", "make test"} <= set(shown)
    assert unproven(text("README.md")) == []


@pytest.mark.parametrize("command", ["make nonsense", "ansible-playbook x.yml", "make lab-downs"])
def test_a_command_that_no_test_runs_is_seen(command: str) -> None:
    assert unproven(f"```sh\n{command}\n```\n") == [command]


@pytest.mark.parametrize(("command", "test"), RUN_BY.items(), ids=list(RUN_BY))
def test_the_tests_that_run_them_exist(command: str, test: str) -> None:
    path, _separator, function = test.partition("::")
    source = text(path)
    assert f"def {function}(" in source if function else command.split()[-1].rsplit("-", 1)[-1] in source


def test_the_list_of_targets_is_printed() -> None:
    printed = make()
    assert all(
        f"make {target} " in printed for target in ("setup", "check", "demo", "test", "test-lab", "test-full", "bench", "docs", "dist")
    )


def test_ci_runs_the_second_command_and_nothing_else() -> None:
    assert [line for line in text(".ci/run").splitlines() if "make" in line] == ["exec make test"]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_links_lead_somewhere(name: str) -> None:
    directory = (CHECKOUT / name).parent
    assert [target for target in LINK.findall(text(name)) if not (directory / target).exists()] == []
