# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest as tests use it, and what it shows without the collection."""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import yaml

from ansible_collections.baremetal.vmsite.tests.inventory import Inventory
from ansible_collections.baremetal.vmsite.tests.make import CHECKOUT

NAME = "guest1"
SITE = "playbooks/site.yml"
# The same without its preflight, in one play, by whose name molecule/shared finds what its doors said.
CONVERGE = "tests/guest/converge.yml"
# The socket lies where the lab closes connections when it takes the guest down.
GUEST = Inventory("inventories/guest", "/run/baremetal-vmsite-guest/ssh_config", "/run/baremetal-vmsite-guest/ssh/tests")
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "baremetal-vmsite"
SHARED = CHECKOUT / "molecule" / "shared"
HARDWARE = CHECKOUT / "tests" / "guest" / "hardware_snapshot.py"


def on(command: str, check: bool = True, timeout: int = 60) -> str:
    return GUEST.on(NAME, command, check, timeout)


def lab(action: str, *options: str, timeout: int = 900) -> str:
    """What C(python3 -m lab.guest) says."""
    command = [sys.executable, "-m", "lab.guest", "--cache", str(CACHE), action, *options]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def profile() -> dict[str, t.Any]:
    written: dict[str, t.Any] = yaml.safe_load((CHECKOUT / GUEST.path / "host_vars" / f"{NAME}.yml").read_text(encoding="utf-8"))
    found: dict[str, t.Any] = written["vmsite_host_profile"]
    return found


def snapshot(*programs: pathlib.Path) -> dict[str, object]:
    """Name of a thing -> its state. The programs run side by side: each waits for its own processor."""
    GUEST.connect(NAME)
    with concurrent.futures.ThreadPoolExecutor() as together:
        return {thing: state for found in together.map(_what_it_prints, programs) for thing, state in found.items()}


def _what_it_prints(program: pathlib.Path) -> dict[str, object]:
    ssh = [word for word in GUEST.ssh if word != "-n"]  # the program comes by standard input
    text = program.read_text(encoding="utf-8")
    done = subprocess.run([*ssh, NAME, "sudo python3 -"], input=text, capture_output=True, text=True, timeout=120, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def hardware() -> dict[str, object]:
    """What its kernel and Open vSwitch show of hardware; the rest of the host takes ten times as long to read."""
    shown = on("grep . /sys/devices/system/node/node*/hugepages/*/nr_hugepages; ovs-vsctl get Open_vSwitch . other_config")
    return {**snapshot(HARDWARE), "pools and Open vSwitch": shown}


def everything() -> dict[str, object]:
    return snapshot(SHARED / "snapshot.py", HARDWARE)


def differences(before: dict[str, object], now: dict[str, object]) -> str:
    """One line for a table; C(as before) if there are none. Whether a unit that only works at boot has done so is no difference."""
    things = {thing for thing in before.keys() | now.keys() if not thing.startswith("unit vmsite-")}
    changed = sorted(thing for thing in things if before.get(thing) != now.get(thing))
    return "; ".join(f"{thing}: {before.get(thing)} -> {now.get(thing)}" for thing in changed) or "as before"


def judge(expectation: str, directory: pathlib.Path) -> str:
    """What molecule/shared/judge.py says of the guest as it is now; an AssertionError with it if the expectation does not hold."""
    done = subprocess.run(
        [sys.executable, str(SHARED / "judge.py"), expectation, NAME],
        input=json.dumps(everything()),
        env={**os.environ, "MOLECULE_EPHEMERAL_DIRECTORY": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def converge(directory: pathlib.Path, *arguments: str) -> None:
    """Build the site on the guest, and keep in C(directory) what its doors said."""
    rc, said = GUEST.playbook(
        CONVERGE,
        *arguments,
        MOLECULE_EPHEMERAL_DIRECTORY=str(directory),
        ANSIBLE_CALLBACK_PLUGINS=str(SHARED / "callback"),
        ANSIBLE_CALLBACKS_ENABLED="keep_changes",
    )
    assert rc == 0, said
