# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import pathlib

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.database import Snapshot
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.management import lower_interfaces, management_interface
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.ports import bridges_from
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.preflight import cutting_ourselves_off
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ADDRESSES = [{"ifname": "lo", "addr_info": [{"local": "127.0.0.1"}]}, {"ifname": "mgmt0.7", "addr_info": [{"local": "10.97.0.11"}]}]


def host(place: pathlib.Path, environment: str) -> HostRoot:
    """Process 40 (us) below sudo (30), below the ssh session (20); the management address is on a VLAN of mgmt0."""
    for pid, parent, variables in ((40, 30, "HOME=/root\0"), (30, 20, "SUDO_USER=operator\0"), (20, 1, environment)):
        (place / f"proc/{pid}").mkdir(parents=True)
        (place / f"proc/{pid}/environ").write_text(variables)
        (place / f"proc/{pid}/status").write_text(f"Name:\tx\nPPid:\t{parent}\n")
    (place / "sys/class/net/mgmt0.7/lower_mgmt0").mkdir(parents=True)
    (place / "usr/bin").mkdir(parents=True)
    program = place / "usr/bin/ip"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(ADDRESSES)}'\n")
    program.chmod(0o755)
    return HostRoot(str(place))


def test_the_session_is_found_through_sudo(tmp_path: pathlib.Path) -> None:
    root = host(tmp_path, "LANG=C\0SSH_CONNECTION=10.97.0.1 50000 10.97.0.11 22\0")
    assert management_interface(root, 40) == "mgmt0.7"
    assert lower_interfaces(root, "mgmt0.7") == {"mgmt0.7", "mgmt0"}


def test_a_console_has_no_interface(tmp_path: pathlib.Path) -> None:
    assert management_interface(host(tmp_path, "LANG=C\0"), 40) is None


def test_the_interface_below_the_connection_is_not_given_to_a_bridge(tmp_path: pathlib.Path) -> None:
    root = host(tmp_path, "SSH_CONNECTION=10.97.0.1 50000 10.97.0.11 22\0")
    ports = [{"name": "p", "kind": "dpdk", "devargs": "net_af_packet0,iface=mgmt0"}, {"name": "data0", "kind": "system"}]
    bridges = bridges_from([{"name": "br0", "ports": ports}])
    found = [failure.found for failure in cutting_ourselves_off(root, Snapshot(), bridges, restarting=False, pid=40)]
    assert found == ["this connection comes in over mgmt0"]
