# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook preflight on the example, run by ansible-playbook, without any host."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import typing as t

from ansible_collections.baremetal.vmsite.tests.unit.site.inventory import CHECKOUT, EXAMPLE

PLAYBOOK = CHECKOUT / "playbooks" / "preflight.yml"


def run(hosts: pathlib.Path, directory: pathlib.Path, *options: str) -> tuple[int, dict[str, t.Any]]:
    """The exit code, and the last task's result by host."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOCAL_TEMP": str(directory / "ansible")}
    ended = subprocess.run(
        ["ansible-playbook", "-i", str(hosts), str(PLAYBOOK), *options],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    tasks = [task for play in json.loads(ended.stdout[ended.stdout.index("{") :])["plays"] for task in play["tasks"] if task["hosts"]]
    return ended.returncode, {host: result for task in tasks for host, result in task["hosts"].items() if "msg" in result}


def test_the_example_passes_without_its_hosts(tmp_path: pathlib.Path) -> None:
    code, results = run(EXAMPLE, tmp_path)
    verdicts = {host: result["msg"] for host, result in results.items()}
    assert code == 0, verdicts
    assert len(verdicts) == 23
    assert verdicts["control1"] == "control1: not reached (preflight_offline); no profile, nothing to plan"
    assert verdicts["kvm1"].startswith(
        "kvm1: not reached (preflight_offline); planned from kvm.json: kernel on CPUs 0-1,24-25,48-49,72-73, "
    )


def test_all_mistakes_are_named_at_once_with_file_and_line(tmp_path: pathlib.Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(EXAMPLE.parent, site)
    tenants = site / "group_vars" / "all" / "tenants.yml"
    tenants.write_text(tenants.read_text(encoding="utf-8").replace("tier: non_core", "tier: noncore"), encoding="utf-8")
    tiers = site / "group_vars" / "all" / "tiers.yml"
    tiers.write_text(tiers.read_text(encoding="utf-8").replace("pool: development_pool", "pool: non_core_pool"), encoding="utf-8")
    code, results = run(site / "hosts.yml", tmp_path)
    assert code == 2
    ((host, result),) = results.items()
    assert (host, result["changed"]) == ("control1", False)
    assert [(failure["variable"], failure["found"].split(",")[0]) for failure in result["failures"]] == [
        ("inventory groups", "these hosts are in none"),
        ("vmsite_tenants.channels.tier", "no such tier"),
        ("vmsite_tiers.development.pool", "tier non_core runs plain containers on the same hosts"),
    ]
    line = tenants.read_text(encoding="utf-8").split("\n").index("    tier: noncore") + 1
    assert result["failures"][1]["where"].endswith(f"group_vars/all/tenants.yml:{line}, all hosts")
    assert result["failures"][1]["remedy"] == "did you mean non_core?"
    assert result["msg"].startswith("3 mistakes in the site model:\n(1) ")


def test_a_host_that_is_neither_reached_nor_captured_fails_alone(tmp_path: pathlib.Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(EXAMPLE.parent, site)
    profile = site / "group_vars" / "development_pool" / "host_profile.yml"
    profile.write_text(profile.read_text(encoding="utf-8").split("\nvmsite_topology_capture")[0], encoding="utf-8")
    code, results = run(site / "hosts.yml", tmp_path, "--check")
    assert code == 2
    failed = {host: result["msg"] for host, result in results.items() if result.get("failed")}
    assert sorted(failed) == ["dev1", "dev2"]
    assert failed["dev1"].endswith("it has a profile, and no vmsite_topology_capture to plan it from")
