# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip script that ansible-test runs in the environments it makes: it takes pip from the standard library."""

from __future__ import annotations

import subprocess
import sys

# Options that only the real script knows.
WITHOUT = {"--no-setuptools", "--no-wheel"}


def main() -> None:
    subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
    subprocess.check_call([sys.executable, "-m", "pip", "install", *(argument for argument in sys.argv[1:] if argument not in WITHOUT)])


if __name__ == "__main__":
    main()
