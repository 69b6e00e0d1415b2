# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What a user wants of a host: typed, checked as far as that is possible without knowing the host."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.fields import Fields

SHARED, PER_PORT = "shared", "per_port"
DEDICATED = "dedicated"
REST = "rest"
DEFAULT_MTU = 1500
DEFAULT_DESCRIPTORS = 2048
PCI_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")

Json = dict[str, t.Any]
CpuList = t.Optional[tuple[int, ...]]


@dataclasses.dataclass(frozen=True)
class DpdkNic:
    """A NIC that OVS drives through DPDK: a PCI function, or a virtual device by its C(devargs)."""

    name: str
    pci: str | None = None
    devargs: str | None = None
    node: int | None = None
    mtu: int = DEFAULT_MTU
    n_rxq: int = 1
    n_rxq_desc: int = DEFAULT_DESCRIPTORS
    n_txq_desc: int = DEFAULT_DESCRIPTORS


@dataclasses.dataclass(frozen=True)
class VhostPorts:
    """How many vhost-user ports (VM NICs) are expected; on one node, or, without C(node), on the host."""

    count: int
    node: int | None = None
    mtu: int = DEFAULT_MTU
    n_rxq: int = 1


@dataclasses.dataclass(frozen=True)
class FurtherPages:
    """Pages of a second size on one node, for whoever asks for that size by itself; VMs and OVS have theirs in C(Hugepages)."""

    size_kib: int
    node: int
    count: int


@dataclasses.dataclass(frozen=True)
class Hugepages:
    """C(vm_mib) is for the whole host: a number or C(rest). C(vm_mib_per_node) holds (node, MiB) and excludes C(vm_mib)."""

    size_kib: int | None = None
    vm_mib: int | str = 0
    vm_mib_per_node: tuple[tuple[int, int], ...] = ()
    further: tuple[FurtherPages, ...] = ()


@dataclasses.dataclass(frozen=True)
class Reserved:
    """Memory that is kept from hugepages, in MiB. None: derived by a rule from the host's memory."""

    kernel_mib_per_node: int | None = None
    daemons_mib: int | None = None
    kubelet_mib: int | None = None
    eviction_mib: int | None = None


@dataclasses.dataclass(frozen=True)
class Profile:
    """The intent for one host. The four C(_cpus) sets are overrides; what they leave open is derived."""

    housekeeping_cores_per_node: int = 1
    pmd_cores_per_nic_node: int = 1
    dpdk_nics: tuple[DpdkNic, ...] = ()
    vhost_ports: tuple[VhostPorts, ...] = ()
    memory_model: str = SHARED
    ovs_headroom_mib: int = 512
    hugepages: Hugepages = Hugepages()
    isolation: bool = True
    pin_vms: str = DEDICATED
    reserved: Reserved = Reserved()
    housekeeping_cpus: CpuList = None
    dpdk_lcore_cpus: CpuList = None
    pmd_cpus: CpuList = None
    vm_cpus: CpuList = None

    @property
    def uses_dpdk(self) -> bool:
        return bool(self.dpdk_nics or self.vhost_ports)

    @staticmethod
    def from_dict(data: Json) -> Profile:
        """Raises Failure or Failures naming every mistake at once."""
        mistakes: list[Failure] = []
        fields = Fields(data, "profile", mistakes)
        profile = Profile(
            housekeeping_cores_per_node=fields.integer("housekeeping_cores_per_node", 1, minimum=1),
            pmd_cores_per_nic_node=fields.integer("pmd_cores_per_nic_node", 1),
            dpdk_nics=tuple(sorted((_nic(entry) for entry in fields.mappings("dpdk_nics")), key=lambda nic: nic.name)),
            vhost_ports=tuple(sorted((_vhost(entry) for entry in fields.mappings("vhost_ports")), key=_vhost_order)),
            memory_model=fields.choice("memory_model", SHARED, (SHARED, PER_PORT)),
            ovs_headroom_mib=fields.integer("ovs_headroom_mib", 512),
            hugepages=_hugepages(fields.mapping("hugepages")),
            isolation=fields.boolean("isolation", True),
            pin_vms=fields.choice("pin_vms", DEDICATED, (DEDICATED, SHARED)),
            reserved=_reserved(fields.mapping("reserved")),
            housekeeping_cpus=fields.parsed("housekeeping_cpus", cpu_sets.parse_list),
            dpdk_lcore_cpus=fields.parsed("dpdk_lcore_cpus", cpu_sets.parse_list),
            pmd_cpus=fields.parsed("pmd_cpus", cpu_sets.parse_list),
            vm_cpus=fields.parsed("vm_cpus", cpu_sets.parse_list),
        )
        fields.finish()
        mistakes.extend(_repeated_nics(profile.dpdk_nics))
        raise_all(mistakes)
        return profile

    def as_dict(self) -> Json:
        """The reverse of from_dict, with every default filled in; options that are not set are left out."""
        data = dataclasses.asdict(self)
        for nic in data["dpdk_nics"]:
            if nic["devargs"]:
                nic["pci"] = None  # taken from devargs
        data["hugepages"]["vm_mib_per_node"] = [{"node": node, "mib": mib} for node, mib in self.hugepages.vm_mib_per_node]
        for key in ("housekeeping_cpus", "dpdk_lcore_cpus", "pmd_cpus", "vm_cpus"):
            data[key] = None if data[key] is None else cpu_sets.format_list(data[key])
        return t.cast(Json, _without_none(data))


