# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter address_plan."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.addresses import derive, derive_all


def address_plan(network: t.Any, purpose: str, hosts: str | int | list[str | int]) -> dict[str, t.Any]:
    """One host's address for a name or a number, a mapping of them for a list."""
    try:
        if isinstance(hosts, (list, tuple)):
            return derive_all(network, purpose, hosts)
        return derive(network, purpose, hosts)
    except Failure as failure:
        raise AnsibleFilterError(str(failure)) from failure
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnsibleFilterError(
            f"asked: the {purpose} address of {hosts}; found: a vmsite_network of another shape ({type(error).__name__}: {error}); "
            "do: run the playbook preflight, which names the mistake"
        ) from error


class FilterModule:
    """Entry point for the core."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"address_plan": address_plan}
