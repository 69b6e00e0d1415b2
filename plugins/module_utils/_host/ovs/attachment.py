# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Listed ports that the database has and the process does not: their device was not there when ovs-vswitchd looked for it.

The process looks again only when it goes through its configuration, which it does when the database changes (Open vSwitch: vswitchd/bridge.c,
bridge_run and bridge_add_ports). To write what is there already changes nothing; to take the error away does.

DPDK takes functions from vfio only if vfio was there when DPDK was initialised (DPDK: lib/eal/linux/eal_vfio.c, rte_vfio_enable), and from then on
holds vfio's container open.
"""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import Change, ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.pci import functions

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.daemon import Daemon
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.database import Snapshot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.layout import Commands
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs.ports import Bridge, Port
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

VFIO_CONTAINER = "/dev/vfio/vfio"

# Kernel drivers whose functions DPDK drives without vfio (DPDK: doc/guides/linux_gsg/linux_drivers.rst).
_WITHOUT_VFIO = ("mlx4_core", "mlx5_core", "mana", "uio_pci_generic", "igb_uio")


def not_attached(snapshot: Snapshot, bridges: t.Sequence[Bridge]) -> list[tuple[Port, str]]:
    """The listed ports whose interface has an error, as they are on the bridge that lists them; with the error."""
    found = []
    for bridge in bridges:
        for port in bridge.ports:
            row = snapshot.ports.get(port.name)
            if row is not None and row.bridge == bridge.name and len(row.interfaces) == 1 and row.interfaces[0].error:
                found.append((port, row.interfaces[0].error))
    return found


def restart_reasons(root: HostRoot, daemon: Daemon, ports: t.Iterable[tuple[Port, str]]) -> list[str]:
    """Why this process cannot attach some of them however often it is asked."""
    waiting = [port.name for port, _error in ports if port.pci_address and _comes_from_vfio(root, port.pci_address)]
    if not waiting or any(root.readlink(path) == VFIO_CONTAINER for path in root.glob(f"/proc/{daemon.pid}/fd/*")):
        return []
    return [f"port {name}: DPDK takes its device from vfio, which was not there when DPDK was initialised" for name in waiting]


def attach_again(ports: t.Iterable[tuple[Port, str]], changes: ChangeSet) -> Commands:
    """A process that fails again writes the error again."""
    commands: Commands = []
    for port, error in ports:
        changes.add(Change(f"port {port.name} device", error, "attached", "ovs-vswitchd looks for it again only when it is asked"))
        commands.append(["clear", "Interface", port.name, "error"])
    return commands


def _comes_from_vfio(root: HostRoot, address: str) -> bool:
    """By its driver, or by that of its physical function while it is not made yet."""
    present = address if functions.exists(root, address) else functions.maker_of(root, address)
    return present is not None and functions.driver_of(root, present) not in _WITHOUT_VFIO
