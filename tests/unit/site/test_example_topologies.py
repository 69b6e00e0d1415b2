# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example's topologies are what the captures of real machines read as, but for what inventories/example/topologies/README.md names."""

from __future__ import annotations

import json
import pathlib

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.reader import read_topology
from ansible_collections.baremetal.vmsite.tests.unit.host.topology.captures import all_captures
from ansible_collections.baremetal.vmsite.tests.unit.site.inventory import EXAMPLE

NODE_FACTS = ("node", "cpus")


@pytest.mark.parametrize(
    ("name", "capture", "as_captured"),
    [
        ("core", "lscpu_x86_64-epyc_7451", ("cpus", "sibling_groups")),
        ("kvm", "hwloc_96em64t-4no4pa3ca2co", ("cpus", "sibling_groups", "nodes")),
        ("general", "hwloc_40intel64-2g2n4c+pcilocality", ("cpus", "sibling_groups", "nodes", "nics")),
    ],
)
def test_a_topology_is_its_capture(tmp_path: pathlib.Path, name: str, capture: str, as_captured: tuple[str, ...]) -> None:
    (found,) = [one for one in all_captures() if one.name == capture]
    read = read_topology(HostRoot(str(found.unpack(tmp_path)))).as_dict()
    kept = json.loads((EXAMPLE.parent / "topologies" / f"{name}.json").read_text(encoding="utf-8"))
    assert {key: kept[key] for key in as_captured} == {key: read[key] for key in as_captured}
    for fact in NODE_FACTS:
        assert [node[fact] for node in kept["nodes"]] == [node[fact] for node in read["nodes"]]
