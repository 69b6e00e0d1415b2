# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role could change on a host, read without the collection: prints one JSON object, name of a thing -> its state.

Only reads, and starts nothing: virsh would wake libvirtd, so VMs are read from their files and processes.
Runs on the host (molecule/shared/tasks/judge.yml), standard library only.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pathlib
import pwd
import stat
import subprocess

FILES = ("/etc", "/usr/local", "/var/lib/vmsite", "/var/lib/libvirt/images", "/var/lib/vhost_sockets")
# Written by programs as they run. Open vSwitch's database is read row by row below.
VOLATILE = {"/etc/ld.so.cache", "/etc/mtab", "/etc/openvswitch/conf.db", "/etc/openvswitch/.conf.db.~lock~"}
OVSDB = {
    "Bridge": ("datapath_type", "fail_mode", "other_config", "external_ids"),
    "Port": ("tag", "trunks", "vlan_mode", "other_config", "external_ids"),
    "Interface": ("type", "options", "mtu_request", "external_ids"),
}
# What "systemctl list-unit-files" asks; it also looks up presets, which takes as long again.
SYSTEMD = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
UNIT_FILES = ("busctl", "--json=short", "call", *SYSTEMD, "ListUnitFilesByPatterns", "asas", "0", "2", "*.service", "*.socket")


def output(*argv: str) -> str:
    """What the program prints; empty if it is not there or fails, as on a host that has nothing yet."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False).stdout
    except FileNotFoundError:
        return ""


def name_or_number(find: object, number: int) -> str:
    try:
        return find(number)[0]  # type: ignore[operator]
    except KeyError:
        return str(number)


def description(path: str) -> str:
    state = os.lstat(path)
    owner = f"{name_or_number(pwd.getpwuid, state.st_uid)}:{name_or_number(grp.getgrgid, state.st_gid)} {stat.filemode(state.st_mode)}"
    if stat.S_ISLNK(state.st_mode):
        return f"link to {os.readlink(path)}"
    if stat.S_ISREG(state.st_mode):
        return f"{owner} {hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()}"
    return owner


def files() -> dict[str, str]:
    found = {}
    for top in FILES:
        for directory, directories, names in os.walk(top):
            for path in (os.path.join(directory, name) for name in directories + names):
                if path not in VOLATILE:
                    found[f"file {path}"] = description(path)
    return found


def packages() -> dict[str, str]:
    lines = output("dpkg-query", "--show", "--showformat", "${Package}\t${Version} ${db:Status-Status}\n").splitlines()
    return {f"package {name}": state for name, state in (line.split("\t") for line in lines)}


def units() -> dict[str, str]:
    """Whether each starts at boot, and which run (systemd forgets a unit that does not). What a socket or a timer starts comes and goes by itself."""
    listed = output(*UNIT_FILES)
    found = {f"boot of unit {os.path.basename(path)}": state for path, state in (json.loads(listed)["data"][0] if listed else [])}
    blocks = output("systemctl", "show", "--type=service,socket", "--property=Id,ActiveState,TriggeredBy", "*").strip().split("\n\n")
    for block in blocks:
        unit = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        ours = unit.get("Id", "user@").startswith(("user@", "user-runtime-dir@"))  # sessions: our own login
        if not ours and not unit.get("TriggeredBy") and unit["ActiveState"] != "inactive":
            found[f"unit {unit['Id']}"] = unit["ActiveState"]
    return found


def plain(value: object) -> object:
    """An OVSDB value (RFC 7047 section 5.1) as text and dictionaries."""
    if isinstance(value, list) and value[0] == "map":
        return dict(value[1])
    return sorted(map(str, value[1])) if isinstance(value, list) and value[0] == "set" else value


def table(name: str) -> list[dict[str, object]]:
    text = output("ovs-vsctl", "--no-wait", "--timeout=5", "--format=json", "list", name)
    if not text:
        return []
    answer = json.loads(text)
    return [dict(zip(answer["headings"], map(plain, row))) for row in answer["data"]]


def open_vswitch() -> dict[str, object]:
    found: dict[str, object] = {}
    for row in table("Open_vSwitch"):
        for column in ("other_config", "external_ids"):
            found.update({f"OVSDB {column}:{key}": value for key, value in row[column].items()})  # type: ignore[attr-defined]
    for name, columns in OVSDB.items():
        found.update({f"OVSDB {name} {row['name']}": {column: row[column] for column in columns} for row in table(name)})
    return found


def virtual_machines() -> dict[str, str]:
    """VM -> running, by QEMU's own command line. Definitions are files below /etc/libvirt/qemu."""
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_text(errors="replace").split("\0")
        except OSError:
            continue  # it ended meanwhile
        if os.path.basename(words[0]).startswith("qemu-system"):
            found.update({f"VM {word.split('=')[1].split(',')[0]}": "running" for word in words if word.startswith("guest=")})
    return found


def hugepages() -> dict[str, str]:
    found = {}
    for pool in pathlib.Path("/sys/devices/system/node").glob("node*/hugepages/hugepages-*/nr_hugepages"):
        node, size = pool.parent.parent.parent.name[len("node") :], pool.parent.name[len("hugepages-") : -len("kB")]
        found[f"hugepages of {size} KiB on node {node}"] = pool.read_text().strip()
    return found


def main() -> None:
    print(json.dumps({**files(), **packages(), **units(), **open_vswitch(), **virtual_machines(), **hugepages()}, sort_keys=True))


if __name__ == "__main__":
    main()
