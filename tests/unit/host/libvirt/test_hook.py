# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libvirt hook, run as libvirt runs it: a program with arguments and a domain on its standard input."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.domain_definition import render
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.vm_record import Nic
from ansible_collections.baremetal.vmsite.tests.unit.host.libvirt.vms import vm

HOOK = pathlib.Path(__file__).parents[4] / "roles/libvirt_host/files/qemu_ovs_ports.py"
# Notes its arguments, one line per call, and answers as the test says. Claims nothing about Open vSwitch.
RECORDER = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/calls"
case "$*" in *" get Interface "*) cat "$(dirname "$0")/error" ;; *) cat "$(dirname "$0")/refusal" >&2; test ! -s "$(dirname "$0")/refusal" ;; esac
"""


@pytest.fixture
def programs(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "ovs-vsctl").write_text(RECORDER)
    (tmp_path / "ovs-vsctl").chmod(0o755)
    (tmp_path / "error").write_text("[]\n")
    (tmp_path / "refusal").write_text("")
    (tmp_path / "calls").write_text("")
    return tmp_path


def run(programs: pathlib.Path, operation: str, phase: str, xml: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(HOOK), "ledger1", operation, phase, "-"],
        input=xml,
        capture_output=True,
        text=True,
        env={"PATH": f"{programs}:{path}"},
        check=False,
    )


def calls(programs: pathlib.Path) -> list[str]:
    return (programs / "calls").read_text().splitlines()


TWO_NICS = render(
    vm(
        nics=(
            Nic("vhost_user", "52:54:00:00:00:01", "br-data", 100, port="vhost-ledger1-0", socket="/s/0.sock"),
            Nic("vhost_user", "52:54:00:00:00:02", "br-other", port="vhost-ledger1-1", socket="/s/1.sock"),
        )
    )
)


@pytest.mark.parametrize("operation", ["prepare", "reconnect"])
def test_all_ports_are_made_in_one_call(programs: pathlib.Path, operation: str) -> None:
    assert run(programs, operation, "begin", TWO_NICS).returncode == 0
    made = calls(programs)[0]
    assert "--may-exist add-port br-data vhost-ledger1-0 -- set Port vhost-ledger1-0 tag=100 " in made
    assert "--may-exist add-port br-other vhost-ledger1-1 -- clear Port vhost-ledger1-1 tag " in made
    assert made.count("type=dpdkvhostuserclient") == made.count("external_ids:vmsite-owner=libvirt-hook") == 2
    assert "options:vhost-server-path=/s/0.sock" in made


def test_ports_go_when_the_vm_goes(programs: pathlib.Path) -> None:
    assert run(programs, "release", "end", TWO_NICS).returncode == 0
    assert calls(programs) == ["--timeout=10 -- --if-exists del-port vhost-ledger1-0 -- --if-exists del-port vhost-ledger1-1"]


@pytest.mark.parametrize(
    "operation", [("start", "begin"), ("started", "begin"), ("stopped", "end"), ("migrate", "begin"), ("restore", "begin")]
)
def test_other_operations_are_none_of_its_business(programs: pathlib.Path, operation: tuple[str, str]) -> None:
    done = run(programs, *operation, TWO_NICS)
    assert (done.returncode, done.stdout, calls(programs)) == (0, "", [])  # what it prints would replace the domain in a migration


def test_a_vm_of_someone_else_is_let_through(programs: pathlib.Path) -> None:
    assert run(programs, "prepare", "begin", "<domain><name>other</name></domain>").returncode == 0
    assert calls(programs) == []


def test_a_missing_bridge_is_one_clear_sentence(programs: pathlib.Path) -> None:
    (programs / "refusal").write_text("ovs-vsctl: no bridge named br-data\n")
    done = run(programs, "prepare", "begin", TWO_NICS)
    assert done.returncode == 1
    assert done.stderr == "vmsite: no Open vSwitch port for VM ledger1 on this host: ovs-vsctl: no bridge named br-data\n"


def test_a_port_that_the_switch_cannot_make_is_taken_away_again(programs: pathlib.Path) -> None:
    (programs / "error").write_text('"could not add network device vhost-ledger1-0 to ofproto (Cannot allocate memory)"\n')
    done = run(programs, "prepare", "begin", TWO_NICS)
    assert done.returncode == 1
    assert "Cannot allocate memory" in done.stderr
    assert "del-port vhost-ledger1-1" in calls(programs)[-1]


def test_without_open_vswitch(programs: pathlib.Path) -> None:
    (programs / "ovs-vsctl").unlink()
    done = run(programs, "prepare", "begin", TWO_NICS, path="/nowhere")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "Open vSwitch is not installed" in done.stderr


def test_a_port_without_a_bridge(programs: pathlib.Path) -> None:
    done = run(programs, "prepare", "begin", TWO_NICS.replace('bridge="br-data"', ""))
    assert (done.returncode, calls(programs)) == (1, [])
    assert "a port without 'bridge'" in done.stderr
