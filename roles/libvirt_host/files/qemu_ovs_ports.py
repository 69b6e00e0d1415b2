# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""libvirt hook: an Open vSwitch port for each vhost-user NIC, there before QEMU starts and gone after it ends.

With a vhost-user NIC, QEMU opens a socket and waits for the switch before it does anything else, for ever if no port was made. So libvirt runs
this on every host on which the VM is about to run: at its start, as the target of a migration, at a restore. The ports are named in the
domain's own metadata, so they follow the VM whoever moves it:

    <vmsite:ports xmlns:vmsite="https://vmsite.internal/libvirt/1">
      <vmsite:port name="vhost-ledger1-0" bridge="br-data" socket="/var/lib/vhost_sockets/ledger1-0.sock" mac="52:54:00:00:00:01" vlan="100"/>
    </vmsite:ports>

libvirt passes the VM's name, the operation and its phase as arguments, the domain XML on standard input, and refuses to start the VM when this
exits with an error: a migration then fails and the VM runs on at its source. A hook must never call libvirt, which waits for it.
"""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

NAMESPACE = "{https://vmsite.internal/libvirt/1}"
# (operation, phase) before QEMU starts. "reconnect": libvirtd was restarted while the VM runs; a lost port is made again.
BEFORE = (("prepare", "begin"), ("reconnect", "begin"))
AFTER = (("release", "end"),)
# libvirt waits for us, and a switch that does not answer must not make it wait long.
TIMEOUT_SECONDS = 10
OWNER = "external_ids:vmsite-owner=libvirt-hook"


class Refused(Exception):
    """Why the VM cannot start here."""


def ports(domain_xml: str) -> list[dict[str, str]]:
    """The ports that the domain names, each with name, bridge, socket and mac, maybe vlan."""
    if NAMESPACE.strip("{}") not in domain_xml:  # a VM that is none of ours
        return []
    return [dict(port.attrib) for port in ET.fromstring(domain_xml).findall(f"metadata/{NAMESPACE}ports/{NAMESPACE}port")]


def add_commands(vm: str, wanted: list[dict[str, str]]) -> list[str]:
    """One transaction that makes all ports, or sets those that are there."""
    commands: list[str] = []
    for port in wanted:
        name = port["name"]
        commands += ["--", "--may-exist", "add-port", port["bridge"], name]
        commands += ["--", "set", "Port", name, f"tag={port['vlan']}"] if "vlan" in port else ["--", "clear", "Port", name, "tag"]
        commands += ["--", "set", "Interface", name, "type=dpdkvhostuserclient", f"options:vhost-server-path={port['socket']}"]
        commands += [OWNER, f"external_ids:vmsite-vm={vm}", f'external_ids:attached-mac="{port["mac"]}"']
    return commands


def remove_commands(gone: list[dict[str, str]]) -> list[str]:
    return [word for port in gone for word in ("--", "--if-exists", "del-port", port["name"])]


def vsctl(arguments: list[str]) -> str:
    command = ["ovs-vsctl", f"--timeout={TIMEOUT_SECONDS}", *arguments]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS + 2, check=False)
    except FileNotFoundError:
        raise Refused("there is no ovs-vsctl: Open vSwitch is not installed") from None
    except subprocess.TimeoutExpired:
        raise Refused(f"Open vSwitch did not answer within {TIMEOUT_SECONDS} s") from None
    if ended.returncode == -14 or "Alarm clock" in ended.stderr:  # how ovs-vsctl ends when its --timeout is over
        raise Refused(f"ovs-vswitchd did not answer within {TIMEOUT_SECONDS} s")
    if ended.returncode != 0:
        raise Refused(" ".join(ended.stderr.split()) or f"ovs-vsctl ended with {ended.returncode}")
    return ended.stdout


def attach(vm: str, wanted: list[dict[str, str]]) -> None:
    """ovs-vsctl reports success for a port that the switch then cannot make; the Interface row tells."""
    vsctl(add_commands(vm, wanted))
    errors = []
    for port in wanted:
        error = vsctl(["--if-exists", "get", "Interface", port["name"], "error"]).strip()
        if error not in ("", "[]"):
            errors.append(f"port {port['name']}: {error}")
    if errors:
        vsctl(remove_commands(wanted))
        raise Refused("; ".join(errors))


def main(arguments: list[str], domain_xml: str) -> int:
    vm, operation, phase = [*arguments, "", "", ""][:3]
    try:
        if (operation, phase) in BEFORE:
            wanted = ports(domain_xml)
            if wanted:
                attach(vm, wanted)
        elif (operation, phase) in AFTER:
            gone = ports(domain_xml)
            if gone:
                vsctl(remove_commands(gone))
    except (Refused, KeyError, ET.ParseError) as error:
        reason = f"the domain names a port without {error}" if isinstance(error, KeyError) else str(error)
        print(f"vmsite: no Open vSwitch port for VM {vm} on this host: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin.read()))
