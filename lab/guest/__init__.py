# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's guest: one virtual machine with NUMA nodes, GRUB, an IOMMU and NICs with virtual functions, emulated in software.

`python3 -m lab.guest image|up|status|down|power-off|power-on`. Standard library only, because it runs before anything of ours is installed.

definition.py   what the guest is: CPUs, memory, NICs, packages
prepare.py, up.py, status.py, down.py, power.py   the commands, each a table of contents
cache.py        where everything of the guest lies below the cache
qemu.py         QEMU 10, unpacked in the cache
image.py        the disk with Debian that every guest starts from; files in lab/images/guest
overlay.py      what a guest has written to it
hardware.py     the definition as QEMU's arguments
machine.py      the QEMU process: found, started, killed
monitor.py      questions to a running QEMU
boot.py         from power-on to a login, with a deadline and a counted retry
access.py       keys and the ssh configuration people and Ansible use

What it shares with the other parts lies one directory up.
"""
