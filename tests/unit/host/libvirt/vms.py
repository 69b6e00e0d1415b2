# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs to test with: hand-made ones, and any that could be asked for."""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.placement import Pinning
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.libvirt.vm_record import Disk, Nic, Vm, default_mac, default_uuid


def vm(name: str = "ledger1", **more: t.Any) -> Vm:
    nics = (Nic("vhost_user", default_mac(name, 0), "br-data", port=f"vhost-{name}-0", socket=f"/var/lib/vhost_sockets/{name}-0.sock"),)
    values: dict[str, t.Any] = {
        "name": name,
        "uuid": default_uuid(name),
        "memory_mib": 128,
        "vcpus": 1,
        "emulation": "qemu",
        "cpu_model": "Nehalem",
        "hugepages_kib": 2048,
        "kernel": "/srv/guest/vmlinuz",
        "nics": nics,
        "pinning": Pinning(((1,),), (0,), 0),
    }
    return Vm(**{**values, **more})


@st.composite
def any_vm(draw: st.DrawFn) -> Vm:
    name = draw(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True))
    vcpus = draw(st.integers(1, 8))
    cpu_sets = st.lists(st.integers(0, 511), min_size=1, max_size=4, unique=True).map(lambda cpus: tuple(sorted(cpus)))
    kinds = draw(st.lists(st.sampled_from(["vhost_user", "ovs", "bridge", "vf"]), max_size=4))
    vlans = st.none() | st.integers(1, 4094)
    nics = tuple(
        Nic(
            kind,
            default_mac(name, index),
            None if kind == "vf" else "br-data",
            draw(vlans),
            1 if kind == "vf" else draw(st.integers(1, 4)),
            f"vhost-{name}-{index}" if kind == "vhost_user" else None,
            f"/run/{name}-{index}.sock" if kind == "vhost_user" else None,
            "0000:3b:02.1" if kind == "vf" else None,
        )
        for index, kind in enumerate(kinds)
    )
    disks = tuple(
        Disk(f"/images/{name}-{index}.img", f"vd{chr(97 + index)}", draw(st.sampled_from(["qcow2", "raw"])))
        for index in range(draw(st.integers(0, 3)))
    )
    pinned = draw(st.booleans())
    return Vm(
        name=name,
        uuid=default_uuid(name),
        memory_mib=draw(st.integers(1, 1 << 20)),
        vcpus=vcpus,
        emulation=draw(st.sampled_from(["kvm", "qemu"])),
        machine=draw(st.sampled_from(["q35", "pc-q35-7.2"])),
        cpu_model=draw(st.sampled_from([None, "host-model", "host-passthrough", "maximum", "Nehalem"])),
        hugepages_kib=draw(st.sampled_from([None, 2048, 1048576])),
        kernel=draw(st.sampled_from([None, "/srv/guest/vmlinuz"])),
        cmdline=draw(st.none() | st.text("abc =<>&\"'", min_size=1, max_size=10).map(str.strip).filter(bool)),
        disks=disks,
        nics=nics,
        console_log=draw(st.sampled_from([None, "/var/log/console.log"])),
        autostart=draw(st.booleans()),
        pinning=Pinning(
            tuple(draw(cpu_sets) for _vcpu in range(vcpus)) if pinned else (),
            draw(cpu_sets) if pinned else (),
            draw(st.none() | st.integers(0, 7)),
        ),
    )
