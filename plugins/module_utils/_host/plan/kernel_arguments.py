# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The kernel arguments a plan asks for, in order: each hugepages= belongs to the hugepagesz= before it.

Source: the kernel's Documentation/admin-guide/kernel-parameters.txt.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.findings import Findings
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology

NODE_SYNTAX_SINCE = (5, 16)  # hugepages=0:8,1:8; powerpc never got it (hugetlb_node_alloc_supported)

# COMMAND_LINE_SIZE, the bytes a kernel takes; the rest is cut off silently.
LONGEST_COMMAND_LINE = {"x86_64": 2048, "i686": 2048, "aarch64": 2048, "s390x": 4096, "ppc64": 2048, "riscv64": 1024}


def hugepage_arguments(
    topology: Topology, default_kib: int | None, pages: t.Mapping[int, t.Mapping[int, int]], findings: Findings
) -> list[str]:
    """C(pages) has, by size, the pages per node. C(default_kib) is the size that those get who ask for none."""
    arguments = []
    for size_kib, per_node in pages.items():
        count_of = {node: count for node, count in sorted(per_node.items()) if count}
        if not count_of:
            continue
        if size_kib == default_kib:
            arguments.append(f"default_hugepagesz={size_suffix(size_kib)}")
        count = _count_argument(topology, count_of, findings)
        if count:
            arguments += [f"hugepagesz={size_suffix(size_kib)}", count]
    return arguments


def _count_argument(topology: Topology, count_of: dict[int, int], findings: Findings) -> str | None:
    with_memory = [node.node for node in topology.nodes if node.may_have_memory]
    if with_memory == list(count_of) and len(set(count_of.values())) == 1:
        return f"hugepages={sum(count_of.values())}"  # the kernel divides equally over the nodes with memory
    if _has_node_syntax(topology):
        return "hugepages=" + ",".join(f"{node}:{count}" for node, count in count_of.items())
    findings.note(
        f"Kernel {topology.kernel} ({topology.architecture}) cannot allocate different numbers of hugepages per node at boot: "
        "no hugepages= argument; the pages have to be allocated on the running host."
    )
    return None


def isolation_arguments(isolated: tuple[int, ...], housekeeping: tuple[int, ...]) -> list[str]:
    """Keep the scheduler's balancing, managed interrupts, the tick and RCU callbacks off the isolated CPUs."""
    if not isolated:
        return []
    cpus = cpu_sets.format_list(isolated)
    return [
        f"isolcpus=managed_irq,domain,{cpus}",
        f"nohz_full={cpus}",
        f"rcu_nocbs={cpus}",
        f"irqaffinity={cpu_sets.format_list(housekeeping)}",
    ]


def iommu_arguments(topology: Topology, has_pci_nics: bool) -> list[str]:
    """vfio-pci needs the IOMMU, and devices that the kernel keeps should not pay for it. On AMD it is on by default."""
    if not has_pci_nics or topology.architecture != "x86_64":
        return []
    return ["intel_iommu=on", "iommu=pt"] if topology.vendor == "GenuineIntel" else ["iommu=pt"]


def longest(topology: Topology) -> int:
    return LONGEST_COMMAND_LINE.get(topology.architecture or "", 2048)


def size_suffix(page_kib: int) -> str:
    for unit, kib in (("G", 1 << 20), ("M", 1 << 10)):
        if page_kib % kib == 0:
            return f"{page_kib // kib}{unit}"
    return f"{page_kib}K"


def _has_node_syntax(topology: Topology) -> bool:
    """True also where the kernel's version is unknown: a host of today has it."""
    if (topology.architecture or "").startswith("ppc"):
        return False
    version = re.match(r"(\d+)\.(\d+)", topology.kernel or "")
    return version is None or (int(version[1]), int(version[2])) >= NODE_SYNTAX_SINCE
