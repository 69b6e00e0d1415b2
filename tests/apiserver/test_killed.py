# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed between any two writes and run again, the door finishes, and ends where an undisturbed run ends."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import typing as t

from ansible_collections.baremetal.vmsite.tests.apiserver.control_plane import ControlPlane
from ansible_collections.baremetal.vmsite.tests.apiserver.door import Json, arguments
from ansible_collections.baremetal.vmsite.tests.apiserver.manifests import definition, deployment, settings
from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import listed

Call = t.Callable[..., Json]

KILLER = [sys.executable, "-m", "ansible_collections.baremetal.vmsite.tests.apiserver.killed_after"]


def was_killed(after: int, objects: list[Json], **options: t.Any) -> bool:
    """Whether there were that many writes."""
    done = subprocess.run(
        [*KILLER, str(after)], input=arguments(objects, **options), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stdout + done.stderr
    return done.returncode != 0


def some_objects(name: str) -> list[Json]:
    """Of a namespace and a kind of their own: each kill begins from nothing."""
    kind = name.replace("-", "").capitalize()
    return [
        settings("a", name, a="1"),
        definition(f"{kind.lower()}s", kind),
        listed(kind, "x", name, "tests.invalid/v1", spec={"size": 1}),
        deployment("web", name),
        listed("Namespace", name),
    ]


def test_killed_after_each_write_the_next_run_finishes(cluster: ControlPlane, call: Call, fresh_name: str) -> None:
    kills = 0
    for after in itertools.count(1):
        objects = some_objects(f"{fresh_name}-kill{after}")
        if not was_killed(after, objects, kubeconfig=cluster.kubeconfig()):
            break
        kills += 1
        finished = call(objects)
        created = [one["action"] for one in finished["objects"]].count("create")
        assert created == len(objects) - after, f"killed after write {after}, the next run created {created}"
        assert call(objects)["changed"] is False
    assert kills == len(some_objects("x"))


def test_killed_while_deleting_the_next_run_finishes(cluster: ControlPlane, call: Call, namespace: str) -> None:
    objects = [settings(f"s{number}", namespace) for number in range(3)]
    for after in (1, 2, 3):
        call(objects)
        assert was_killed(after, objects, kubeconfig=cluster.kubeconfig(), state="absent")
        finished = call(objects, state="absent")
        assert [one["action"] for one in finished["objects"]].count("delete") == len(objects) - after
        assert call(objects, state="absent")["changed"] is False


def test_killed_between_deletion_and_making_again(cluster: ControlPlane, call: Call, namespace: str) -> None:
    old, new = ({**settings("fixed", namespace, a=value), "immutable": True} for value in ("1", "2"))
    call([old])
    assert was_killed(1, [new], kubeconfig=cluster.kubeconfig(), recreate=True)
    assert [one["action"] for one in call([new], recreate=True)["objects"]] == ["create"]
