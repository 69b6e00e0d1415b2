# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real probers against a real UDP echo on the loopback interface; only the root directory is a made-up one."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import socket
import threading
import time
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe import process
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.channel import Endpoint, open_channel
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.measurements import (
    Absent,
    Measured,
    Started,
    Stopped,
)
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.process import Pace
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.session import Session, Settings
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.verdict import Limits
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import tree

NO_LIMITS = Limits(None, None)


@pytest.fixture
def echo_port() -> t.Iterator[int]:
    """A UDP echo service in a thread of this process."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            data, sender = server.recvfrom(2048)
            server.sendto(data, sender)

    thread = threading.Thread(target=serve)
    thread.start()
    port = server.getsockname()[1]
    yield port
    over.set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
        waker.sendto(b"over", ("127.0.0.1", port))
    thread.join()
    server.close()


@pytest.fixture
def root(tmp_path: pathlib.Path) -> t.Iterator[HostRoot]:
    """A root in which no prober is left behind."""
    root = HostRoot(str(tmp_path))
    yield root
    for path in tmp_path.glob("var/lib/vmsite/probes/*/samples"):
        run(Absent(root, path.parent.name))


def settings(port: int, **pace: float) -> Settings:
    return Settings(
        Endpoint("127.0.0.1", "udp", port, "", ""),
        Pace(**{"interval_ms": 5, "max_seconds": 30, "late_after_ms": 100, **pace}),
    )


def started(root: HostRoot, port: int, **pace: float) -> Started:
    return Started(root, "web1", settings(port, **pace), answer_within_seconds=2)


def run(concern: Concern) -> dict[str, t.Any]:
    """As the door does it."""
    changes = concern.plan()
    if changes:
        concern.apply(changes)
        assert not concern.plan()
    concern.verify()
    return {**changes.result(), **concern.facts()}


def measured_for(seconds: float) -> None:
    time.sleep(seconds)


def wait_for_end(root: HostRoot, seconds: float = 10) -> None:
    assert process.wait_until_unlocked(root.real(Session(root, "web1").record), seconds)


def test_start_stop_read(root: HostRoot, echo_port: int) -> None:
    result = run(started(root, echo_port))
    assert result["changed"]
    assert result["probe"]["state"] == "running"
    measured_for(0.3)
    stopped = run(Stopped(root, "web1", Limits(1000, 1000)))
    assert stopped["changed"]
    measurement = stopped["measurement"]
    assert measurement["ended"] == "stopped"
    assert measurement["sent"] == measurement["answered"] >= 10
    assert measurement["seconds"] >= 0.3
    again = run(Stopped(root, "web1", Limits(1000, 1000)))
    assert not again["changed"]
    assert again["measurement"] == measurement


def test_a_second_start_changes_nothing_and_other_settings_are_refused(root: HostRoot, echo_port: int) -> None:
    first = run(started(root, echo_port))
    second = run(started(root, echo_port))
    assert not second["changed"]
    assert second["probe"]["pid"] == first["probe"]["pid"]
    with pytest.raises(Failure, match="interval_ms 7"):
        run(started(root, echo_port, interval_ms=7))


def test_check_mode_writes_nothing_and_reads_a_running_measurement(root: HostRoot, echo_port: int) -> None:
    assert started(root, echo_port).plan().changed
    assert not Stopped(root, "web1", NO_LIMITS).plan().changed
    assert Stopped(root, "web1", NO_LIMITS).facts() == {"probe": {"id": "web1", "state": "absent"}}
    assert tree(root.path) == {}
    run(started(root, echo_port))
    measured_for(0.1)
    so_far = Stopped(root, "web1", NO_LIMITS)
    assert so_far.plan().changed
    assert so_far.facts()["measurement"]["ended"] == "running"
    assert Session(root, "web1").state() == "running"


def test_it_ends_by_itself(root: HostRoot, echo_port: int) -> None:
    run(started(root, echo_port, max_seconds=0.3))
    wait_for_end(root)
    measurement = run(Stopped(root, "web1", NO_LIMITS))["measurement"]
    assert measurement["ended"] == "time_over"
    assert measurement["sent"] <= 60


def test_a_dead_target_is_refused_and_leaves_nothing(root: HostRoot) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        concern = Started(root, "web1", settings(silent.getsockname()[1]), answer_within_seconds=0.3)
        with pytest.raises(Failure, match=r"no answer to udp echo within 0\.3 s"):
            concern.apply(concern.plan())
    assert tree(root.path) == {}


def test_a_killed_prober_leaves_all_it_saw(root: HostRoot, echo_port: int) -> None:
    pid = run(started(root, echo_port))["probe"]["pid"]
    measured_for(0.3)
    os.kill(pid, signal.SIGKILL)
    wait_for_end(root)
    measurement = run(Stopped(root, "web1", NO_LIMITS))["measurement"]
    assert measurement["ended"] == "killed"
    assert measurement["seconds"] >= 0.3
    assert measurement["answered"] >= measurement["sent"] - measurement["undecided"] > 10


def test_a_killed_recorder_ends_the_prober(root: HostRoot, echo_port: int) -> None:
    pid = run(started(root, echo_port))["probe"]["pid"]
    measured_for(0.1)
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    assert len(children) == 1
    os.kill(int(children[0]), signal.SIGKILL)
    wait_for_end(root)
    assert run(Stopped(root, "web1", NO_LIMITS))["measurement"]["answered"] > 5


def test_a_finished_measurement_is_replaced_by_a_new_start(root: HostRoot, echo_port: int) -> None:
    run(started(root, echo_port))
    run(Stopped(root, "web1", NO_LIMITS))
    again = run(started(root, echo_port))
    assert [change["current"] for change in again["changes"]] == ["ended"]


def test_a_prober_whose_starter_dies_before_the_go_ends_and_is_not_taken_for_one_at_work(root: HostRoot, echo_port: int) -> None:
    session = Session(root, "web1")
    endpoint = settings(echo_port)
    record = session.begin()
    channel = open_channel(endpoint.endpoint)
    waiting = process.detach(channel, "127.0.0.1", endpoint.pace, record)
    channel.socket.close()
    session.describe(endpoint, waiting.identity)
    process.release(record)
    assert process.is_locked(root.real(session.record))
    threading.Timer(0.2, waiting.abandon).start()
    assert session.state() == "ended"
    assert run(started(root, echo_port))["changed"]


def test_absent_ends_and_removes(root: HostRoot, echo_port: int) -> None:
    run(started(root, echo_port))
    assert run(Absent(root, "web1"))["changed"]
    assert tree(root.path) == {}
    assert not run(Absent(root, "web1"))["changed"]


def test_stopping_what_was_never_started_is_an_error(root: HostRoot) -> None:
    with pytest.raises(Failure, match="no probe of this id"):
        run(Stopped(root, "web1", NO_LIMITS))


def test_all_mistakes_at_once() -> None:
    wrong = Settings(Endpoint("127.0.0.1", "udp", 0, "", ""), Pace(interval_ms=0.1, max_seconds=-1, late_after_ms=0))
    with pytest.raises(Failures) as caught:
        Started(HostRoot("/nonexistent"), "../escape", wrong, 1)
    assert [failure.where for failure in caught.value.failures] == [
        "id",
        "interval_ms",
        "max_seconds",
        "port",
        "late_after_ms",
    ]


@pytest.mark.parametrize(
    "field, value, said",
    [
        ("interface", "nosuch0", "interface"),
        ("source", "203.0.113.9", "203.0.113.9"),
        ("target", "no.such.invalid", "no address"),
    ],
)
def test_a_wrong_way_to_the_target_is_named(root: HostRoot, echo_port: int, field: str, value: str, said: str) -> None:
    right = settings(echo_port)
    changed: dict[str, t.Any] = {field: value}
    wrong = dataclasses.replace(right, endpoint=dataclasses.replace(right.endpoint, **changed))
    with pytest.raises(Failure, match=said):
        run(Started(root, "web1", wrong, answer_within_seconds=0.2))


def test_measured_on_the_spot_leaves_nothing(root: HostRoot, echo_port: int) -> None:
    concern = Measured(settings(echo_port, max_seconds=0.3), Limits(1000, None), answer_within_seconds=2)
    assert concern.facts() == {}, "check mode measures nothing"
    measurement = run(concern)["measurement"]
    assert measurement["ended"] == "time_over"
    assert measurement["answered"] == measurement["sent"] > 10
    assert tree(root.path) == {}


def test_the_run_that_starts_it_is_killed_at_every_boundary(tmp_path: pathlib.Path, echo_port: int) -> None:
    boundary, killed = 0, True
    while killed:
        boundary += 1
        place = tmp_path / str(boundary)
        place.mkdir()
        killed = _started_and_killed_at(boundary, place, echo_port)
        root = HostRoot(str(place))
        with contextlib.ExitStack() as afterwards:
            afterwards.callback(run, Absent(root, "web1"))
            run(started(root, echo_port))
            measured_for(0.05)
            assert run(Stopped(root, "web1", NO_LIMITS))["measurement"]["answered"] > 0
    assert boundary > 4, "make the directory, empty the record, start, describe: each was killed once"


def _started_and_killed_at(boundary: int, place: pathlib.Path, port: int) -> bool:
    """Start in a child that vanishes at this boundary; False if it got to the end."""

    def vanish(number: int, _description: str) -> None:
        if number == boundary:
            os._exit(137)

    child = os.fork()
    if child == 0:
        try:
            run(started(HostRoot(str(place), vanish), port))
        except BaseException as error:  # the child must never return into pytest
            os.write(2, f"{error}\n".encode())
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 137)
    return code == 137
