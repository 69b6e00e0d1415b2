# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_service on a lab host with real systemd and dpkg: a small web server as the service. What is checked is read by ssh, not from the door."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.inventory import Result, fails, succeeds
from ansible_collections.baremetal.vmsite.tests.lab.libvirt_hosts import door, on

pytestmark = pytest.mark.lab

HOST = "probe1"
UNIT = "vmsite-trial.service"
PAGES = "/etc/vmsite-trial"
PORT = 18080
SERVER = f"/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory {PAGES} {PORT}"
NOT_OURS = "/etc /usr/local /var/lib/vmsite -xdev -type f -not -path /etc/ld.so.cache"


def definition(command: str) -> str:
    return f"[Unit]\nDescription=Trial of site_service\n\n[Service]\nExecStart={command}\n\n[Install]\nWantedBy=multi-user.target\n"


def service(content: str = '{"version": 1}', command: str = SERVER, **changed: t.Any) -> Result:
    values = {
        "name": "trial",
        "packages": [{"name": "python3"}],
        "directories": [{"path": PAGES, "mode": "0750", "owner": "root", "group": "_chrony"}],
        "files": [{"path": f"{PAGES}/state.json", "content": content, "owner": "_chrony", "group": "_chrony", "mode": "0640"}],
        "validators": [{"argv": ["python3", "-m", "json.tool", f"{{file:{PAGES}/state.json}}"]}],
        "units": [{"name": UNIT, "enabled": True, "state": "started", "content": definition(command)}],
        "readiness": {"http": f"http://127.0.0.1:{PORT}/state.json", "timeout": 20},
    }
    return {**values, **changed}


def snapshot() -> str:
    return on(
        HOST, f"find {NOT_OURS} -exec sha256sum {{}} + 2>/dev/null; systemctl is-active {UNIT}; systemctl is-enabled {UNIT}", check=False
    )


def page() -> str:
    return on(HOST, f'python3 -c "import urllib.request as u; print(u.urlopen(\\"http://127.0.0.1:{PORT}/state.json\\").read().decode())"')


@pytest.fixture(autouse=True)
def _clean_host() -> t.Iterator[None]:
    yield
    on(
        HOST,
        f"systemctl disable --now {UNIT} 2>/dev/null; rm -rf {PAGES} /etc/systemd/system/{UNIT} /var/lib/vmsite/services/trial.*",
        check=False,
    )
    on(HOST, "systemctl daemon-reload")


def test_check_apply_check() -> None:
    before = snapshot()
    predicted = succeeds(door(HOST, "site_service", check_mode=True, **service()))
    assert snapshot() == before
    applied = succeeds(door(HOST, "site_service", **service()))
    assert applied["changes"] == predicted["changes"] != []
    assert page() == '{"version": 1}'
    assert on(HOST, f"stat -c %U:%G:%a {PAGES} {PAGES}/state.json") == "root:_chrony:750\n_chrony:_chrony:640"
    after = snapshot()
    assert succeeds(door(HOST, "site_service", check_mode=True, **service()))["changes"] == []
    assert succeeds(door(HOST, "site_service", **service()))["changed"] is False
    assert snapshot() == after


def test_a_refused_file_and_a_unit_that_dies_leave_what_was() -> None:
    succeeds(door(HOST, "site_service", **service()))
    good = snapshot()
    for check_mode in (True, False):
        assert "Expecting" in fails(door(HOST, "site_service", check_mode=check_mode, **service(content="{nonsense")))
    assert snapshot() == good
    said = fails(
        door(HOST, "site_service", **service(content='{"version": 2}', command="/usr/bin/python3 -c 'raise SystemExit(\"no more\")'"))
    )
    assert "no more" in said
    assert "previous files were put back" in said
    assert snapshot() == good
    assert page() == '{"version": 1}'


def test_a_restart_only_when_allowed() -> None:
    succeeds(door(HOST, "site_service", **service()))
    started = on(HOST, f"systemctl show -p InvocationID {UNIT}")
    for _attempt in range(2):
        waiting = succeeds(door(HOST, "site_service", **service(content='{"version": 2}', restart="never")))
        assert waiting["restart_required"] is True
    assert waiting["changed"] is False
    assert on(HOST, f"systemctl show -p InvocationID {UNIT}") == started
    assert succeeds(door(HOST, "site_service", **service(content='{"version": 2}')))["changed"] is True
    assert on(HOST, f"systemctl show -p InvocationID {UNIT}") != started


def test_a_package_that_cannot_be_had() -> None:
    """The lab's hosts reach no repository."""
    before = snapshot()
    assert "package repositories" in fails(door(HOST, "site_service", **service(packages=[{"name": "vmsite-no-such-package"}])))
    assert snapshot() == before
