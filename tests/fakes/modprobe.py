# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for modprobe(8) beside C(pci_kernel). It imports nothing of the collection.

What it copies: --resolve-alias names the modules for a modalias and loads nothing; --dry-run succeeds for a module that could be loaded;
a module that there is not is an error; a driver's name and its module's differ in - and _ only (kmod, libkmod: names are normalized).
A driver that is loaded has its directories in /sys/bus/pci/drivers and /sys/module.
"""

from __future__ import annotations

import pathlib

PROGRAM = """\
#!/bin/sh
for name; do :; done
known() { grep -qx -- "$name" "$VMSITE_ROOT/fake/modules"; }
case "$*" in
    "--resolve-alias pci:"*) name=${name#pci:}; known && echo "$name" | tr - _ ;;
    "--dry-run "*) known ;;
    *)
        known || { echo "modprobe: FATAL: Module $name not found in directory /lib/modules" >&2; exit 1; }
        mkdir -p "$VMSITE_ROOT/sys/bus/pci/drivers/$name" "$VMSITE_ROOT/sys/module/$(echo "$name" | tr - _)" ;;
esac
"""


def install_modprobe(root: pathlib.Path, modules: tuple[str, ...]) -> None:
    """C(modules) are those that there are, by their drivers' names; none of them is loaded yet."""
    for path, text in (("usr/sbin/modprobe", PROGRAM), ("fake/modules", "".join(f"{name}\n" for name in modules))):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "usr/sbin/modprobe").chmod(0o755)
