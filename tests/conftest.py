# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every test: hypothesis keeps no state in the checkout and gives the same examples on every machine."""

from __future__ import annotations

import os

import hypothesis

hypothesis.settings.register_profile("same everywhere", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same everywhere"))
