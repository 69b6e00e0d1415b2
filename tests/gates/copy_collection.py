# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy the checkout without what git ignores: copy_collection.py DIRECTORY. What was there before is gone."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

UNPACKED_ARCHIVE_LEFTOVERS = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", ".ansible", "baremetal-vmsite-*.tar.gz")


def main() -> None:
    target = pathlib.Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], capture_output=True, text=True, check=False
    )
    if listing.returncode != 0:
        print("copy_collection.py: this is no git checkout (an unpacked archive?), so everything but caches is copied", file=sys.stderr)
        shutil.copytree(".", target, ignore=UNPACKED_ARCHIVE_LEFTOVERS, symlinks=True)
        return
    for name in filter(None, listing.stdout.split("\0")):
        source = pathlib.Path(name)
        if not source.exists():  # deleted, but git still lists it
            continue
        (target / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / source, follow_symlinks=False)


if __name__ == "__main__":
    main()
