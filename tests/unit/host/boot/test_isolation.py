# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.concern import KernelArguments
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.isolation import Isolation
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
from ansible_collections.baremetal.vmsite.tests.fakes.boot_loaders import put
from ansible_collections.baremetal.vmsite.tests.unit.host.as_the_door_does import carry_out
from ansible_collections.baremetal.vmsite.tests.unit.host.boot.boot_hosts import (
    FOREIGN,
    ISOLATION,
    WANTED,
    grub_host,
    next_boot,
    running,
)
from ansible_collections.baremetal.vmsite.tests.unit.host.kill_at_every_boundary import tree

CPUS = "sys/devices/system/cpu"
ALL = ("2-7", "2-7", "2-7", "2-7", "0-1")
NONE = ("", "", "", "", "")


def booted(place: pathlib.Path, line: list[str], isolated: str, nohz_full: str | None, offloaded: str) -> None:
    """What a kernel shows that was started so: drivers/base/cpu.c, and kernel threads of kernel/rcu/tree_nocb.h. None: it is built without."""
    running(place, line)
    put(place, f"{CPUS}/isolated", f"{isolated}\n")
    if nohz_full is not None:
        put(place, f"{CPUS}/nohz_full", f"{nohz_full}\n")
    put(place, "proc/2/comm", "kthreadd\n")
    for cpu in cpu_sets.parse_list(offloaded):
        put(place, f"proc/{100 + cpu}/comm", f"rcuop/{cpu}\n")
    put(place, "proc/90/comm", "rcuog/0\n")


def column(door: Isolation, name: str) -> tuple[str | None, ...]:
    return tuple(entry[name] for entry in door.facts()["settings"])


def test_from_nothing_over_the_next_boot_to_in_force(tmp_path: pathlib.Path) -> None:
    root = grub_host(tmp_path)
    booted(tmp_path, FOREIGN, "", "(null)", "")
    door = Isolation(root, WANTED)
    assert [column(door, name) for name in ("wanted", "next_boot", "running")] == [ALL, NONE, NONE]
    assert all("kernel_args has to set it first" in reason for reason in door.facts()["reboot_reasons"])
    carry_out(KernelArguments(root, WANTED))
    assert [column(door, name) for name in ("wanted", "next_boot", "running")] == [ALL, ALL, NONE]
    assert all(reason.endswith("the next boot has it") for reason in door.facts()["reboot_reasons"])
    booted(tmp_path, next_boot(root), "2-7", "2-7", "2-7")
    assert column(door, "in_force") == ("2-7", None, "2-7", None, None)
    assert (door.facts()["isolated"], door.facts()["reboot_required"], door.facts()["reboot_reasons"]) == (True, False, [])
    door.verify()


def test_it_writes_nothing(tmp_path: pathlib.Path) -> None:
    root = grub_host(tmp_path)
    booted(tmp_path, FOREIGN, "", "", "")
    before = tree(root.path)
    Isolation(root, WANTED).facts()
    assert tree(root.path) == before
    assert root.write_boundaries == 0


def test_each_setting_that_is_not_in_force_is_named(tmp_path: pathlib.Path) -> None:
    root = grub_host(tmp_path)
    line = ["isolcpus=2-3", "nohz_full=2-7", "rcu_nocbs=2,3,4-7", "irqaffinity=0-1"]
    booted(tmp_path, line, "2-3", "2-7", "2-7")
    assert column(Isolation(root, WANTED), "running") == ("2-3", "", "2-7", "2-7", "0-1"), "without a flag it means domain"
    changes = {change.what: (change.current, change.wanted) for change in Isolation(root, WANTED).plan()}
    assert changes == {
        "CPUs isolated from the scheduler (isolcpus)": ("2-3", "2-7"),
        "CPUs without managed interrupts (isolcpus)": ("", "2-7"),
    }


def test_isolation_that_is_no_longer_wanted_needs_a_reboot_too(tmp_path: pathlib.Path) -> None:
    root = grub_host(tmp_path)
    booted(tmp_path, ISOLATION, "2-7", "2-7", "2-7")
    result = Isolation(root, ["iommu=pt"]).facts()
    assert len(result["reboot_reasons"]) == len(ALL)
    assert not result["isolated"]


@pytest.mark.parametrize(
    ("isolated", "nohz_full", "offloaded", "config"),
    [("", "2-7", "2-7", "CONFIG_CPU_ISOLATION"), ("2-7", None, "2-7", "CONFIG_NO_HZ_FULL"), ("2-7", "2-7", "", "CONFIG_RCU_NOCB_CPU")],
)
def test_a_kernel_that_ignores_its_argument_is_an_error(
    isolated: str, nohz_full: str | None, offloaded: str, config: str, tmp_path: pathlib.Path
) -> None:
    root = grub_host(tmp_path)
    booted(tmp_path, ISOLATION, isolated, nohz_full, offloaded)
    with pytest.raises(Failure, match="has none in force") as caught:
        Isolation(root, WANTED).verify()
    assert config in caught.value.remedy


def test_a_container_sees_no_boot_loader_and_no_kernel_threads(tmp_path: pathlib.Path) -> None:
    running(tmp_path, ISOLATION)
    put(tmp_path, f"{CPUS}/isolated", "2-7\n")
    put(tmp_path, f"{CPUS}/nohz_full", "2-7\n")
    put(tmp_path, "proc/2/comm", "bash\n")
    door = Isolation(HostRoot(str(tmp_path)), WANTED)
    assert column(door, "next_boot") == (None,) * len(ALL)
    assert column(door, "in_force") == ("2-7", None, "2-7", None, None)
    assert door.facts()["isolated"]
    with pytest.raises(Failure, match="no entries"):
        Isolation(HostRoot(str(tmp_path)), WANTED, "grub").facts()


def test_callbacks_that_nohz_full_alone_offloads_are_no_difference(tmp_path: pathlib.Path) -> None:
    root = grub_host(tmp_path)
    booted(tmp_path, ["nohz_full=2-7"], "", "2-7", "2-7")
    assert Isolation(root, ["nohz_full=2-7"]).facts()["isolated"]


def test_a_kernel_may_have_threads_for_cpus_that_it_does_not_offload(tmp_path: pathlib.Path) -> None:
    """Since it can switch offloading on later: Linux 6.12 has one per CPU."""
    root = grub_host(tmp_path)
    booted(tmp_path, ISOLATION, "2-7", "2-7", "0-7")
    assert Isolation(root, WANTED).facts()["isolated"]
    Isolation(root, WANTED).verify()


def test_words_that_only_the_kernel_resolves_are_shown_as_they_are(tmp_path: pathlib.Path) -> None:
    root = grub_host(tmp_path)
    booted(tmp_path, ["nohz_full=2-N", "rcu_nocbs=all"], "", "2-7", "0-7")
    assert column(Isolation(root, WANTED), "running") == ("", "", "2-N", "all", "")


def test_a_wanted_list_that_is_none_is_refused(tmp_path: pathlib.Path) -> None:
    root = grub_host(tmp_path)
    with pytest.raises(Failure, match="not-cpus"):
        Isolation(root, ["nohz_full=not-cpus"]).plan()


def test_the_last_of_several_counts_and_flags_are_told_apart(tmp_path: pathlib.Path) -> None:
    root = grub_host(tmp_path)
    booted(tmp_path, ["isolcpus=1", "isolcpus=nohz,domain,2-7", "irqaffinity=0-1"], "2-7", "", "")
    assert column(Isolation(root, WANTED), "running") == ("2-7", "", "", "", "0-1")
