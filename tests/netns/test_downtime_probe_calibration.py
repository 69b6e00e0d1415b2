# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe held against interruptions of known length, on real links. Needs root; makes its own network namespaces and removes them.

    prober namespace --veth-- bridge in a namespace of its own --veth-- target namespace

A cut takes the target's link out of the bridge and puts it back. How long it really lasted is measured here, around the two commands: the
true length lies between the time from the end of the first to the beginning of the second, and the time from the beginning of the first to the end
of the second.
So the allowed error is derived, not chosen: the true cut, one interval on each side, and the slowest round trip.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
import typing as t

import pytest

MODULE = "ansible_collections.baremetal.vmsite.plugins.modules.downtime_probe"
RESPONDER = pathlib.Path(__file__).with_name("unruly_responder.py")
INTERVAL_MS = 5.0
LATE_SECONDS = 0.15

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


class Network:
    """Three namespaces, named after this process so that two runs do not meet."""

    def __init__(self) -> None:
        prefix = f"probe-test-{os.getpid()}"
        self.prober, self.switch, self.target = (f"{prefix}-{part}" for part in ("prober", "switch", "target"))
        self.namespaces = (self.prober, self.switch, self.target)

    def make(self) -> None:
        for namespace in self.namespaces:
            command("ip", "netns", "add", namespace)
            command("ip", "-n", namespace, "link", "set", "lo", "up")
        command("ip", "-n", self.switch, "link", "add", "bridge0", "type", "bridge", "mcast_snooping", "0")
        command("ip", "-n", self.switch, "link", "set", "bridge0", "up")
        for namespace, port, host in ((self.prober, "to-prober", 1), (self.target, "to-target", 2)):
            command(
                "ip",
                "-n",
                self.switch,
                "link",
                "add",
                port,
                "type",
                "veth",
                "peer",
                "name",
                "link0",
                "netns",
                namespace,
            )
            command("ip", "-n", self.switch, "link", "set", port, "master", "bridge0", "up")
            command("ip", "-n", namespace, "address", "add", f"10.98.77.{host}/24", "dev", "link0")
            command("ip", "-n", namespace, "address", "add", f"fd00:77::{host}/64", "dev", "link0", "nodad")
            command("ip", "-n", namespace, "link", "set", "link0", "up")

    def remove(self) -> None:
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "delete", namespace], check=False)

    def cut(self, seconds: float) -> tuple[float, float]:
        """Cut the target off; return the shortest and the longest time (ms) that this can have lasted."""
        before_cut = time.monotonic()
        command("ip", "-n", self.switch, "link", "set", "to-target", "nomaster")
        after_cut = time.monotonic()
        time.sleep(seconds)
        before_mend = time.monotonic()
        command("ip", "-n", self.switch, "link", "set", "to-target", "master", "bridge0")
        after_mend = time.monotonic()
        return (before_mend - after_cut) * 1000, (after_mend - before_cut) * 1000


@pytest.fixture(scope="module")
def network() -> t.Iterator[Network]:
    network = Network()
    try:
        network.make()
        yield network
    finally:
        network.remove()


