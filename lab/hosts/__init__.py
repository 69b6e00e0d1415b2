# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's hosts: two "bare-metal" hosts and a prober on one machine.

`python3 -m lab.hosts up|status|down`. Standard library only, because it runs before anything of ours is installed.

definition.py   what the lab is: hosts, addresses, packages, sizes
up.py, status.py, down.py   the three commands, each a table of contents
image.py        the image every host starts from; files in lab/images/host
test_vm.py      kernel and initrd of the test VM; files in lab/images/test_vm
hugepages.py, cgroups.py, network.py   what the lab sets on the machine, and how it is put back
podman.py, hosts.py   containers that behave as hosts
access.py       keys and the ssh configuration people and Ansible use

What it shares with the other parts lies one directory up.
"""
