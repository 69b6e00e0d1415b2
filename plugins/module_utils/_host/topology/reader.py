# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Reads one host, live or captured, into a Topology. Reads only; runs no program."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.cores import read_boot_cpu, read_cpu_sets, read_sibling_groups
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.evidence import Evidence
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.network_devices import read_nics
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.nodes import read_nodes, read_page_sizes
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.processor import read_processor
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Topology

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot


def read_topology(root: HostRoot) -> Topology:
    evidence = Evidence(root)
    processor = read_processor(evidence)
    sets = read_cpu_sets(evidence, processor)
    boot_cpu, boot_cpu_reason = read_boot_cpu(sets)
    nodes = read_nodes(evidence, sets.online)
    node_of = {cpu: node.node for node in nodes for cpu in node.cpus}
    return Topology(
        architecture=processor.architecture,
        vendor=processor.vendor,
        kernel=_text_or_missing(evidence, "/proc/sys/kernel/osrelease", "the kernel's version is unknown"),
        command_line=_text_or_missing(evidence, "/proc/cmdline", "the running kernel arguments are unknown"),
        possible=sets.possible,
        present=sets.present,
        online=sets.online,
        boot_cpu=boot_cpu,
        boot_cpu_reason=boot_cpu_reason,
        nodes=nodes,
        sibling_groups=read_sibling_groups(evidence, processor, sets.online, node_of),
        nics=read_nics(evidence, nodes, sets.online),
        page_sizes_kib=read_page_sizes(evidence, processor, nodes),
        missing=tuple(evidence.missing),
        conflicts=tuple(evidence.conflicts),
    )


def _text_or_missing(evidence: Evidence, path: str, consequence: str) -> str | None:
    text = evidence.text(path)
    if text is None:
        evidence.note_missing(path, consequence)
    return text
