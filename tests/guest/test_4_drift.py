# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changed behind our back: verify names each with plan and reality, the site mends what can be mended live."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.tests.guest.guest import GUEST, SITE, differences, everything, on
from ansible_collections.baremetal.vmsite.tests.guest.outcomes import REBOOT, note, piece, shows

PART = "6"
PF = "/sys/bus/pci/devices/0000:21:00.0"
PAGES = "190 129"
DROP_IN = "/etc/default/grub.d/zz-vmsite.cfg"


class Drift(t.NamedTuple):
    """C(found) are parts of what verify must say; C(mended) shows, by a command of the guest, what it is after the site has run."""

    case: str
    command: str
    found: tuple[str, ...]
    mended: tuple[str, str]


DRIFTS = (
    Drift(
        "sysctl",
        "sysctl --quiet --write vm.nr_hugepages=$(($(sysctl --values vm.nr_hugepages) + 64))",
        ("hugepages of 2048 KiB on node",),
        ("cat /sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages | xargs", PAGES),
    ),
    Drift(
        "GRUB by hand",
        f"sed -i s/isolcpus=managed_irq,domain,1,3/isolcpus=1/ {DROP_IN} && update-grub 2>/dev/null",
        ("isolcpus=1", "isolcpus=managed_irq,domain,1,3"),
        ("grep -o -m1 isolcpus=[^[:space:]]* /boot/grub/grub.cfg", "isolcpus=managed_irq,domain,1,3"),
    ),
    Drift(
        "ovs-vsctl",
        "ovs-vsctl set Open_vSwitch . other_config:pmd-cpu-mask=0x2",
        ("pmd-cpu-mask", "0x2", "0x8"),
        ("ovs-vsctl get Open_vSwitch . other_config:pmd-cpu-mask", '"0x8"'),
    ),
    Drift("VF count", f"echo 0 > {PF}/sriov_numvfs", ("0000:21:00.0 VFs", "0000:21:10.2 driver"), (f"cat {PF}/sriov_numvfs", "3")),
    Drift(
        "IRQ",
        "systemctl stop vmsite-irq-affinity.timer; echo f > /proc/irq/default_smp_affinity",
        ("/proc/irq/default_smp_affinity", "vmsite-irq-affinity.timer"),
        ("cat /proc/irq/default_smp_affinity", "5"),
    ),
)


@pytest.fixture(scope="module")
def said(clean: dict[str, object]) -> str:
    """What verify says of all drifts at once."""
    assert clean
    for drift in DRIFTS:
        on(drift.command)
    rc, said = GUEST.playbook("playbooks/verify.yml")
    assert rc != 0, said
    return " ".join(said.split())  # long messages are folded


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: drift.case)
def test_verify_names_it_with_plan_and_reality(drift: Drift, said: str) -> None:
    for part in drift.found:
        finding = next((one for one in re.split(r"[{}]", said) if part in one), said)
        note(PART, f"{drift.case}: {drift.command}", "ansible-playbook playbooks/verify.yml", finding, f"...{part}")


def test_the_site_mends_what_can_be_mended_live(said: str, clean: dict[str, object]) -> None:
    assert said
    rc, mended = GUEST.playbook(SITE)
    assert rc == 0, mended
    for drift in DRIFTS:
        shows(PART, f"{drift.case}, mended", *drift.mended)
    left = piece(mended, REBOOT) if REBOOT in mended else "nothing"
    note(PART, "what the site leaves to a reboot", f"ansible-playbook {SITE}", left, "nothing")
    note(PART, "the whole host after the site has run", "molecule/shared/snapshot.py", differences(clean, everything()), "as before")
