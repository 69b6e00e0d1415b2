# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Network devices, and the NUMA node each of them is attached to: only where the sources agree.

Sources: Documentation/ABI/testing/sysfs-bus-pci (numa_node, local_cpulist, sriov_*) and sysfs-class-net.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Nic, nic_order

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.evidence import Evidence
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Node

PCI_DEVICES = "/sys/bus/pci/devices"
NETWORK_CLASS = "/sys/class/net"
PCI_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")  # a domain may have 32 bits
PCI_CLASS_NETWORK = "0x02"


def read_nics(evidence: Evidence, nodes: tuple[Node, ...], online: tuple[int, ...]) -> tuple[Nic, ...]:
    names_of: dict[str, list[str]] = {}
    nics = []
    if not evidence.root.is_dir(NETWORK_CLASS):
        evidence.note_missing(NETWORK_CLASS, "network device names are unknown")
    for name in evidence.root.names(NETWORK_CLASS):
        address = _pci_of(evidence, name)
        if address:
            names_of.setdefault(address, []).append(name)
        elif name not in ("lo", "bonding_masters"):
            nics.append(_without_pci(evidence, name))
    if not evidence.root.is_dir(PCI_DEVICES):
        evidence.note_missing(PCI_DEVICES, "PCI network devices and their NUMA nodes are unknown")
    for address in evidence.root.names(PCI_DEVICES):
        device_class = evidence.text(f"{PCI_DEVICES}/{address}/class") or ""
        names = names_of.get(address) or evidence.root.names(f"{PCI_DEVICES}/{address}/net")
        if names or device_class.startswith(PCI_CLASS_NETWORK):
            nics.extend(_with_pci(evidence, address, names, nodes, online))
    return tuple(sorted(nics, key=nic_order))


def _pci_of(evidence: Evidence, name: str) -> str | None:
    """The PCI function under a netdev: the last address in the path its link leads to."""
    link = evidence.root.readlink(f"{NETWORK_CLASS}/{name}") or ""
    found = PCI_ADDRESS.findall(link)
    if not found:
        found = PCI_ADDRESS.findall(evidence.root.readlink(f"{NETWORK_CLASS}/{name}/device") or "")
    return found[-1] if found else None


def _without_pci(evidence: Evidence, name: str) -> Nic:
    """A netdev that is on no PCI bus: virtual, or on a bus of its own (virtio-mmio, USB, CCW, platform)."""
    link = evidence.root.readlink(f"{NETWORK_CLASS}/{name}") or ""
    driver = evidence.root.readlink(f"{NETWORK_CLASS}/{name}/device/driver")
    return Nic(
        name=name,
        pci=None,
        node=None,
        driver=driver.rsplit("/", 1)[-1] if driver else None,
        mac=evidence.text(f"{NETWORK_CLASS}/{name}/address") or None,
        virtual="/virtual/" in link or not evidence.root.exists(f"{NETWORK_CLASS}/{name}/device"),
    )


def _with_pci(evidence: Evidence, address: str, names: list[str], nodes: tuple[Node, ...], online: tuple[int, ...]) -> list[Nic]:
    directory = f"{PCI_DEVICES}/{address}"
    named: list[str | None] = [*names] or [None]
    node, source = locate(evidence, address, nodes, online)
    driver = evidence.root.readlink(f"{directory}/driver")
    sriov = {name: evidence.number(f"{directory}/sriov_{name}") for name in ("totalvfs", "numvfs", "offset", "stride")}
    return [
        Nic(
            name=name,
            pci=address,
            node=node,
            node_source=source,
            driver=driver.rsplit("/", 1)[-1] if driver else None,
            mac=(evidence.text(f"{NETWORK_CLASS}/{name}/address") or None) if name else None,
            sriov_totalvfs=sriov["totalvfs"],
            sriov_numvfs=sriov["numvfs"],
            sriov_offset=sriov["offset"],
            sriov_stride=sriov["stride"],
        )
        for name in named
    ]


def locate(evidence: Evidence, address: str, nodes: tuple[Node, ...], online: tuple[int, ...]) -> tuple[int | None, str | None]:
    """The node of a PCI function and the file that says so; (None, None) where nothing says it, or the sources disagree.

    numa_node is the kernel's own answer. A current kernel derives local_cpulist from it, so the two agree; where they do not, the
    firmware or the kernel is at fault and neither is believed.
    """
    directory = f"{PCI_DEVICES}/{address}"
    said = evidence.number(f"{directory}/numa_node")
    local = evidence.cpus_of(f"{directory}/local_cpulist", f"{directory}/local_cpus")
    local_online = set(local or ()) & set(online)
    touched = [node.node for node in nodes if local_online & set(node.cpus)]
    if len(nodes) == 1 and (said is None or said in (-1, nodes[0].node)):
        return nodes[0].node, "numa_node" if said == nodes[0].node else "the only node"
    if said is not None and said >= 0:
        disagreement = _disagreement(said, touched, local, nodes)
        if not disagreement:
            return said, "numa_node"
        evidence.note_conflict(directory, disagreement, "its node is left unknown")
        return None, None
    if len(touched) == 1:
        return touched[0], "local_cpulist"
    for bridge in reversed(PCI_ADDRESS.findall(evidence.root.readlink(directory) or "")[:-1]):
        above = evidence.number(f"{PCI_DEVICES}/{bridge}/numa_node")
        if above is not None and above in {node.node for node in nodes}:
            return above, f"numa_node of the bridge {bridge}"
    evidence.note_missing(
        f"{directory}/numa_node",
        f"{'says -1' if said == -1 else 'is not there'}, and the local CPUs lie on "
        f"{'nodes ' + cpu_sets.format_list(touched) if touched else 'no node'}: the device's node is unknown",
    )
    return None, None


def _disagreement(said: int, touched: list[int], local: tuple[int, ...] | None, nodes: tuple[Node, ...]) -> str | None:
    if said not in {node.node for node in nodes}:
        return f"numa_node says {said}, which is not an online node"
    if local is not None and touched and touched != [said]:
        return f"numa_node says {said}, but the local CPUs {cpu_sets.format_list(local)} lie on nodes {cpu_sets.format_list(touched)}"
    return None
