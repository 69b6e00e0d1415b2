# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import Change, ChangeSet


def test_everything_a_door_returns_comes_from_one_change_set() -> None:
    changes = ChangeSet()
    assert not changes.compare("same", 1, 1, "why")
    assert changes.compare("mask", "0x1", "0x2", "the plan's PMD CPUs")
    assert changes.compare("isolcpus", "", "2-3", "the plan isolates them", needs="reboot")
    changes.restart_pending("dpdk-extra waits for a restart")
    result = changes.result()
    assert result["changed"] is True
    assert result["diff"] == {"before": {"mask": "0x1", "isolcpus": ""}, "after": {"mask": "0x2", "isolcpus": "2-3"}}
    assert [change["what"] for change in result["changes"]] == ["mask", "isolcpus"]
    assert result["reboot_reasons"] == ["isolcpus: the plan isolates them"]
    assert result["restart_reasons"] == ["dpdk-extra waits for a restart"]


def test_what_only_waits_is_no_change() -> None:
    changes = ChangeSet()
    changes.reboot_pending("written, not in force")
    assert not changes
    assert changes.result()["changed"] is False
    assert changes.result()["reboot_required"] is True


def test_an_unknown_need_is_refused() -> None:
    with pytest.raises(ValueError, match="service_restart"):
        Change("x", 1, 2, "y", needs="prayer")
