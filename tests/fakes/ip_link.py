# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for ip-link(8), ip-address(8), ip-route(8) and nsenter(1) beside C(pci_kernel). It imports nothing of the collection.

What it copies:
- iproute2, ip/ipaddress.c print_vfinfo: vfinfo_list with vf, address, vlan_list (without vlan and qos where they are 0), rate, spoofchk, trust.
- igb (drivers/net/ethernet/intel/igb/igb_main.c): igb_ndo_set_vf_bw answers EINVAL while the port has no link and with a minimum other than 0;
  a VF starts with spoof check on, no trust, no VLAN, no rate. net/core/rtnetlink.c: no such VF is EINVAL; no set operation is EOPNOTSUPP.
- A port that is set up gets a link, unless there is a file fake/no-link.
- "ip -details" names the PCI function of a netdev as parentbus and parentdev (IFLA_PARENT_DEV_NAME).
"""

from __future__ import annotations

import json
import pathlib
import sys

PROGRAM = """\
#!{python} -SE
import json, os, pathlib, sys
ROOT = pathlib.Path(os.environ["VMSITE_ROOT"])
NET = ROOT / "sys/class/net"
name, args = pathlib.Path(sys.argv[0]).name, [word for word in sys.argv[1:] if word not in ("-json", "-details")]
FRESH = {{"mac": "00:00:00:00:00:00", "vlan": 0, "qos": 0, "spoofchk": True, "trust": False, "max_tx": 0, "min_tx": 0}}


def answer(error):
    print("RTNETLINK answers: " + error, file=sys.stderr)
    sys.exit(2)


def stored(path, default):
    path = ROOT / "fake" / path
    return json.loads(path.read_text()) if path.exists() else default


def device(netdev):
    return (NET / netdev).resolve().parent.parent


def vf_file(netdev, index):
    return "%s-vf%d.json" % (device(netdev).name, index)


def numvfs(netdev):
    return int((device(netdev) / "sriov_numvfs").read_text())


def describe(netdev, index):
    vf = stored(vf_file(netdev, index), FRESH)
    vlan = {{key: vf[key] for key in ("vlan", "qos") if vf[key]}}
    rate = {{"max_tx": vf["max_tx"], "min_tx": vf["min_tx"]}}
    return {{"vf": index, "address": vf["mac"], "vlan_list": [vlan], "rate": rate, "spoofchk": vf["spoofchk"], "trust": vf["trust"]}}


def show(netdev):
    if not (NET / netdev).exists():
        print('Device "%s" does not exist.' % netdev, file=sys.stderr)
        sys.exit(1)
    return [{{"ifname": netdev, "vfinfo_list": [describe(netdev, index) for index in range(numvfs(netdev))]}}]


def set_link(netdev, words):
    if words in (["up"], ["down"]):
        flags = NET / netdev / "flags"
        flags.write_text("%#x\\n" % (int(flags.read_text(), 16) & ~1 | (words == ["up"])))
        (NET / netdev / "carrier").write_text("%d\\n" % (words == ["up"] and not (ROOT / "fake/no-link").exists()))
        return
    index, pairs = int(words[1]), dict(zip(words[2::2], words[3::2]))
    if index >= numvfs(netdev) or stored("refused.json", None) in pairs:
        answer("Invalid argument")
    if stored("unsupported.json", None) in pairs:
        answer("Operation not supported")
    vf = stored(vf_file(netdev, index), dict(FRESH))
    for key, value in pairs.items():
        if key in ("spoofchk", "trust"):
            vf[key] = value == "on"
        elif key in ("max_tx_rate", "min_tx_rate"):
            if (NET / netdev / "carrier").read_text().strip() != "1" or (key == "min_tx_rate" and value != "0"):
                answer("Invalid argument")
            vf[key[:-5]] = int(value)
        else:
            vf[key] = value if key == "mac" else int(value)
    (ROOT / "fake").mkdir(exist_ok=True)
    (ROOT / "fake" / vf_file(netdev, index)).write_text(json.dumps(vf))


if name == "nsenter":
    namespace = os.readlink(ROOT / args[0].partition("=")[2].lstrip("/"))
    print(json.dumps(stored("namespaces.json", {{}}).get(namespace, [])))
elif args[:1] == ["-netns"]:
    print(json.dumps(stored("namespaces.json", {{}}).get(args[1], [])))
elif args[:2] == ["address", "show"]:
    print(json.dumps(stored("addresses.json", [])))
elif args[:2] == ["route", "get"]:
    print(json.dumps(stored("routes.json", [])))
elif args[:3] == ["link", "show", "dev"]:
    print(json.dumps(show(args[3])))
elif args[:3] == ["link", "set", "dev"]:
    set_link(args[3], args[4:])
else:
    sys.exit("the stand-in knows no ip " + " ".join(args))
"""


def install_ip(root: pathlib.Path) -> None:
    programs = root / "usr/sbin"
    programs.mkdir(parents=True, exist_ok=True)
    for name in ("ip", "nsenter"):
        (programs / name).write_text(PROGRAM.format(python=sys.executable))
        (programs / name).chmod(0o755)


def store(root: pathlib.Path, name: str, value: object) -> None:
    """What the programs answer: addresses, routes, namespaces (as ip -json prints them); refused, unsupported (a word of C(vf N ...))."""
    (root / "fake").mkdir(exist_ok=True)
    (root / "fake" / f"{name}.json").write_text(json.dumps(value))