@pytest.fixture
def probe(network: Network, tmp_path: pathlib.Path) -> t.Iterator[t.Callable[..., dict[str, t.Any]]]:
    """Calls the door in the prober's namespace, and ends the probe after the test."""

    def call(**options: t.Any) -> dict[str, t.Any]:
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"root": str(tmp_path), "id": "calibration", **options}})
        ended = subprocess.run(
            ["ip", "netns", "exec", network.prober, sys.executable, "-m", MODULE],
            input=arguments,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        result: dict[str, t.Any] = json.loads(ended.stdout)
        assert not result.get("failed"), result["msg"]
        return result

    yield call
    call(state="absent")


@pytest.fixture(params=["icmp", "udp"])
def unruly_target(network: Network, request: pytest.FixtureRequest) -> t.Iterator[tuple[dict[str, t.Any], t.Callable[[], dict[str, int]]]]:
    """A responder in the target's namespace: how to probe it, and how to end it and learn what it did."""
    protocol, port = request.param, 7007
    in_target = ["ip", "netns", "exec", network.target]
    command(*in_target, "sysctl", "-q", "-w", "net.ipv4.icmp_echo_ignore_all=1")
    responder = subprocess.Popen(
        [*in_target, sys.executable, str(RESPONDER), protocol, "10.98.77.2", str(port), str(LATE_SECONDS)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert responder.stdout is not None
    assert responder.stdout.readline() == "ready\n"

    def end() -> dict[str, int]:
        responder.terminate()
        counts: dict[str, int] = json.loads(responder.communicate(timeout=20)[0])
        return counts

    yield {"target": "10.98.77.2", "protocol": protocol, "port": port if protocol == "udp" else 0}, end
    if responder.poll() is None:
        responder.kill()
        responder.communicate(timeout=20)
    command(*in_target, "sysctl", "-q", "-w", "net.ipv4.icmp_echo_ignore_all=0")


def command(*argv: str) -> None:
    subprocess.run(argv, check=True, timeout=20)


@pytest.mark.parametrize("target", ["10.98.77.2", "fd00:77::2"])
def test_a_cut_of_200_ms_is_measured(network: Network, probe: t.Callable[..., dict[str, t.Any]], target: str) -> None:
    probe(state="started", target=target, interface="link0", interval_ms=INTERVAL_MS)
    time.sleep(0.5)
    shortest, longest = network.cut(0.2)
    time.sleep(0.5)
    measurement = probe(state="stopped", max_gap_ms=100)["measurement"]
    gap = max(measurement["gaps"], key=lambda candidate: candidate["length_ms"])
    stall, slowest = measurement["longest_stall_ms"], measurement["rtt_ms"]["max"]
    print(
        f"cut {shortest:.1f} to {longest:.1f} ms; measured gap {gap['length_ms']} ms, certain {gap['certain_ms']} ms, {gap['lost']} lost, "
        f"silence {measurement['longest_silence_ms']} ms, longest stall {stall} ms, slowest round trip {slowest} ms, {measurement['scheduling']}"
    )
    step = max(INTERVAL_MS, stall)
    assert shortest - slowest <= gap["length_ms"] <= longest + 2 * step + slowest
    assert shortest - 2 * step - slowest <= gap["certain_ms"] <= longest + slowest
    assert shortest - slowest <= measurement["longest_silence_ms"] <= longest + 2 * step + slowest
    assert gap["proven"] or stall > 0
    assert measurement["lost"] == sum(each["lost"] for each in measurement["gaps"])
    assert measurement["verdict"]["result"] == "missed"


def test_no_cut_is_no_gap(probe: t.Callable[..., dict[str, t.Any]]) -> None:
    measurement = probe(state="measured", target="10.98.77.2", seconds=1, interval_ms=INTERVAL_MS)["measurement"]
    assert (measurement["lost"], measurement["gaps"], measurement["duplicates"]) == (0, [], 0)
    assert measurement["answered"] == measurement["sent"] > 100


def test_lost_late_and_duplicate_are_told_apart(
    probe: t.Callable[..., dict[str, t.Any]], unruly_target: tuple[dict[str, t.Any], t.Callable[[], dict[str, int]]]
) -> None:
    way, end = unruly_target
    probe(state="started", interval_ms=INTERVAL_MS, late_after_ms=LATE_SECONDS * 1000, answer_within_seconds=5, **way)
    time.sleep(1.5)
    measurement = probe(state="stopped")["measurement"]
    done = end()
    print(f"responder: {done}; measured: { {name: measurement[name] for name in ('sent', 'answered', 'lost', 'late', 'duplicates')} }")
    # The start asked until the target answered once: those few requests, all answered once, are the responder's only.
    assert 1 <= sum(done.values()) - measurement["sent"] <= 9
    assert measurement["lost"] == done["never"] > 5
    assert measurement["duplicates"] == done["twice"] > 5
    assert measurement["answered"] == measurement["sent"] - measurement["lost"]
    assert measurement["late"] >= done["late"] > 5
    assert measurement["gaps_total"] == done["never"]
