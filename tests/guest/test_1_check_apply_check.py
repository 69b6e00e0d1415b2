# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site on a host that has nothing yet: check mode predicts exactly, and the second check predicts nothing."""

from __future__ import annotations

import pathlib

from ansible_collections.baremetal.vmsite.tests.guest.guest import judge, site


def test_check_mode_changes_nothing(kept: pathlib.Path) -> None:
    judge("remember", kept)
    site(kept, "--check")
    print(judge("after_check", kept))


def test_every_change_was_predicted_and_said(kept: pathlib.Path) -> None:
    site(kept)
    print(judge("after_converge", kept))


def test_the_second_check_predicts_nothing(kept: pathlib.Path) -> None:
    site(kept, "--check")
    print(judge("after_second_check", kept))
