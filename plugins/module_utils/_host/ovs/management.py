# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Over which interface the person or controller that runs us is connected, and whether that interface depends on Open vSwitch."""

from __future__ import annotations

import json
import os
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot


def management_interface(root: HostRoot, pid: int | None = None) -> str | None:
    """The interface that carries this ssh session; None if there is no such session (console, local connection).

    sshd puts SSH_CONNECTION ("client port server port") into a session's environment, and sudo takes it out: so our ancestors are asked.
    """
    address = _server_address(root, pid or os.getpid())
    if address is None or not root.has_program("ip"):
        return None
    for link in json.loads(root.run(["ip", "-json", "address", "show"], changes=False).out or "[]"):
        if any(entry.get("local") == address for entry in link.get("addr_info", ())):
            return str(link["ifname"])
    return None


def lower_interfaces(root: HostRoot, name: str) -> set[str]:
    """An interface and everything it is stacked on (VLAN, bond, macvlan), as sysfs links it."""
    found: set[str] = set()
    todo = [name]
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += [entry[len("lower_") :] for entry in root.names(f"/sys/class/net/{current}") if entry.startswith("lower_")]
    return found


def _server_address(root: HostRoot, pid: int) -> str | None:
    while pid > 1:
        try:
            environment = root.read(f"/proc/{pid}/environ")
            status = root.read(f"/proc/{pid}/status")
        except OSError:
            return None
        for variable in environment.split("\0"):
            if variable.startswith("SSH_CONNECTION="):
                parts = variable.partition("=")[2].split()
                return parts[2].partition("%")[0] if len(parts) == 4 else None
        pid = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid:")), 0)
    return None
