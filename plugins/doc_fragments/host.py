# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What every door to a Linux host has in common: the C(root) option and membership of the action group C(host)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  root:
    description:
      - The directory below which the host's files are read and written.
      - V(/) is the host itself. Another directory is an image that is being built, or a capture of a host's C(/sys) and C(/proc);
        programs are then looked up below that directory only, so nothing outside it is touched.
    type: path
    default: /
attributes:
  action_group:
    description: Use C(group/baremetal.vmsite.host) in C(module_defaults) to set the common options of all doors to a host.
    support: full
    membership:
      - baremetal.vmsite.host
  platform:
    description: Operating systems the module can manage.
    support: full
    platforms: linux
"""
