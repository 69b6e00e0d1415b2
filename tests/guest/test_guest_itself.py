# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest itself: a second start changes nothing, and its end leaves nothing behind. That its disk outlives a power cut is shown by test_5_killed.py.

The last of the files by its name: it takes the guest down. What is checked is read from the kernel and over ssh.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from ansible_collections.baremetal.vmsite.tests.guest.guest import CACHE, lab, on
from ansible_collections.baremetal.vmsite.tests.make import CHECKOUT, make

RUNTIME = Path("/run/baremetal-vmsite-guest")
SSH_PORT = 2290
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"

# Mounts a file system by a loop device, as the build of the image does, says so, and waits to be killed.
BUILD = """
import sys
import time
from pathlib import Path
from lab.contained import run_contained
script = 'truncate --size=16M disk && mkfs.ext4 -q -F disk && mkdir root && mount -o loop disk root && losetup --all && echo ready; sleep 600'
run_contained(["sh", "-ec", script], Path("log"), {}, lambda line: print(line, end="", flush=True))
"""


def guest_processes() -> dict[int, str]:
    """Pid -> program, of everything whose command line names a file of the running guest."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        program = Path(command.split("\0")[0].split(" ")[0]).name
        # An ssh master calls itself "ssh: SOCKET [mux]".
        if str(RUNTIME) in command and program.startswith(("qemu", "ssh")):
            found[int(process.name)] = program
    return found


def traces() -> dict[str, list[str]]:
    """Everything of the guest that its end must take away."""
    loops = subprocess.run(["losetup", "--list", "--noheadings", "--output", "BACK-FILE"], capture_output=True, text=True, check=True)
    mine = str(CACHE / "guest")
    kept = {"qemu", "image", "access", "lock", "outcomes.md"}
    return {
        "processes": list(guest_processes().values()),
        "runtime files": [str(RUNTIME)] if RUNTIME.exists() else [],
        "mounts": [line for line in Path("/proc/self/mounts").read_text().splitlines() if mine in line],
        "loop devices": [line for line in loops.stdout.splitlines() if mine in line],
        "cache": sorted(entry.name for entry in (CACHE / "guest").iterdir() if entry.name not in kept),
    }


def is_listening() -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", SSH_PORT)) == 0


def refusal(action: str) -> str:
    command = [sys.executable, "-m", "lab.guest", "--cache", str(CACHE), action]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, f"it was not refused: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_second_start_changes_nothing() -> None:
    processes, boot = guest_processes(), on(BOOT_ID)
    assert "(nothing to change)" in make("guest-up")
    assert (guest_processes(), on(BOOT_ID)) == (processes, boot)


def test_status_says_how_to_log_in() -> None:
    said = make("guest-status")
    assert said.split()[:2] == ["guest1", "running"]
    assert "ssh -F /run/baremetal-vmsite-guest/ssh_config guest1" in said


def test_its_hardware_is_what_the_inventory_counts_on() -> None:
    nodes = on("for pf in 21 22 41 42; do cat /sys/bus/pci/devices/0000:$pf:00.0/numa_node; done")
    assert nodes.split() == ["0", "0", "1", "1"]
    assert on("cat /sys/devices/system/node/node[01]/cpulist").split() == ["0-1", "2-3"]
    assert int(on("ls /sys/kernel/iommu_groups | wc -l")) > 0


def test_a_taken_port_is_refused_before_anything_starts() -> None:
    lab("power-off")
    with socket.create_server(("127.0.0.1", SSH_PORT)):
        said = refusal("power-on")
    assert f"127.0.0.1:{SSH_PORT}" in said
    assert f"pid={os.getpid()}" in said, "it does not say who listens there"
    assert "qemu-system-x86_64" not in guest_processes().values()


def test_a_killed_build_leaves_no_mount_and_no_loop_device(tmp_path: Path) -> None:
    def left_over() -> list[str]:
        loops = subprocess.run(["losetup", "--all"], capture_output=True, text=True, check=True).stdout
        lines = [*Path("/proc/self/mounts").read_text().splitlines(), *loops.splitlines()]
        return [line for line in lines if str(tmp_path) in line]

    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-c", BUILD]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as build:
        assert build.stdout is not None
        seen = [line for line in iter(build.stdout.readline, "ready\n") if line]
        # From outside the mount is not to be seen, the loop device is.
        assert any(str(tmp_path) in line for line in seen), "it has not mounted anything"
        assert any("loop" in line for line in left_over())
        os.kill(build.pid, signal.SIGKILL)
    # The kernel frees them when the last of its processes is gone, a moment after the first.
    deadline = time.monotonic() + 10
    while left_over() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_over() == []


def test_its_end_leaves_nothing() -> None:
    assert traces()["cache"] != []
    make("guest-down")
    assert {kind: found for kind, found in traces().items() if found} == {}
    assert not is_listening()
    assert "there was nothing" in make("guest-down")
    assert "has no disk" in refusal("power-on")
