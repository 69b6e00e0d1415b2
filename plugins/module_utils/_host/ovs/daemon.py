# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The ovs-vswitchd process: which one runs, which program it is, what it was started with, how it is restarted."""

from __future__ import annotations

import dataclasses
import json
import time
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

UNIT = "ovs-vswitchd.service"  # the same name on Debian, Ubuntu, Fedora and RHEL; restarting it leaves ovsdb-server alone
_PIDFILE = "/run/openvswitch/ovs-vswitchd.pid"
_LOG = "/var/log/openvswitch/ovs-vswitchd.log"

# Debian and Ubuntu ship two builds and choose by update-alternatives; elsewhere there is one, with DPDK.
DPDK_BUILD = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
_ALTERNATIVE = "/etc/alternatives/ovs-vswitchd"

# Key of the Open_vSwitch row's external_ids under which InForce lies.
RECORD = "vmsite-in-force"
FAILED = "failed"  # the recorded value of dpdk-init if initialisation failed: a process tries it only once


@dataclasses.dataclass(frozen=True)
class Daemon:
    """A living ovs-vswitchd. C(instance) is different for every process that ever ran on this host."""

    pid: int
    instance: str
    executable: str | None


def running(root: HostRoot) -> Daemon | None:
    """The process that the pid file names, if it lives and is what it should be (a crash leaves the file behind)."""
    text = (root.read_optional(_PIDFILE) or "").strip()
    if not text.isdigit():
        return None
    process = f"/proc/{text}"
    status = root.read_optional(f"{process}/stat")
    if status is None or not (root.read_optional(f"{process}/comm") or "").startswith("ovs-vswitchd"):
        return None
    fields = status.rpartition(")")[2].split()  # proc(5): field 3 is the state, field 22 the start time
    if fields[0] in ("Z", "X"):
        return None
    boot = (root.read_optional("/proc/sys/kernel/random/boot_id") or "").strip()
    return Daemon(pid=int(text), instance=f"{boot}/{text}/{fields[19]}", executable=root.readlink(f"{process}/exe"))


def wait_for(condition: t.Callable[[], bool], seconds: float) -> bool:
    """Ask again until the condition holds or time is up."""
    deadline = time.monotonic() + seconds
    pause = 0.05
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 0.5)
    return True


def restart(root: HostRoot, seconds: float) -> str | None:
    """Start the unit afresh. Returns what systemd said if it did not start; a crash during the start is a normal answer here."""
    done = root.run(["systemctl", "restart", UNIT], changes=True, timeout=seconds + 60, check=False)
    return None if done.rc == 0 else (done.err.strip().splitlines() or [f"exit code {done.rc}"])[0]


def forget_failed_starts(root: HostRoot) -> None:
    """After several crashes systemd refuses to start a unit until this is said."""
    root.run(["systemctl", "reset-failed", UNIT], changes=True, check=False)


def last_errors(root: HostRoot, count: int = 5) -> str:
    """The latest distinct errors that ovs-vswitchd logged, DPDK's if there are any, oldest first: all that a crashed process leaves."""
    lines = (root.read_optional(_LOG) or "").splitlines()[-400:]
    errors = [line.split("|", 2)[-1] for line in lines if "|ERR|" in line or "|EMER|" in line]
    of_dpdk = [error for error in errors if error.startswith("dpdk|")]
    distinct = list(dict.fromkeys(reversed(of_dpdk or errors)))[:count]
    return " / ".join(reversed(distinct)) or f"no error in {_LOG}"


def chosen_build(root: HostRoot) -> str | None:
    """The ovs-vswitchd that the next start runs, where several can be chosen from."""
    return root.readlink(_ALTERNATIVE)


def has_builds(root: HostRoot) -> bool:
    """Whether this host chooses between builds, or will once the package is there."""
    if chosen_build(root) is not None:
        return True
    release = dict(line.partition("=")[::2] for line in (root.read_optional("/etc/os-release") or "").splitlines())
    family = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".replace('"', "").split()
    return bool({"debian", "ubuntu"} & set(family)) and not root.has_program("ovs-vswitchd")


def choose_build(root: HostRoot, program: str) -> None:
    if not root.exists(program):
        raise Failure(
            asked=f"ovs-vswitchd is {program}", found="no such program", where=_ALTERNATIVE, remedy="install openvswitch-switch-dpdk"
        )
    root.run(["update-alternatives", "--set", "ovs-vswitchd", program], changes=True)


@dataclasses.dataclass(frozen=True)
class InForce:
    """What a process was started with, for the keys that were changed since.

    It is written in the same transaction as the change, so it is never missing. Values that another hand changed behind this record are not
    seen: OVSDB does not say since when it has a value, and ovs-vswitchd does not tell what it was started with.
    """

    instance: str | None = None
    values: t.Mapping[str, str | None] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, external_ids: t.Mapping[str, str], daemon: Daemon | None) -> InForce:
        """The record of the process that runs. One that another process left says nothing: whatever runs now read all values when it started."""
        record = cls.of_any(external_ids)
        return record if daemon and record.instance == daemon.instance else cls(daemon.instance if daemon else None, {})

    @classmethod
    def of_any(cls, external_ids: t.Mapping[str, str]) -> InForce:
        """The record whichever process it is about; an empty one if there is none that can be read."""
        try:
            record = json.loads(external_ids.get(RECORD, "{}"))
            return cls(record.get("instance"), {str(key): value for key, value in record.get("values", {}).items()})
        except (ValueError, AttributeError):
            return cls()

    def text(self) -> str:
        return json.dumps({"instance": self.instance, "values": dict(sorted(self.values.items()))}, sort_keys=True)
