# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files can be found by name, read in one sitting, and hold nothing of the machine they were written on."""

from __future__ import annotations

import ast
import pathlib
import re
import sys

import pytest

from ansible_collections.baremetal.vmsite.tests.contract.checkout import CHECKOUT, files, text

CODE = {".py", ".yml", ".yaml", ".j2", ".mk", ".sh", ".service", ".toml", ""}
NOT_WRITTEN_BY_HAND = {"LICENSE", "changelogs/changelog.yaml"}
NAMES_THAT_SAY_NOTHING = re.compile(r"(^|[/_.-])(utils?|helpers?|commons?|misc|stuff|lib)([/_.-]|$)")
# Ansible gives these directories their names, and Debian those in which files of a lab machine lie.
NAMED_BY_OTHERS = re.compile(r"^(plugins/(module|plugin)_utils/|lab/images/\w+/files/(.*/)?)")

# Taken apart, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile("|".join([r"(?<![\w.])/wor" + r"k/", r"/tmp/bri" + "ef", r"(?<![\w.])/ro" + r"ot/\.", r"/ho" + r"me/[a-z]"]))
REGISTRIES = re.compile(
    r"\b(docker\."
    + r"io|quay\."
    + r"io|gcr\."
    + r"io|ghcr\."
    + r"io|registry\.k8s\."
    + r"io|pypi\."
    + r"org|pythonhosted\."
    + r"org|proxy\.golang\."
    + "org)"
)
SECRETS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE " + "KEY-----$")

LIMIT, LIMIT_OF_TESTS = 400, 600
LIMIT_OF_DOCUMENTATION = 700


def length_limit(name: str) -> int:
    return LIMIT_OF_TESTS if name.startswith("tests/") else LIMIT


def lines_of_code(name: str) -> int:
    """Lines of the file; of a module, those outside its documentation, which has a limit of its own."""
    lines = text(name).splitlines()
    if not name.startswith("plugins/modules/"):
        return len(lines)
    assert len(lines) <= LIMIT_OF_DOCUMENTATION
    documentation = sum(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.parse("\n".join(lines)).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("DOCUMENTATION", "EXAMPLES", "RETURN")
    )
    return len(lines) - documentation


def readable() -> list[str]:
    """Files that are text; JSON captures are data."""
    return [name for name in files() if b"\0" not in (CHECKOUT / name).read_bytes()[:1024]]


def test_names_say_what_is_inside() -> None:
    assert [name for name in files() if NAMES_THAT_SAY_NOTHING.search(NAMED_BY_OTHERS.sub("", name))] == []


@pytest.mark.parametrize(
    "name", ["plugins/module_utils/_host/utils.py", "tests/helpers/x.py", "roles/common/tasks/main.yml", "lab/pod_util.py"]
)
def test_names_that_say_nothing_are_seen(name: str) -> None:
    assert NAMES_THAT_SAY_NOTHING.search(NAMED_BY_OTHERS.sub("", name))


def test_files_are_read_in_one_sitting() -> None:
    code = [name for name in files() if pathlib.Path(name).suffix in CODE and name not in NOT_WRITTEN_BY_HAND]
    too_long = {name: lines_of_code(name) for name in code if lines_of_code(name) > length_limit(name)}
    assert too_long == {}


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, REGISTRIES, SECRETS], ids=["machine paths", "registries", "secrets"])
def test_nothing_of_this_machine_is_in_a_file(pattern: re.Pattern[str]) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in readable()
        for number, line in enumerate(text(name).splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("line", ["see /wor" + "k/main", "image: quay." + "io/x/y", "-----BEGIN OPENSSH PRIVATE " + "KEY-----"])
def test_what_belongs_to_a_machine_is_seen(line: str) -> None:
    assert any(pattern.search(line) for pattern in (MACHINE_PATHS, REGISTRIES, SECRETS))


def test_python_files_name_their_licence_and_are_annotated() -> None:
    sources = {name: text(name) for name in files() if name.endswith(".py")}
    assert [
        name for name, source in sources.items() if source.strip() and "SPDX-License-Identifier: GPL-3.0-or-later" not in source[:400]
    ] == []
    assert [
        name
        for name, source in sources.items()
        if source.strip() and "from __future__ import annotations" not in source and "def " in source
    ] == []


def test_managed_hosts_need_only_python_itself() -> None:
    """libvirt's binding is the one exception; a door that needs it says so."""
    allowed = set(sys.stdlib_module_names) | {"ansible", "ansible_collections", "libvirt", "libvirt_qemu"}
    code = [name for name in files() if re.match(r"plugins/module_utils/(_host/.*|_[a-z]+)\.py$", name) or is_host_door(name)]
    found = [f"{name}: {imported}" for name in code for imported in imports(text(name)) if imported.split(".")[0] not in allowed]
    assert found == []
    not_shipped = [
        f"{name}: {imported}" for name in code for imported in imports(text(name)) if re.match(r"ansible\.(?!module_utils)", imported)
    ]
    assert not_shipped == []


def test_host_and_cluster_code_do_not_import_each_other() -> None:
    """What they share is the failure, the change set and the door."""
    other = {"plugins/module_utils/_host/": "._cluster", "plugins/module_utils/_cluster/": "._host"}
    found = [
        f"{name}: {imported}"
        for part, forbidden in other.items()
        for name in files()
        if name.startswith(part) and name.endswith(".py")
        for imported in imports(text(name))
        if forbidden in imported
    ]
    assert found == []


def is_host_door(name: str) -> bool:
    return re.match(r"plugins/modules/.*\.py$", name) is not None and "- baremetal.vmsite.host\n" in text(name)


def test_fakes_import_nothing_of_ours() -> None:
    fakes = [name for name in files() if name.startswith("tests/fakes/") and name.endswith(".py")]
    assert [name for name in fakes for imported in imports(text(name)) if ".plugins." in imported] == []


def test_what_ansible_test_is_told_to_ignore_has_a_reason() -> None:
    entries = [line for name in files() if name.startswith("tests/sanity/ignore-") for line in text(name).splitlines()]
    assert [entry for entry in entries if not re.search(r"\S # \S", entry)] == []
    assert {entry.split()[1] for entry in entries} <= {"line-endings", "shebang"}, "only what cannot be otherwise is ignored"


def imports(source: str) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append(node.module or "")
    return found
