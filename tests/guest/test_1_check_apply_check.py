# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site on a host that has nothing yet: check mode predicts exactly. The second check, which predicts nothing, is how maintenance begins."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.baremetal.vmsite.tests.guest.guest import converge, judge, on


@pytest.fixture(scope="module", autouse=True)
def _interrupts_stay_where_they_are() -> None:
    """Until the role has told it otherwise, irqbalance moves interrupts between a prediction and its apply. The next boot starts it again."""
    on("systemctl stop irqbalance.service")


def test_check_mode_changes_nothing(kept: pathlib.Path) -> None:
    judge("remember", kept)
    converge(kept, "--check")
    print(judge("after_check", kept))


def test_every_change_was_predicted_and_said(kept: pathlib.Path) -> None:
    converge(kept)
    print(judge("after_converge", kept))
