# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role could change on a host with hardware of its own, read without the collection: prints one JSON object, thing -> state.

Beside molecule/shared/snapshot.py. Only reads; runs on the host, standard library only.
"""

from __future__ import annotations

import json
import pathlib
import subprocess

PCI = pathlib.Path("/sys/bus/pci/devices")
BOOT = ("/boot/grub/grub.cfg", "/boot/grub/grubenv")
# What ip tells of a VF that a PF keeps; the rest counts packets.
KEPT = ("vf", "address", "mac", "vlan_list", "rate", "spoofchk", "trust", "link_state")


def link_name(path: pathlib.Path) -> str:
    return path.resolve().name if path.exists() else "none"


def virtual_functions(netdev: str) -> list[dict[str, object]]:
    said = subprocess.run(["ip", "-json", "-details", "link", "show", "dev", netdev], capture_output=True, text=True, check=True).stdout
    return [{key: vf[key] for key in KEPT if key in vf} for vf in json.loads(said)[0].get("vfinfo_list", [])]


def functions() -> dict[str, object]:
    found: dict[str, object] = {}
    for device in PCI.iterdir():
        if (device / "sriov_numvfs").exists():
            netdevs = [netdev.name for netdev in (device / "net").iterdir()] if (device / "net").is_dir() else []
            found[f"SR-IOV of {device.name}"] = {
                "numvfs": (device / "sriov_numvfs").read_text().strip(),
                "autoprobe": (device / "sriov_drivers_autoprobe").read_text().strip(),
                "vfs": [virtual_functions(netdev) for netdev in netdevs],
            }
        if (device / "driver_override").read_text().strip() != "(null)":
            found[f"driver of {device.name}"] = link_name(device / "driver")
    return found


def interrupts() -> dict[str, object]:
    """Only the default: where each interrupt is, irqbalance says anew every ten seconds."""
    return {"default /proc/irq/default_smp_affinity": pathlib.Path("/proc/irq/default_smp_affinity").read_text().strip()}


def main() -> None:
    boot = {f"boot {file}": pathlib.Path(file).read_text(errors="replace") for file in BOOT}
    print(json.dumps({**boot, **functions(), **interrupts()}, sort_keys=True))


if __name__ == "__main__":
    main()
