# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx settings of the reference documentation. Links that lead out of the collection are not resolved: the build needs no network."""

from __future__ import annotations

project = "baremetal.vmsite"
copyright = "Contributors to baremetal.vmsite"
title = html_short_title = "baremetal.vmsite"
extensions = ["sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
html_use_smartypants = False
default_role = "any"
# References to Ansible's own pages ("playbooks guide", other collections) have no target here.
suppress_warnings = ["ref.ref", "ref.any", "toc.not_included"]
