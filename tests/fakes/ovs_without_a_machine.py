# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Open vSwitch with a real DPDK, in a directory and a network namespace of its own, without hugepages, NICs or systemd.

Real: ovsdb-server, ovs-vswitchd, ovs-vsctl, ovs-appctl, DPDK's EAL, mempools, polling threads, virtual devices.
Stand-ins: systemctl (restarts ovs-vswitchd and says what a forking unit says), update-alternatives (sets the link).
Not shown: memory on hugepages. DPDK 22.11 takes ordinary memory with "--no-huge --legacy-mem"; without --legacy-mem Open vSwitch adds --in-memory,
which contradicts --no-huge, and ovs-vswitchd aborts: that is how a failing initialisation is provoked here.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import time

BUILDS = {"dpdk": "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk", "plain": "/usr/lib/openvswitch-switch/ovs-vswitchd"}
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"

# In a namespace of its own: a bridge of the userspace datapath makes a tap interface of the bridge's name.
_SYSTEMCTL = """#!/bin/sh
echo "$@" >> {base}/systemctl.log
[ "$1" = restart ] || exit 0
{stop}
export OVS_RUNDIR={base}/run
exec unshare --net {base}/sbin/ovs-vswitchd unix:{base}/run/db.sock --pidfile={base}/run/ovs-vswitchd.pid --log-file={base}/log/ovs-vswitchd.log \
  --unixctl={base}/run/vswitchd.ctl --no-chdir --detach 2>/dev/null
"""
_STOP = """pid=$(cat {base}/run/ovs-vswitchd.pid 2>/dev/null)
if [ -n "$pid" ] && kill "$pid" 2>/dev/null; then while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done; fi"""
_UPDATE_ALTERNATIVES = """#!/bin/sh
[ "$1 $2" = "--set ovs-vswitchd" ] && exec ln -sfn "$3" {base}/sbin/ovs-vswitchd
exit 2
"""
_VSCTL = '#!/bin/sh\nexec /usr/bin/ovs-vsctl --db=unix:{base}/run/db.sock "$@"\n'
_APPCTL = '#!/bin/sh\nexec /usr/bin/ovs-appctl --target={base}/run/vswitchd.ctl "$@"\n'


def missing() -> str | None:
    """Why this cannot run here."""
    if os.geteuid() != 0:
        return "needs root, for a network namespace"
    needed = [*BUILDS.values(), SCHEMA, "/usr/sbin/ovsdb-server", "/usr/bin/ovs-vsctl"]
    absent = [path for path in needed if not os.path.exists(path)]
    return f"{', '.join(absent)} not there: install openvswitch-switch-dpdk" if absent else None


class OvsWithoutAMachine:
    """C(base) must be a short path: it holds Unix sockets, whose paths end at 107 bytes."""

    def __init__(self, base: pathlib.Path) -> None:
        self.base = base
        self.paths = {
            "/run/openvswitch": base / "run",
            "/var/log/openvswitch": base / "log",
            "/usr/bin": base / "bin",
            "/usr/sbin": base / "sbin",
            "/etc/alternatives": base / "sbin",
            "/proc": pathlib.Path("/proc"),
            "/usr/lib": pathlib.Path("/usr/lib"),
        }

    def install(self, build: str = "dpdk") -> None:
        """Make directories and programs; start ovsdb-server."""
        for name in ("run", "log", "bin", "sbin", "db"):
            (self.base / name).mkdir(parents=True)
        self.choose(build)
        for name, text in (
            ("systemctl", _SYSTEMCTL),
            ("update-alternatives", _UPDATE_ALTERNATIVES),
            ("ovs-vsctl", _VSCTL),
            ("ovs-appctl", _APPCTL),
        ):
            program = self.base / "bin" / name
            program.write_text(text.replace("{stop}", _STOP).replace("{base}", str(self.base)))
            program.chmod(0o755)
        database = str(self.base / "db/conf.db")
        subprocess.run(["ovsdb-tool", "create", database, SCHEMA], check=True, capture_output=True)
        socket = f"punix:{self.base}/run/db.sock"
        pid_file, control = self.base / "run/ovsdb-server.pid", self.base / "run/ovsdb.ctl"
        command = [
            "ovsdb-server",
            database,
            f"--remote={socket}",
            f"--pidfile={pid_file}",
            f"--unixctl={control}",
            "--detach",
            "--no-chdir",
        ]
        subprocess.run([*command, f"--log-file={self.base}/log/ovsdb-server.log"], check=True, capture_output=True)
        self.vsctl("--no-wait", "init")

    def choose(self, build: str) -> None:
        link = self.base / "sbin/ovs-vswitchd"
        link.unlink(missing_ok=True)
        link.symlink_to(BUILDS[build])

    def start(self) -> None:
        subprocess.run([str(self.base / "bin/systemctl"), "restart", "ovs-vswitchd.service"], check=True)

    def vsctl(self, *arguments: str) -> str:
        return subprocess.run(
            [str(self.base / "bin/ovs-vsctl"), "--timeout=10", *arguments], check=True, capture_output=True, text=True
        ).stdout

    @property
    def pid(self) -> int:
        return int((self.base / "run/ovs-vswitchd.pid").read_text())

    def crash(self) -> None:
        """As an abort leaves things: the process is gone, its pid file is not."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        while os.path.exists(f"/proc/{pid}"):
            time.sleep(0.02)

    def restarts(self) -> int:
        log = self.base / "systemctl.log"
        return log.read_text().count("restart ") if log.exists() else 0

    def content(self) -> str:
        """What the configuration tables hold, without identifiers, states and our record of a process."""
        columns = {
            "Open_vSwitch": "other_config",
            "Bridge": "name,datapath_type,fail_mode,external_ids",
            "Port": "name,tag,trunks,external_ids",
        }
        columns["Interface"] = "name,type,options,mtu_request"
        return "".join(
            "\n".join(sorted(self.vsctl(f"--columns={names}", "--format=csv", "list", table).split("\n")))
            for table, names in columns.items()
        )

    def remove(self) -> None:
        for name in ("ovs-vswitchd.pid", "ovsdb-server.pid"):
            file = self.base / "run" / name
            if file.exists():
                try:
                    os.kill(int(file.read_text()), signal.SIGKILL)
                except ProcessLookupError:
                    pass
        shutil.rmtree(self.base)
