# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upstream's programs that the lab runs, built from their Go modules: `python3 -m lab.tools build`. Standard library only.

A site takes upstream's released files by checksum; here the same sources are compiled, because a module proxy is all that is needed for it.

<upstream>/go.mod, go.sum   what is built, pinned to the last dependency; Go checks each download against go.sum
definition.py               the programs
go.py                       the Go toolchain of the machine
build.py                    one program: built once, named by the checksum of everything that decides it
"""
