# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One control plane for all tests of this directory. Each test works in namespaces and kinds of its own."""

from __future__ import annotations

import functools
import itertools
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.apiserver import door
from ansible_collections.baremetal.vmsite.tests.apiserver.control_plane import ControlPlane
from ansible_collections.baremetal.vmsite.tests.apiserver.programs import program
from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import listed

COUNTER = itertools.count(1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[ControlPlane]:
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"), program)
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def call(cluster: ControlPlane) -> t.Callable[..., door.Json]:
    """The door, as the admin."""
    return functools.partial(door.call, kubeconfig=cluster.kubeconfig())


@pytest.fixture
def fresh_name() -> str:
    """A name that no other test uses."""
    return f"test-{next(COUNTER)}"


@pytest.fixture
def namespace(cluster: ControlPlane, fresh_name: str) -> str:
    """A namespace that is there. It stays: without controllers none goes away."""
    cluster.send("POST", "/api/v1/namespaces", listed("Namespace", fresh_name))
    return fresh_name
