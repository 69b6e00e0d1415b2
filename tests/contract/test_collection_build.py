# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built collection holds what a site needs and nothing else, and works where only it is installed."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tarfile

import pytest

from ansible_collections.baremetal.vmsite.tests.contract.checkout import CHECKOUT, files

# What the collection is made of. A new name here is a decision, not an accident.
SHIPPED = {
    "CHANGELOG.rst",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
ALWAYS_SHIPPED = ("plugins/", "roles/", "playbooks/", "meta/", "inventories/example/")

PLAYBOOK = """\
---
- name: Plan a host with nothing but the installed collection
  hosts: compute
  gather_facts: false
  roles:
    - role: baremetal.vmsite.host_plan
  tasks:
    - name: Show that there is a plan
      ansible.builtin.assert:
        that: host_plan_result.plan is mapping
"""
# The plan of this very machine: only read.
INVENTORY = """\
---
compute:
  hosts:
    this_machine:
      ansible_connection: local
      ansible_python_interpreter: "{{ ansible_playbook_python }}"
      vmsite_host_profile:
        pin_vms: shared
"""


def run(argv: list[str], directory: pathlib.Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can see the collection only where the environment says."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_CONFIG")}
    done = subprocess.run(argv, cwd=directory, env={**clean, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("build")
    run([sys.executable, str(CHECKOUT / "tests" / "gates" / "copy_collection.py"), str(directory / "copy")], CHECKOUT)
    run(["ansible-galaxy", "collection", "build", "--output-path", str(directory), str(directory / "copy")], directory)
    (built,) = directory.glob("baremetal-vmsite-*.tar.gz")
    return built


@pytest.fixture(scope="module")
def shipped(tarball: pathlib.Path) -> set[str]:
    with tarfile.open(tarball) as archive:
        return {member.name for member in archive.getmembers() if not member.isdir()}


@pytest.fixture(scope="module")
def installed(tarball: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A collection path with only our collection in it."""
    path = tmp_path_factory.mktemp("installed")
    # What it depends on comes with the package "ansible"; --offline proves that nothing is fetched.
    run(["ansible-galaxy", "collection", "install", "--offline", "--collections-path", str(path), str(tarball)], path)
    return path


def test_nothing_but_the_collection_is_shipped(shipped: set[str]) -> None:
    assert {name.split("/")[0] for name in shipped} <= SHIPPED
    assert {name for name in shipped if name.startswith(("docs/build/", "inventories/lab/"))} == set()


def test_all_of_the_collection_is_shipped(shipped: set[str]) -> None:
    assert {name for name in files() if name.startswith(ALWAYS_SHIPPED)} - shipped == set()


def test_a_role_runs_from_the_installed_collection(installed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "playbook.yml").write_text(PLAYBOOK)
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    done = run(
        ["ansible-playbook", "-v", "-i", "hosts.yml", "playbook.yml"],
        tmp_path,
        ANSIBLE_COLLECTIONS_PATH=str(installed),
        ANSIBLE_HOME=str(tmp_path / "home"),
        ANSIBLE_INJECT_FACT_VARS="false",
    )
    assert "failed=0" in done.stdout
    assert "changed=0" in done.stdout


def test_its_documentation_is_found_where_it_is_installed(installed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = run(
        ["ansible-doc", "--list", "baremetal.vmsite"],
        tmp_path,
        ANSIBLE_COLLECTIONS_PATH=str(installed),
        ANSIBLE_HOME=str(tmp_path / "home"),
    )
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("baremetal.vmsite.")}
    assert listed == {f"baremetal.vmsite.{path.stem}" for path in (CHECKOUT / "plugins" / "modules").glob("*.py")}
