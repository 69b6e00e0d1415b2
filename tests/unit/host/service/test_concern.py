# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_service on a stand-in host: prediction, order, restart, reload, restore and kills."""

from __future__ import annotations

import json
import pathlib
import time
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.fakes.debian_without_systemd import read_state, write_state
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import kill_at_every_boundary, tree
from ansible_collections.baremetal.vmsite.tests.unit.host.service.service_host import (
    CONFIGURATION,
    UNIT,
    carry_out,
    concern,
    content,
    host,
    leftovers,
    log,
    unit,
    what,
)

DROP_IN = {"name": UNIT, "enabled": True, "state": "started", "drop_in": "[Service]\nNice=5\n"}


@pytest.fixture
def root(tmp_path: pathlib.Path) -> HostRoot:
    place = tmp_path / "host"
    place.mkdir()
    return host(place)


def test_a_virgin_host_is_predicted_and_left_alone(root: HostRoot) -> None:
    before = tree(root.path)
    predicted = concern(root).plan()
    assert tree(root.path) == before
    assert [(change.what, change.current) for change in predicted] == [
        ("package timed", "absent"),
        (f"file {CONFIGURATION}", "absent"),
        (f"mode of {CONFIGURATION}", "absent"),
        (f"unit {UNIT} state", "absent"),
        (f"unit {UNIT} at boot", "absent"),
    ]
    assert list(carry_out(root)) == list(predicted)


def test_a_second_run_changes_nothing(root: HostRoot) -> None:
    carry_out(root)
    after = tree(root.path)
    assert not carry_out(root)
    assert tree(root.path) == after
    assert leftovers(root) == []


def test_the_unit_never_runs_with_the_configuration_of_the_package(root: HostRoot) -> None:
    carry_out(root)
    assert [line for line in log(root) if line.startswith(f"start {UNIT} with")] == [f"start {UNIT} with ours"]


def test_a_changed_file_restarts_once(root: HostRoot) -> None:
    carry_out(root)
    changes = carry_out(root, files=content("other\n"))
    assert what(changes) == [f"file {CONFIGURATION}", f"unit {UNIT} restart"]
    assert log(root).count(f"restart {UNIT}") == 1
    assert changes.result()["restart_required"] is False


def test_a_file_for_which_a_reload_is_enough(root: HostRoot) -> None:
    units = [{"name": UNIT, "enabled": True, "state": "started", "reload_on": [CONFIGURATION]}]
    carry_out(root, units=units)
    assert what(carry_out(root, units=units, files=content("other\n")))[-1] == f"unit {UNIT} reload"
    assert f"reload {UNIT}" in log(root)
    assert f"restart {UNIT}" not in log(root)


def test_a_drop_in_makes_systemd_read_again_before_the_restart(root: HostRoot) -> None:
    carry_out(root)
    carry_out(root, units=[DROP_IN])
    told = log(root)
    assert told.index("daemon-reload") < told.index(f"restart {UNIT}")


def test_restart_never_is_reported_until_somebody_restarted(root: HostRoot) -> None:
    carry_out(root)
    first = carry_out(root, files=content("other\n"), restart="never")
    assert first.result()["restart_required"] is True
    again = carry_out(root, files=content("other\n"), restart="never")
    assert not again
    assert again.result()["restart_required"] is True
    root.run(["systemctl", "restart", UNIT], changes=True)
    assert carry_out(root, files=content("other\n"), restart="never").result()["restart_required"] is False


def test_a_restart_that_waited_is_made_once_it_is_allowed(root: HostRoot) -> None:
    carry_out(root)
    carry_out(root, files=content("other\n"), restart="never")
    assert what(carry_out(root, files=content("other\n"))) == [f"unit {UNIT} restart"]
    assert leftovers(root) == []


def test_a_refused_file_changes_nothing_and_the_program_is_quoted(root: HostRoot) -> None:
    carry_out(root)
    before = tree(root.path)
    with pytest.raises(Failure, match=r"timed: /etc/timed/timed\.conf: line 1: I refuse"):
        carry_out(root, files=content("refuse\n"))
    assert tree(root.path) == before
    assert leftovers(root) == []


def test_a_file_refused_on_a_virgin_host_is_not_put_in_place(root: HostRoot) -> None:
    with pytest.raises(Failure, match="I refuse"):
        carry_out(root, files=content("refuse\n"))
    assert root.read(CONFIGURATION) == "the package's own"
    assert unit(root)["active"] == "inactive"
    assert root.names("/run/systemd/system") == []


def test_a_unit_that_dies_gets_its_previous_file_back(root: HostRoot) -> None:
    carry_out(root)
    before = tree(root.path)
    with pytest.raises(Failure, match=r"failed.*the last words of timed\.service.*previous files were put back"):
        carry_out(root, files=content("die\n"))
    assert tree(root.path) == before
    assert unit(root)["active"] == "active"
    assert log(root)[-1] == f"start {UNIT} with ours"
    assert not carry_out(root)


def test_a_unit_that_dies_on_a_virgin_host_is_not_enabled_by_us(root: HostRoot) -> None:
    with pytest.raises(Failure, match="failed"):
        carry_out(root, files=content("die\n"))
    assert root.read(CONFIGURATION) == "the package's own"
    assert f"enable {UNIT}" not in log(root)


