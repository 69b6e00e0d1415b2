# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of as many fresh, equal compute hosts as a benchmark wants, and its inventory."""

from __future__ import annotations

import shutil
import typing as t
from pathlib import Path

import yaml

from ansible_collections.baremetal.vmsite.tests.make import CHECKOUT, make

LAB = CHECKOUT / "inventories" / "lab"


def fresh(compute_hosts: int) -> None:
    """Both ways start from the same: hosts on which nothing has been done yet."""
    make("lab-down")
    make("lab-up", VMSITE_LAB_COMPUTE_HOSTS=str(max(compute_hosts, 2)))


def write_inventory(directory: Path, compute_hosts: int) -> Path:
    """The lab's inventory with hosts compute1 to computeN, all with the profile of compute1, no prober and no VMs.

    The machine has no hugepages for eight pools of packet buffers that all ports of a host share: each port has its own here. The other
    settings of the data plane are those of the pinned baseline (baseline/figures.yml) too, which is not about interruptions.
    """
    shutil.copytree(LAB / "group_vars", directory / "group_vars")
    network_file = directory / "group_vars" / "all" / "network.yml"
    network = yaml.safe_load(network_file.read_text())
    # The prober has number 3.
    numbers = {f"compute{number}": number if number < 3 else number + 1 for number in range(1, compute_hosts + 1)}
    network["vmsite_network"]["host_numbers"] = numbers
    network["vmsite_network"]["vm_numbers"] = {}
    network_file.write_text(yaml.safe_dump(network))

    roles_file = directory / "group_vars" / "kvm_hosts" / "roles.yml"
    roles = yaml.safe_load(roles_file.read_text())
    roles["ovs_dpdk_other_config"]["pmd-sleep-max"] = 50
    del roles["ovs_dpdk_other_config"]["max-idle"]
    roles_file.write_text(yaml.safe_dump(roles))

    hosts: dict[str, t.Any] = yaml.safe_load((LAB / "hosts.yml").read_text())
    hosts["all"]["children"] = {"kvm_hosts": {"hosts": {name: {"ansible_host": f"10.97.0.{10 + n}"} for name, n in numbers.items()}}}
    (directory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (directory / "host_vars").mkdir()
    profile = yaml.safe_load((LAB / "host_vars" / "compute1.yml").read_text())
    profile["vmsite_host_profile"].update(memory_model="per_port", ovs_headroom_mib=0)
    for name in numbers:
        (directory / "host_vars" / f"{name}.yml").write_text(yaml.safe_dump(profile))
    return directory
