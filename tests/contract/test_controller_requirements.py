# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An execution environment gets exactly the packages that controller-side code imports."""

from __future__ import annotations

import ast
import sys

import pytest
import yaml

from ansible_collections.baremetal.vmsite.tests.contract.checkout import CHECKOUT, files, text

# ansible-core brings these along (its own requirements).
WITH_ANSIBLE_CORE = {"ansible", "jinja2", "markupsafe", "yaml"}
CONTROLLER_CODE = ("plugins/plugin_utils/", "plugins/filter/", "plugins/action/", "plugins/module_utils/_cluster/")
# urllib3 and its exceptions come with kubernetes, whose client cannot do without.
WITH_KUBERNETES = {"urllib3"}


def imported(source: str) -> set[str]:
    """The packages that a module imports anywhere in it, without the standard library and this collection."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"__future__", "ansible_collections"}


def test_they_are_those_that_are_imported() -> None:
    needed = set().union(*(imported(text(name)) for name in files() if name.startswith(CONTROLLER_CODE) and name.endswith(".py")))
    listed = {line for line in text("meta/requirements.txt").splitlines() if line and not line.startswith("#")}
    assert listed == needed - WITH_ANSIBLE_CORE - WITH_KUBERNETES


@pytest.mark.parametrize("source", ["import netaddr", "def f():\n    from netaddr import IPNetwork"])
def test_an_import_is_seen_wherever_it_stands(source: str) -> None:
    assert imported(source) == {"netaddr"}


def test_the_execution_environment_names_the_file() -> None:
    description = yaml.safe_load(text("meta/execution-environment.yml"))
    assert (CHECKOUT / description["dependencies"]["python"]).is_file()