def _nic(fields: Fields) -> DpdkNic:
    nic = DpdkNic(
        name=fields.text("name", required=True) or "",
        pci=(fields.text("pci") or "").lower() or None,
        devargs=fields.text("devargs"),
        node=fields.integer("node"),
        mtu=fields.integer("mtu", DEFAULT_MTU, minimum=68),
        n_rxq=fields.integer("n_rxq", 1, minimum=1),
        n_rxq_desc=fields.integer("n_rxq_desc", DEFAULT_DESCRIPTORS, minimum=1),
        n_txq_desc=fields.integer("n_txq_desc", DEFAULT_DESCRIPTORS, minimum=1),
    )
    fields.finish()
    if bool(nic.pci) == bool(nic.devargs):
        fields.mistakes.append(
            Failure(
                asked=f"the DPDK NIC {nic.name}",
                found="both pci and devargs" if nic.pci else "neither pci nor devargs",
                where=fields.where,
                remedy="give pci for a PCI function, or devargs for a virtual device",
            )
        )
    if nic.pci and not PCI_ADDRESS.fullmatch(nic.pci):
        fields.mistakes.append(
            Failure(
                asked=f"the PCI address {nic.pci}", found="not an address", where=f"{fields.where}.pci", remedy="write it like 0000:3b:00.0"
            )
        )
    for key in ("n_rxq_desc", "n_txq_desc"):
        count = getattr(nic, key)
        if count & (count - 1) or count > 4096:
            fields.mistakes.append(
                Failure(
                    asked=f"{count} descriptors",
                    found="OVS takes powers of two up to 4096",
                    where=f"{fields.where}.{key}",
                    remedy="give one of those",
                )
            )
    address = PCI_ADDRESS.match(nic.devargs or "")
    return dataclasses.replace(nic, pci=address[0]) if address else nic


def _vhost(fields: Fields) -> VhostPorts:
    ports = VhostPorts(
        count=fields.integer("count", 1, minimum=1),
        node=fields.integer("node"),
        mtu=fields.integer("mtu", DEFAULT_MTU, minimum=68),
        n_rxq=fields.integer("n_rxq", 1, minimum=1),
    )
    fields.finish()
    return ports


def _vhost_order(ports: VhostPorts) -> tuple[int, int, int, int]:
    return (-1 if ports.node is None else ports.node, ports.mtu, ports.n_rxq, ports.count)


def _hugepages(fields: Fields) -> Hugepages:
    size_kib = fields.integer("size_kib", minimum=1)
    vm_mib = fields.integer_or("vm_mib", REST, 0)
    per_node = []
    for entry in fields.mappings("vm_mib_per_node"):
        per_node.append((entry.integer("node", 0), entry.integer("mib", 0)))
        entry.finish()
    further = []
    for entry in fields.mappings("further"):
        further.append(FurtherPages(entry.integer("size_kib", 0, minimum=1), entry.integer("node", 0), entry.integer("count", 0)))
        entry.finish()
    fields.finish()
    if per_node and vm_mib:
        fields.mistakes.append(
            Failure(asked="hugepages for VMs", found="both vm_mib and vm_mib_per_node", where=fields.where, remedy="give one of them")
        )
    if len({node for node, _mib in per_node}) < len(per_node):
        fields.mistakes.append(
            Failure(asked="hugepages per node", found="a node twice", where=f"{fields.where}.vm_mib_per_node", remedy="list each node once")
        )
    if len({(pages.size_kib, pages.node) for pages in further}) < len(further):
        fields.mistakes.append(
            Failure(
                asked="further hugepages",
                found="a size and node twice",
                where=f"{fields.where}.further",
                remedy="list each size and node once",
            )
        )
    return Hugepages(size_kib, vm_mib, tuple(sorted(per_node)), tuple(sorted(further, key=lambda pages: (pages.size_kib, pages.node))))


def _reserved(fields: Fields) -> Reserved:
    reserved = Reserved(
        kernel_mib_per_node=fields.integer("kernel_mib_per_node"),
        daemons_mib=fields.integer("daemons_mib"),
        kubelet_mib=fields.integer("kubelet_mib"),
        eviction_mib=fields.integer("eviction_mib"),
    )
    fields.finish()
    return reserved


def _repeated_nics(nics: tuple[DpdkNic, ...]) -> t.Iterator[Failure]:
    for key in ("name", "pci"):
        values = [getattr(nic, key) for nic in nics if getattr(nic, key)]
        for value in sorted({value for value in values if values.count(value) > 1}):
            yield Failure(
                asked=f"DPDK NICs with {key} {value}",
                found="it is listed more than once",
                where="profile.dpdk_nics",
                remedy="list each NIC once",
            )


def _without_none(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {key: _without_none(entry) for key, entry in value.items() if entry is not None}
    return [_without_none(entry) for entry in value] if isinstance(value, (list, tuple)) else value
