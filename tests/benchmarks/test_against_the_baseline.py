# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our stages against the baseline (one stock task per item), side by side in one run, from fresh hosts, with the same verdict of "verify" after both.

Makes the lab anew for each way, so whatever ran in it is gone afterwards; at the end there is a fresh lab.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.baremetal.vmsite.tests.benchmarks.cost import Cost, play
from ansible_collections.baremetal.vmsite.tests.benchmarks.fresh_lab import fresh, write_inventory
from ansible_collections.baremetal.vmsite.tests.make import CHECKOUT, make

pytestmark = pytest.mark.lab

HERE = Path(__file__).resolve().parent
FEWER_CALLS = 10
FEWER_SECONDS = 5


@pytest.fixture(scope="module", autouse=True)
def lab_as_before() -> Iterator[None]:
    yield
    make("lab-down")
    make("lab-up")


def test_the_baseline_is_the_pinned_one() -> None:
    """Whoever edits it has to say so in pinned.sha256 as well: sha256sum baseline/*.yml baseline/tasks/*.yml."""
    pinned = {name: digest for digest, name in (line.split() for line in (HERE / "pinned.sha256").read_text().splitlines())}
    found = {str(file.relative_to(HERE)): hashlib.sha256(file.read_bytes()).hexdigest() for file in (HERE / "baseline").rglob("*.yml")}
    assert found == pinned


@pytest.mark.parametrize("hosts", [1, 8])
def test_ten_times_fewer_calls_and_five_times_fewer_seconds(hosts: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inventory = write_inventory(tmp_path / "inventory", hosts)
    cost = {}
    for way, playbook in (("baseline", "tests/benchmarks/baseline/site.yml"), ("ours", "tests/benchmarks/ours.yml")):
        fresh(hosts)
        play("lab/certificates/issue.yml", inventory, tmp_path / f"{way}-certificates")
        cost[way] = play(playbook, inventory, tmp_path / way)
        play("playbooks/verify.yml", inventory, tmp_path / f"{way}-verify")
    with capsys.disabled():
        print(comparison(hosts, cost["baseline"], cost["ours"]))
    assert cost["baseline"].calls >= FEWER_CALLS * cost["ours"].calls
    assert cost["baseline"].seconds >= FEWER_SECONDS * cost["ours"].seconds


def comparison(hosts: int, baseline: Cost, ours: Cost) -> str:
    rows = [
        ("calls to hosts", baseline.calls, ours.calls, f"{FEWER_CALLS}"),
        ("seconds", baseline.seconds, ours.seconds, f"{FEWER_SECONDS}"),
        ("results of modules", baseline.results, ours.results, "-"),
    ]
    lines = [
        f"\n{hosts} lab host{'s' if hosts > 1 else ''}, on {machine()}",
        f"{'':20}{'baseline':>10}{'ours':>10}{'ratio':>8}{'target':>8}",
    ]
    lines += [f"{name:20}{before:>10.5g}{after:>10.5g}{before / after:>8.1f}{target:>8}" for name, before, after, target in rows]
    for way, cost in (("baseline", baseline), ("ours", ours)):
        lines += [f"most expensive tasks of {way}:", *(f"  {seconds:6.2f} s  {task}" for task, seconds in list(cost.tasks.items())[:6])]
    return "\n".join(lines)


def machine() -> str:
    model = next(line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    cpus = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout.strip()
    load = Path("/proc/loadavg").read_text().split()[0]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.strip()
    return f"{platform.system()} {platform.release()}, {cpus} CPUs ({model}), {memory} MiB, load {load}, commit {commit}"
