# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab itself: it starts, a second start changes nothing, damage is repaired, and its end leaves nothing behind.

Makes the lab anew, so whatever ran in it is gone afterwards. A lab that was up is up again at the end.
What is checked is read from the kernel (/proc, /sys, ip) and over ssh, not asked of the lab's own code.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.baremetal.vmsite.tests.make import CHECKOUT, make

pytestmark = pytest.mark.lab

SSH = ["ssh", "-F", "/run/baremetal-vmsite/ssh_config", "-o", "BatchMode=yes"]
HOSTS = ("compute1", "compute2", "probe1")
HUGEPAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
# What names a process, mount, link or control group of the lab.
MARKS = (
    *("vmsite-lab", "vmsite-mgmt", "vmsite-data", "baremetal-vmsite/lab", "/run/baremetal-vmsite", "libpod"),
    *(f"{kind}-{host}" for kind in ("vmsite", "mgmt", "data") for host in HOSTS),
)


def on(host: str, command: str) -> str:
    done = subprocess.run([*SSH, host, command], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{host}: {command}: {done.stderr}"
    return done.stdout.strip()


def first_processes() -> dict[str, tuple[int, str]]:
    """Host name -> (pid on the machine, start time) of its first process, found by walking /proc."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            numbers = next(line for line in status.read_text().splitlines() if line.startswith("NSpid:")).split()[1:]
            if len(numbers) == 2 and numbers[1] == "1" and "vmsite-lab" in status.with_name("cgroup").read_text():
                pid = int(numbers[0])
                start = status.with_name("stat").read_text().rsplit(")", 1)[1].split()[19]
                name = subprocess.run(
                    ["nsenter", "--target", str(pid), "--uts", "hostname"], capture_output=True, text=True, check=True
                ).stdout.strip()
                found[name] = (pid, start)
        except (FileNotFoundError, ProcessLookupError):
            continue  # a process of someone else that ended meanwhile
    return found


def traces() -> dict[str, list[str]]:
    """Everything on the machine that bears a mark of the lab, and the whole hugepage count and list of links."""

    def marked(text: str) -> bool:
        others = text.replace("/run/baremetal-vmsite-guest", "")  # the guest may be up beside the lab
        return any(mark in others for mark in MARKS)

    processes = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if (process / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                continue  # it has ended; the machine's first process has yet to take note
            # By command line only a host's monitor and Ansible's ssh masters: others merely mention the lab.
            ours = command.split(" ")[0].rpartition("/")[2] in ("conmon", "ssh:") and marked(command)
            if ours or marked((process / "cgroup").read_text()):
                processes.append(f"{process.name} {command}")
        except (FileNotFoundError, ProcessLookupError):
            continue
    links = json.loads(subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout)
    return {
        "processes": sorted(processes),
        "mounts": sorted(line for line in Path("/proc/self/mounts").read_text().splitlines() if marked(line)),
        "links": sorted(link["ifname"] for link in links if marked(link["ifname"]) or link.get("master", "") in MARKS),
        "control groups": sorted(path for path, *_entries in os.walk("/sys/fs/cgroup") if marked(path)),
        "runtime files": sorted(str(path) for path in Path("/run").iterdir() if marked(str(path)) or path.name == "runc"),
        "hugepages": [HUGEPAGES.read_text().strip()],
    }


def network_namespaces() -> set[str]:
    found = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(os.readlink(link))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def before() -> Iterator[dict[str, list[str]]]:
    """Traces of the machine without a lab; whether a lab was up at the start decides how it is left."""
    was_up = bool(first_processes())
    make("lab-down")
    found = traces()
    # Otherwise what one lab-down forgets would be "as before" to the next.
    assert {kind: names for kind, names in found.items() if names and kind != "hugepages"} == {}
    yield found
    make("lab-up" if was_up else "lab-down")


def test_first_start_makes_three_hosts(before: dict[str, list[str]]) -> None:
    assert "changes): compute1" in make("lab-up")
    assert sorted(first_processes()) == sorted(HOSTS)


def test_second_start_changes_nothing() -> None:
    hosts, links = first_processes(), traces()["links"]
    assert "(nothing to change)" in make("lab-up")
    assert first_processes() == hosts
    assert traces()["links"] == links


def test_status_names_every_host_and_how_to_log_in() -> None:
    said = make("lab-status")
    assert [line.split()[:2] for line in said.splitlines()[: len(HOSTS)]] == [[host, "running"] for host in HOSTS]
    assert "ssh -F" in said


def test_operator_has_sudo_on_every_host_and_root_has_no_login() -> None:
    for host in HOSTS:
        assert on(host, "id -un; sudo -n id -un; hostname").split() == ["operator", "root", host]
        root = subprocess.run([*SSH, "-l", "root", host, "true"], check=False, capture_output=True, text=True, timeout=60)
        assert root.returncode == 255
        assert "Permission denied" in root.stderr


def test_systemd_runs_without_failed_units() -> None:
    assert {host: on(host, "systemctl is-system-running") for host in HOSTS} == dict.fromkeys(HOSTS, "running")


def test_hosts_are_distinct() -> None:
    identities = [on(host, "cat /etc/machine-id; cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub") for host in HOSTS]
    assert len({line for identity in identities for line in identity.split()}) == 2 * len(HOSTS)


def test_services_of_roles_are_installed_but_not_running() -> None:
    for host in HOSTS:
        states = on(host, "systemctl show -P LoadState -P ActiveState openvswitch-switch libvirtd chrony")
        assert states.split() == ["loaded", "inactive"] * 3


def test_frames_cross_the_data_link() -> None:
    on("compute1", "sudo ip address add 10.99.0.111/24 dev data0")
    try:
        assert " 0% packet loss" in on("compute1", "ping -q -c 3 -i 0.2 -W 2 -I data0 10.99.0.13")
        # The frames must have come over the data link: its own hardware address is what the prober learned.
        assert on("compute1", "cat /sys/class/net/data0/address") in on("probe1", "ip neighbour show dev data0")
    finally:
        on("compute1", "sudo ip address del 10.99.0.111/24 dev data0")


def test_a_host_cannot_change_the_machine() -> None:
    refused = on("compute1", f"sudo sh -c 'echo 0 > {HUGEPAGES}' 2>&1 || true")
    assert "Read-only file system" in refused
    refused = on("compute1", "sudo sh -c 'cat /proc/sys/vm/swappiness > /proc/sys/vm/swappiness' 2>&1 || true")
    assert "Read-only file system" in refused
    disks = {path.name for path in Path("/sys/class/block").iterdir() if not path.name.startswith("loop")}
    assert disks.isdisjoint(on("compute1", "ls /dev").split())


def test_test_vm_files_are_there_and_read_only() -> None:
    for host in ("compute1", "compute2"):
        assert on(host, "ls /srv/guest").split() == ["initrd.gz", "vmlinuz"]
        assert "Read-only file system" in on(host, "sudo touch /srv/guest/x 2>&1 || true")


def test_a_killed_host_is_repaired_and_keeps_its_files() -> None:
    on("compute2", "sudo touch /etc/written-before-the-kill && sync")
    others = {host: process for host, process in first_processes().items() if host != "compute2"}
    os.kill(first_processes()["compute2"][0], signal.SIGKILL)
    make("lab-up")
    assert on("compute2", "ls /etc/written-before-the-kill; systemctl is-system-running").split()[1] == "running"
    assert others.items() <= first_processes().items()


def test_a_cut_cable_is_repaired() -> None:
    subprocess.run(["ip", "link", "delete", "data-compute2"], check=True)
    make("lab-up")
    assert on("compute2", "cat /sys/class/net/data0/operstate") == "up"


@pytest.mark.parametrize("moment", ["hugepages of", "made from", "started", "mgmt0 on"])
def test_a_killed_start_is_completed_by_the_next(before: dict[str, list[str]], moment: str) -> None:
    make("lab-down")
    command = ["make", "lab-up"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        seen = next((line for line in process.stdout if moment in line), None)
        os.killpg(process.pid, signal.SIGKILL)
    assert seen is not None, f"lab-up never said '{moment}'"
    make("lab-up")
    assert "(nothing to change)" in make("lab-up")
    test_systemd_runs_without_failed_units()


def test_end_leaves_nothing(before: dict[str, list[str]]) -> None:
    make("lab-up")
    hosts = first_processes()
    assert sorted(hosts) == sorted(HOSTS)
    namespaces = {os.readlink(f"/proc/{pid}/ns/net") for pid, _start in hosts.values()}
    assert len(namespaces) == len(HOSTS)
    assert traces() != before
    make("lab-down")
    assert traces() == before
    assert namespaces.isdisjoint(network_namespaces())
    assert "there was nothing" in make("lab-down")
