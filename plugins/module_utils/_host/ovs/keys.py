# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The other_config keys of the Open_vSwitch table: their types, their canonical text, and when a new value is in force.

Which key needs a restart: Open vSwitch, ovs-vswitchd.conf.db(5) and Documentation/intro/install/dpdk.rst.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

# When a value that is written is in force.
LIVE = "live"  # at once
AT_DPDK_INIT = "at_dpdk_init"  # when DPDK is initialised: at once if it is not yet, else after a restart of ovs-vswitchd
AT_START = "at_start"  # when ovs-vswitchd starts


class _Refused(ValueError):
    """Says what a value should have been."""


def _boolean(value: t.Any) -> str:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise _Refused("true or false")
    return text


def _boolean_or_try(value: t.Any) -> str:
    return "try" if value == "try" else _boolean(value)


def _whole_number(value: t.Any) -> str:
    if isinstance(value, bool) or not re.fullmatch(r"\d+", str(value).strip()):
        raise _Refused("a whole number, not negative")
    return str(int(value))


def _mask(value: t.Any) -> str:
    """OVS reads a mask as hexadecimal with or without 0x, in either case, and ignores leading zeros. A YAML number is a number."""
    if isinstance(value, bool):
        raise _Refused("a CPU mask such as 0x6")
    try:
        number = value if isinstance(value, int) else int(str(value).strip(), 16)
    except ValueError:
        raise _Refused("a CPU mask such as 0x6") from None
    if number <= 0:
        raise _Refused("a CPU mask with at least one CPU")
    return hex(number)


def _per_node(value: t.Any) -> str:
    """MiB per NUMA node, "1024,0" or [1024, 0]."""
    entries = value if isinstance(value, (list, tuple)) else str(value).split(",")
    try:
        return ",".join(_whole_number(entry) for entry in entries)
    except _Refused:
        raise _Refused("MiB per NUMA node, such as 1024,1024") from None


def _text(value: t.Any) -> str:
    if not isinstance(value, (str, int, float)) or isinstance(value, bool) or str(value).strip() == "":
        raise _Refused("a text that is not empty")
    return str(value).strip()


def _path(value: t.Any) -> str:
    if not str(value).startswith("/"):
        raise _Refused("an absolute path")
    return str(value)


def _rxq_assign(value: t.Any) -> str:
    if value not in ("cycles", "roundrobin", "group"):
        raise _Refused("cycles, roundrobin or group")
    return str(value)


@dataclasses.dataclass(frozen=True)
class Key:
    """One known key. C(canonical) turns any accepted spelling into one text, so that 0x06 and 6 are the same mask."""

    canonical: t.Callable[[t.Any], str]
    in_force: str = LIVE


KEYS: dict[str, Key] = {
    "dpdk-init": Key(_boolean_or_try, AT_DPDK_INIT),
    "dpdk-lcore-mask": Key(_mask, AT_DPDK_INIT),
    "dpdk-socket-mem": Key(_per_node, AT_DPDK_INIT),
    "dpdk-socket-limit": Key(_per_node, AT_DPDK_INIT),
    "dpdk-alloc-mem": Key(_whole_number, AT_DPDK_INIT),
    "dpdk-hugepage-dir": Key(_path, AT_DPDK_INIT),
    "dpdk-extra": Key(_text, AT_DPDK_INIT),
    "dpdk-probe-at-init": Key(_boolean, AT_DPDK_INIT),
    "per-port-memory": Key(_boolean, AT_DPDK_INIT),
    "shared-mempool-config": Key(_text, AT_DPDK_INIT),
    "vhost-sock-dir": Key(_text, AT_DPDK_INIT),
    "vhost-iommu-support": Key(_boolean, AT_DPDK_INIT),
    "vhost-postcopy-support": Key(_boolean, AT_DPDK_INIT),
    "hw-offload": Key(_boolean, AT_START),
    "userspace-tso-enable": Key(_boolean, AT_START),
    "pmd-cpu-mask": Key(_mask),
    "pmd-sleep-max": Key(_whole_number),
    "pmd-rxq-assign": Key(_rxq_assign),
    "pmd-rxq-isolate": Key(_boolean),
    "pmd-auto-lb": Key(_boolean),
    "pmd-auto-lb-rebal-interval": Key(_whole_number),
    "pmd-auto-lb-load-threshold": Key(_whole_number),
    "pmd-auto-lb-improvement-threshold": Key(_whole_number),
    "pmd-perf-metrics": Key(_boolean),
    "smc-enable": Key(_boolean),
    "emc-insert-inv-prob": Key(_whole_number),
    "tx-flush-interval": Key(_whole_number),
    "n-handler-threads": Key(_whole_number),
    "n-revalidator-threads": Key(_whole_number),
    "max-idle": Key(_whole_number),
    "max-revalidator": Key(_whole_number),
    "flow-limit": Key(_whole_number),
    "stats-update-interval": Key(_whole_number),
}

MASKS = ("pmd-cpu-mask", "dpdk-lcore-mask")

# Open vSwitch 3.1 knows the key by its first name only; 3.2 brought the present one (NEWS of both versions).
_RENAMED_IN = {"pmd-sleep-max": ((3, 2), "pmd-maxsleep")}


def key_in(version: tuple[int, ...] | None, key: str) -> str:
    """What this version of Open vSwitch calls a key. Without a version: its present name."""
    since, older = _RENAMED_IN.get(key, ((), key))
    return older if version is not None and version < since else key


def effect(key: str) -> str:
    """When a value is in force. Of a key that is not known, nothing is known: it counts as live."""
    return KEYS[key].in_force if key in KEYS else LIVE


def canonical_or_same(key: str, found: str | None) -> str | None:
    """The canonical form of a value found in the database; as it is where it has none, so that it differs from anything wanted."""
    if found is None or key not in KEYS:
        return found
    try:
        return KEYS[key].canonical(found)
    except _Refused:
        return found


def wanted_keys(known: dict[str, t.Any], extra: dict[str, t.Any]) -> tuple[dict[str, str | None], list[Failure]]:
    """Wanted values in canonical form (None: the key is to be absent), and everything that is wrong with them."""
    wanted: dict[str, str | None] = {}
    failures: list[Failure] = []
    for name, value in known.items():
        if name in ("pmd-maxsleep",):
            failures.append(
                _refusal(name, value, "the name that only Open vSwitch 3.1 uses", "write pmd-sleep-max, it is translated where needed")
            )
        elif name not in KEYS:
            failures.append(
                _refusal(name, value, "a key that is not known", "mend the name, or move the key to extra_other_config if you are sure")
            )
        else:
            try:
                wanted[name] = None if value is None else KEYS[name].canonical(value)
            except _Refused as error:
                failures.append(_refusal(name, value, f"a value that is not {error}", f"give {error}"))
    for name, value in extra.items():
        if name in KEYS or name == "pmd-maxsleep":
            failures.append(_refusal(name, value, "a known key below extra_other_config", "move it to other_config, where it is checked"))
        else:
            wanted[name] = None if value is None else (_boolean(value) if isinstance(value, bool) else str(value))
    return wanted, failures


def _refusal(name: str, value: t.Any, found: str, remedy: str) -> Failure:
    return Failure(asked=f"{name} = {value!r}", found=found, where="other_config", remedy=remedy)


def cpus_of_mask(mask: str) -> list[int]:
    number = int(mask, 16)
    return [cpu for cpu in range(number.bit_length()) if number >> cpu & 1]
