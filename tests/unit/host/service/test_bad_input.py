# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_service given what it cannot take: all mistakes at once, and nothing touched. Read-only and full file systems are real mounts (root)."""

from __future__ import annotations

import os
import pathlib
import subprocess
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import read_options
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import tree
from ansible_collections.baremetal.vmsite.tests.unit.host.service.service_host import (
    CONFIGURATION,
    carry_out,
    concern,
    content,
    host,
    leftovers,
    options,
)


@pytest.fixture
def root(tmp_path: pathlib.Path) -> HostRoot:
    place = tmp_path / "host"
    place.mkdir()
    return host(place)


@pytest.fixture
def mounted(root: HostRoot) -> t.Iterator[t.Callable[[str], None]]:
    """Mount a small tmpfs on the host's /etc/timed, holding what was there; unmounted at the end."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    place = pathlib.Path(root.path, "etc/timed")

    def mount(mount_options: str) -> None:
        text = (place / "timed.conf").read_text()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=True)
        (place / "timed.conf").write_text(text)
        if mount_options:
            subprocess.run(["mount", "-o", f"remount,{mount_options}", str(place)], check=True)

    yield mount
    while os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


def refusals(**changed: t.Any) -> list[str]:
    with pytest.raises((Failure, Failures)) as refused:
        read_options(options(**changed))
    error = refused.value
    failures = error.failures if isinstance(error, Failures) else [t.cast("Failure", error)]
    return [failure.asked for failure in failures]


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ({"name": "Not Plain"}, "name: Not Plain"),
        ({"files": [{"path": "etc/x", "content": ""}], "validators": []}, "files: etc/x"),
        ({"files": [{"path": "/etc/../x", "content": ""}], "validators": []}, "files: /etc/../x"),
        ({"files": [{"path": CONFIGURATION, "content": "a", "secret_content": "b"}]}, f"files: {CONFIGURATION}"),
        ({"files": [{"path": CONFIGURATION}]}, f"files: {CONFIGURATION}"),
        ({"files": [{"path": CONFIGURATION, "content": "", "mode": "420"}]}, "mode: 420"),
        ({"files": content("a") * 2}, f"paths: {CONFIGURATION}"),
        ({"packages": [{"name": "--force"}]}, "packages: --force"),
        ({"validators": [{"argv": ["true", "{file:/etc/other}"]}]}, "validators: /etc/other"),
        ({"validators": [{"argv": []}]}, "validators: []"),
        ({"units": [{"name": "timed"}]}, "units: timed"),
        ({"units": [{"name": "--now.service"}]}, "units: --now.service"),
        ({"units": [{"name": "a.service", "masked": True, "enabled": True}]}, "units: a.service"),
        ({"units": [{"name": "a.service", "restart_on": ["/etc/b"]}]}, "units: a.service: /etc/b"),
        ({"artifacts": [{"source": "x", "sha256": "0" * 64, "dest": "/x"}]}, "artifacts: x"),
        ({"artifacts": [{"source": "/x", "sha256": "0", "dest": "/x"}]}, "artifacts: 0"),
        ({"readiness": {"tcp": "9100"}}, "readiness.tcp: 9100"),
        ({"readiness": {"active_for": 30, "timeout": 5}}, "readiness: active_for 30, timeout 5"),
    ],
)
def test_options_that_make_no_sense_are_named(changed: dict[str, t.Any], asked: str) -> None:
    assert refusals(**changed) == [asked]


def test_all_mistakes_come_at_once() -> None:
    assert len(refusals(name="", files=[{"path": "x"}], units=[{"name": "a"}, {"name": "a"}])) > 4


def test_a_user_that_does_not_exist(root: HostRoot) -> None:
    carry_out(root)
    before = tree(root.path)
    with pytest.raises(Failure, match="no such user"):
        concern(root, files=[{"path": CONFIGURATION, "content": "other", "owner": "nobody-knows"}]).plan()
    assert tree(root.path) == before


def test_a_unit_that_nothing_brings(root: HostRoot) -> None:
    carry_out(root)
    with pytest.raises(Failure, match="systemd knows no such unit"):
        concern(root, units=[{"name": "timd.service", "state": "started"}]).plan()


def test_a_directory_that_nothing_makes(root: HostRoot) -> None:
    carry_out(root)
    with pytest.raises(Failure, match="no directory /etc/none"):
        concern(root, files=[{"path": "/etc/none/x", "content": ""}], validators=[]).plan()


def test_a_read_only_file_system_is_refused_in_check_mode_too(root: HostRoot, mounted: t.Callable[[str], None]) -> None:
    carry_out(root)
    mounted("ro")
    with pytest.raises(Failure, match="EROFS"):
        concern(root, files=content("other\n")).plan()
    assert root.read(CONFIGURATION) == "ours"


def test_a_full_disk_replaces_nothing(root: HostRoot, mounted: t.Callable[[str], None]) -> None:
    """The second file does not fit: the first must not be in place either."""
    carry_out(root)
    mounted("")
    files = [*content("other\n"), {"path": "/etc/timed/large", "content": "x" * 100_000}]
    with pytest.raises(Failure, match=r"ENOSPC.*free space"):
        carry_out(root, files=files, validators=[])
    assert root.names("/etc/timed") == ["timed.conf"]
    assert root.read(CONFIGURATION) == "ours"
    assert leftovers(root) == []
    assert not carry_out(root)
