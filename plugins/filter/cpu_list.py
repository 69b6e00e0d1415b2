# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus

FORMS: dict[str, t.Callable[[tuple[int, ...]], t.Any]] = {
    "list": list,
    "ranges": cpus.format_list,
    "mask": cpus.format_mask,
    "kernel_mask": cpus.format_kernel_mask,
}


def cpu_list(value: t.Any, form: str = "list") -> t.Any:
    """The CPU set C(value), a text or a list of numbers, in another form."""
    if form not in FORMS:
        raise AnsibleFilterError(f"cpu_list: form {form!r} is not one of {', '.join(FORMS)}")
    try:
        return FORMS[form](_cpus(value))
    except Failure as failure:
        raise AnsibleFilterError(f"cpu_list: {failure}") from failure


def _cpus(value: t.Any) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value]
    if isinstance(value, str):
        return cpus.parse_mask(value, "cpu_list") if value.strip().lower().startswith("0x") else cpus.parse_list(value, "cpu_list")
    if isinstance(value, (list, tuple)) and all(isinstance(cpu, int) and not isinstance(cpu, bool) and cpu >= 0 for cpu in value):
        return tuple(sorted(set(value)))
    raise Failure(
        asked=f"the CPU set {value!r}",
        found="neither a text nor a list of CPU numbers",
        where="cpu_list",
        remedy="give 0-3,8 or [0, 1, 2, 3, 8]",
    )


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"cpu_list": cpu_list}