def test_a_service_is_restarted_around_its_socket(root: HostRoot) -> None:
    service = {"name": UNIT, "enabled": True, "state": "started"}
    carry_out(root)
    socket = {"name": "timed.socket", "state": "started", "content": "[Socket]\nListenStream=/run/timed\n"}
    changes = carry_out(root, units=[socket, service])
    assert f"unit {UNIT} restart" in what(changes)
    told = log(root)
    assert told.index(f"stop {UNIT}") < told.index("start timed.socket") < len(told) - 1 - told[::-1].index(f"restart {UNIT}")


@pytest.mark.parametrize(("kind", "watched"), [("simple", True), ("exec", True), ("notify", False), ("forking", False)])
def test_only_a_unit_that_starts_unheard_is_watched_for_a_while(root: HostRoot, kind: str, watched: bool) -> None:
    definition = f"[Service]\nType={kind}\nExecStart=/usr/bin/timed\n"
    carry_out(root, units=[{"name": UNIT, "content": definition, "state": "started"}], readiness={"timeout": 5})
    active_for = time.monotonic() - unit(root)["since"] / 1e6
    assert (active_for >= 1) == watched


def test_units_are_enabled_in_one_call(root: HostRoot) -> None:
    other = {"name": "other.service", "content": "[Service]\nExecStart=/usr/bin/timed\n", "enabled": True}
    carry_out(root, units=[{"name": UNIT, "enabled": True}, other])
    assert f"enable {UNIT} other.service" in log(root)


def test_what_is_not_there_can_be_masked(root: HostRoot) -> None:
    carry_out(root)
    masked = [{"name": UNIT, "masked": True}]
    assert what(carry_out(root, units=masked)) == [f"unit {UNIT} mask", f"unit {UNIT} state"]
    assert unit(root)["active"] == "inactive"
    assert what(carry_out(root)) == [f"unit {UNIT} mask", f"unit {UNIT} state", f"unit {UNIT} at boot"]


def test_links_and_absent_paths(root: HostRoot) -> None:
    old = pathlib.Path(root.path, "etc/timed.old")
    old.write_text("old\n")
    links = [{"path": "/etc/timed.link", "target": "timed/timed.conf"}]
    changes = carry_out(root, links=links, absent=["/etc/timed.old"])
    assert {"link /etc/timed.link", "path /etc/timed.old"} <= set(what(changes))
    assert (root.readlink("/etc/timed.link"), old.exists()) == ("timed/timed.conf", False)


def test_a_secret_stays_out_of_everything_that_is_shown(root: HostRoot) -> None:
    secret = [{"path": CONFIGURATION, "secret_content": "password hunter2000\n"}]
    changes = carry_out(root, files=secret)
    assert "hunter2000" not in json.dumps(changes.result())
    assert pathlib.Path(root.path + CONFIGURATION).stat().st_mode & 0o777 == 0o600
    with pytest.raises(Failure) as refused:
        carry_out(root, files=[{"path": CONFIGURATION, "secret_content": "refuse hunter3000\n"}])
    assert "hunter3000" not in str(refused.value)
    assert "exit code 3, it said: timed: /etc/timed/timed.conf: line 1: I (secret)" in str(refused.value)


def test_a_package_that_no_repository_has(root: HostRoot) -> None:
    with pytest.raises(Failure, match=r"Unable to locate package nowhere.*https://mirror\.example stable"):
        carry_out(root, packages=[{"name": "nowhere"}])
    assert root.names("/run/systemd/system") == []


def test_without_any_repository_check_mode_refuses_too(root: HostRoot) -> None:
    write_state(pathlib.Path(root.path), {**read_state(pathlib.Path(root.path)), "repositories": []})
    with pytest.raises(Failure, match="none is configured"):
        concern(root).plan()


CHANGED = {
    "files": [*content("other\n"), {"path": "/etc/timed/second.conf", "content": "second\n"}],
    "directories": [{"path": "/etc/timed/keys", "mode": "0750"}],
    "links": [{"path": "/etc/timed/link", "target": "timed.conf"}],
    "units": [DROP_IN],
}


def whole(root: HostRoot) -> None:
    """Right after the kill each file has its old content or its new one."""
    assert root.read_optional(CONFIGURATION) in (None, "the package's own", "ours", "other")
    assert root.read_optional("/etc/timed/second.conf") in (None, "second")


@pytest.mark.parametrize("start", ["virgin", "installed"])
def test_killed_anywhere_the_next_run_finishes(tmp_path: pathlib.Path, start: str) -> None:
    def make_root(place: pathlib.Path, hook: t.Callable[[int, str], None]) -> HostRoot:
        if start == "installed" and not any(place.iterdir()):
            carry_out(host(place))
        return host(place, hook)

    tried = kill_at_every_boundary(tmp_path, make_root, lambda root: concern(root, **CHANGED), whole)
    assert tried > 15
    for place in tmp_path.glob("killed-at-*"):
        if place.is_dir() and start == "installed":
            survivor = host(place)
            assert f"start {UNIT} with other" in log(survivor), f"{place.name}: it runs with the old configuration"
