# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated machines and profiles: any host one could be asked to plan, and anything one could ask of it."""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.records import Nic, Node, SiblingGroup, Topology

GIB_KIB = 1 << 20
PAGE_SIZES = [(), (2048,), (2048, 1048576), (64, 2048, 32768, 1048576), (1024,), (2048, 524288, 16777216)]


def machine(
    cores_per_node: t.Sequence[int],
    threads: int = 1,
    memory_kib: t.Sequence[int | None] | None = None,
    node_ids: t.Sequence[int] | None = None,
    nics: t.Sequence[Nic] = (),
    page_sizes_kib: tuple[int, ...] = (2048, 1048576),
    kinds: t.Callable[[int], str | None] = lambda core: None,
    interleaved: bool = False,
    siblings_far: bool = True,
    **other: t.Any,
) -> Topology:
    """C(cores_per_node) cores on each node. C(interleaved) numbers round the nodes; C(siblings_far) gives second threads the upper half."""
    ids = list(range(len(cores_per_node))) if node_ids is None else list(node_ids)
    memory = [64 * GIB_KIB] * len(ids) if memory_kib is None else list(memory_kib)
    order = [position for position, count in enumerate(cores_per_node) for _core in range(count)]
    if interleaved:
        order = [
            position for turn in range(max(cores_per_node, default=0)) for position, count in enumerate(cores_per_node) if turn < count
        ]
    total = len(order)
    groups = []
    for core, position in enumerate(order):
        cpus = (
            tuple(core + total * thread for thread in range(threads))
            if siblings_far
            else tuple(range(core * threads, (core + 1) * threads))
        )
        groups.append(SiblingGroup(cpus, ids[position], package=position, kind=kinds(core), cores=(cpus,)))
    online = tuple(sorted(cpu for group in groups for cpu in group.cpus))
    nodes = tuple(
        Node(
            node=number,
            cpus=tuple(sorted(cpu for group in groups if group.node == number for cpu in group.cpus)),
            memory_kib=memory[position],
            distances=tuple((other_id, 10 if other_id == number else 20 + abs(other_id - number)) for other_id in ids),
        )
        for position, number in enumerate(ids)
    )
    values: dict[str, t.Any] = {
        "architecture": "x86_64",
        "vendor": "GenuineIntel",
        "kernel": "6.12.41",
        "command_line": "",
        "possible": online,
        "present": online,
        "online": online,
        "boot_cpu": online[0] if online else None,
        "boot_cpu_reason": "the lowest present CPU",
        "nodes": tuple(sorted(nodes, key=lambda node: node.node)),
        "sibling_groups": tuple(sorted(groups, key=lambda group: group.cpus)),
        "nics": tuple(nics),
        "page_sizes_kib": page_sizes_kib,
    }
    return Topology(**{**values, **other})


@st.composite
def machines(draw: st.DrawFn) -> Topology:
    count = draw(st.integers(1, 5))
    ids = sorted(draw(st.frozensets(st.sampled_from([*range(10), 33, 72]), min_size=count, max_size=count)))
    cores = [draw(st.integers(0, 5)) for _node in ids]
    if not any(cores):
        cores[0] = 1
    memory = [draw(st.sampled_from([None, 0, 300 << 10, 2 * GIB_KIB, 16 * GIB_KIB, 250 * GIB_KIB])) for _node in ids]
    with_nic = draw(st.lists(st.sampled_from([*ids, None]), max_size=3))
    hybrid = draw(st.booleans())
    return machine(
        cores,
        threads=draw(st.sampled_from([1, 2, 4, 8])),
        memory_kib=memory,
        node_ids=ids,
        nics=[Nic(f"eth{number}", f"0000:{number:02x}:00.0", node, "numa_node") for number, node in enumerate(with_nic)],
        page_sizes_kib=draw(st.sampled_from(PAGE_SIZES)),
        kinds=(lambda core: "performance" if core % 3 == 0 else "efficiency") if hybrid else (lambda core: None),
        interleaved=draw(st.booleans()),
        siblings_far=draw(st.booleans()),
        architecture=draw(st.sampled_from(["x86_64", "aarch64", "s390x", "ppc64", None])),
        kernel=draw(st.sampled_from([None, "5.10.0", "6.12.41"])),
    )


def cpu_lists() -> st.SearchStrategy[str]:
    return st.frozensets(st.integers(0, 60), min_size=1, max_size=6).map(cpu_sets.format_list)


def _few(number: int) -> st.SearchStrategy[int]:
    return st.integers(0, number)


def profiles() -> st.SearchStrategy[dict[str, t.Any]]:
    """Profiles as a user would write them: each valid by itself, many impossible on a given machine."""
    place = st.fixed_dictionaries({}, optional={"node": st.sampled_from([0, 1, 2, 3, 33])})
    port = st.fixed_dictionaries({}, optional={"mtu": st.sampled_from([68, 1499, 1500, 6000, 9000]), "n_rxq": st.integers(1, 8)})
    nics = st.lists(
        st.tuples(st.sampled_from(["pci", "devargs"]), place, port),
        max_size=3,
    ).map(
        lambda chosen: [
            {"name": f"dpdk{number}", kind: f"0000:{number:02x}:00.0" if kind == "pci" else f"net_null{number}", **where, **how}
            for number, (kind, where, how) in enumerate(chosen)
        ]
    )
    vhost = st.lists(
        st.tuples(st.integers(1, 64), place, port).map(lambda chosen: {"count": chosen[0], **chosen[1], **chosen[2]}), max_size=2
    )
    further = st.dictionaries(
        st.tuples(st.sampled_from([64, 2048, 1048576]), st.sampled_from([0, 1, 72])), st.sampled_from([0, 1, 3, 5000]), max_size=2
    ).map(lambda given: [{"size_kib": size, "node": node, "count": count} for (size, node), count in given.items()])
    hugepages = st.one_of(
        st.fixed_dictionaries(
            {},
            optional={
                "size_kib": st.sampled_from([64, 2048, 1048576]),
                "vm_mib": st.sampled_from([0, 1, 512, 5000, 1 << 20, "rest"]),
                "further": further,
            },
        ),
        st.dictionaries(st.sampled_from([0, 1, 2, 72]), st.sampled_from([1, 1024, 300000]), max_size=2).map(
            lambda given: {"vm_mib_per_node": [{"node": node, "mib": mib} for node, mib in given.items()]}
        ),
    )
    return st.fixed_dictionaries(
        {},
        optional={
            "housekeeping_cores_per_node": st.integers(1, 4),
            "pmd_cores_per_nic_node": _few(4),
            "dpdk_nics": nics,
            "vhost_ports": vhost,
            "memory_model": st.sampled_from(["shared", "per_port"]),
            "ovs_headroom_mib": st.sampled_from([0, 64, 512]),
            "hugepages": hugepages,
            "isolation": st.booleans(),
            "pin_vms": st.sampled_from(["dedicated", "shared"]),
            "reserved": st.fixed_dictionaries(
                {}, optional={"kernel_mib_per_node": st.sampled_from([0, 500, 99999]), "kubelet_mib": st.just(0)}
            ),
            "housekeeping_cpus": cpu_lists(),
            "dpdk_lcore_cpus": cpu_lists(),
            "pmd_cpus": cpu_lists(),
            "vm_cpus": cpu_lists(),
        },
    )
