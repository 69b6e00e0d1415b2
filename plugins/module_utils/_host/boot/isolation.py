# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""CPU isolation: what the plan wants, what the next boot asks for, what the running kernel was asked for, and what it does.

Kernel: Documentation/admin-guide/kernel-parameters.txt (isolcpus, nohz_full, rcu_nocbs, irqaffinity) and kernel/sched/isolation.c. What the
kernel does is read where it tells: cpu/isolated (isolcpus' domain flag) and cpu/nohz_full. A CPU whose RCU callbacks are offloaded has a thread
rcuop/N or rcuos/N (kernel/rcu/tree_nocb.h); others may have one too, since offloading can be switched on later, so only a thread that is
missing tells. It does not tell of managed_irq, and irqaffinity is overwritten at run time: for these the arguments it was started with have to do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all
from ansible_collections.baremetal.vmsite.plugins.module_utils._host import cpus as cpu_sets
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot import tokens
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.detection import AUTO, find_boot_loader
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot.running import RUNNING, read_running
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Comparison

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

CPUS = "/sys/devices/system/cpu"
FLAGS = ("domain", "managed_irq", "nohz")
CALLBACK_THREAD = re.compile(r"rcuo[ps]/(\d+)")
KERNEL_THREADS = "kthreadd"  # process 2; in a container other processes than the host's are seen

RCU = "without RCU callbacks"

# (setting, kernel argument, flag of isolcpus, configuration without which the kernel ignores it)
SETTINGS = (
    ("isolated from the scheduler", "isolcpus", "domain", "CONFIG_CPU_ISOLATION"),
    ("without managed interrupts", "isolcpus", "managed_irq", "CONFIG_CPU_ISOLATION"),
    ("without the tick", "nohz_full", None, "CONFIG_NO_HZ_FULL"),
    (RCU, "rcu_nocbs", None, "CONFIG_RCU_NOCB_CPU"),
    ("taking interrupts", "irqaffinity", None, "CONFIG_SMP"),
)


@dataclasses.dataclass(frozen=True)
class Setting:
    """CPU lists. C(next_boot) is None where no boot loader was found, C(in_force) where the kernel does not tell."""

    name: str
    argument: str
    wanted: str
    next_boot: str | None
    running: str
    in_force: str | None
    config: str

    @property
    def what(self) -> str:
        return f"CPUs {self.name} ({self.argument})"

    @property
    def now(self) -> str:
        return self.running if self.in_force is None else self.in_force


class Isolation(Comparison):
    """Reads only: the arguments are kernel_args' to set, and they take a reboot. C(wanted): kernel arguments, of which others are ignored."""

    def __init__(self, root: HostRoot, wanted: t.Sequence[str], boot_loader: str = AUTO) -> None:
        self._root = root
        self._wanted = list(wanted)
        self._boot_loader = boot_loader

    def plan(self) -> ChangeSet:
        """What a reboot would have to change."""
        return _compared(self.settings())

    def verify(self) -> None:
        """The kernel does what it was started with. Raises Failure(s): a reboot would not mend it."""
        raise_all([_ignored(setting) for setting in self.settings() if _is_ignored(setting)])

    def facts(self) -> dict[str, t.Any]:
        """The door's values."""
        found = self.settings()
        result = _compared(found).result()
        settings = [
            {key: value for key, value in dataclasses.asdict(setting).items() if key != "config"}
            | {"matches": setting.now == setting.wanted}
            for setting in found
        ]
        return {
            "settings": settings,
            "isolated": all(entry["matches"] for entry in settings),
            "reboot_required": result["reboot_required"],
            "reboot_reasons": result["reboot_reasons"],
        }

    def settings(self) -> list[Setting]:
        wanted, running = _by_setting(self._wanted, "args", strict=True), _by_setting(read_running(self._root), RUNNING)
        next_boot = self._next_boot()
        in_force = self._in_force(running[RCU])
        return [
            Setting(name, argument, wanted[name], next_boot[name] if next_boot else None, running[name], in_force.get(name), config)
            for name, argument, _flag, config in SETTINGS
        ]

    def _next_boot(self) -> dict[str, str] | None:
        """None where the host has no boot loader, as a container has none."""
        try:
            loader = find_boot_loader(self._root, self._boot_loader)
        except Failure:
            if self._boot_loader != AUTO:
                raise
            return None
        line = next(line for line in loader.command_lines() if line.next_boot)
        return _by_setting(line.tokens, line.what)

    def _in_force(self, offloaded: str) -> dict[str, str]:
        """By setting, as far as the kernel tells. C(offloaded): the CPUs that it was asked to offload, or a word that only it can resolve."""
        found = {}
        if self._root.is_dir(CPUS):  # a kernel that was built without an aspect has no attribute for it, and none of it in force
            for (name, _argument, _flag, _config), attribute in ((SETTINGS[0], "isolated"), (SETTINGS[2], "nohz_full")):
                found[name] = _canonical(self._root.read_optional(f"{CPUS}/{attribute}") or "", f"{CPUS}/{attribute}")
        if self._root.read_optional("/proc/2/comm") == KERNEL_THREADS:
            names = (self._root.read_optional(path) or "" for path in self._root.glob("/proc/[0-9]*/comm"))
            threads = {int(thread[1]) for thread in map(CALLBACK_THREAD.fullmatch, names) if thread}
            with contextlib.suppress(Failure):
                asked = set(cpu_sets.parse_list(offloaded))
                if asked - threads:
                    found[RCU] = cpu_sets.format_list(asked & threads)
        return found


def _compared(settings: t.Iterable[Setting]) -> ChangeSet:
    changes = ChangeSet()
    for setting in settings:
        changes.compare(setting.what, setting.now, setting.wanted, _reason(setting), "reboot")
    return changes


def _by_setting(line: tokens.Tokens, where: str, strict: bool = False) -> dict[str, str]:
    """The CPU list of each setting that a command line asks for, empty if it does not. Raises Failure(s) for a wanted list that is none."""
    found = {}
    failures: dict[str, Failure] = {}
    for name, argument, flag, _config in SETTINGS:
        values = [token.partition("=")[2] for token in tokens.before_end(line) if tokens.name(token) == argument]
        text = _cpus_of(values[-1], flag) if values else ""  # the last one counts
        try:
            found[name] = _canonical(text, where)
        except Failure as failure:
            found[name] = text  # words such as "all" and "N", which only the kernel can resolve
            failures[argument] = failure
    if strict:
        raise_all(list(failures.values()))
    return found


def _cpus_of(value: str, flag: str | None) -> str:
    """The CPU list of one value; of isolcpus only if it has the flag. Without any flag isolcpus means domain."""
    words = value.split(",")
    if flag is None:
        return value
    flags = [word for word in words if word in FLAGS]
    return ",".join(word for word in words if word not in FLAGS) if flag in (flags or ["domain"]) else ""


def _canonical(text: str, where: str) -> str:
    return cpu_sets.format_list(cpu_sets.parse_list(text, where))


def _is_ignored(setting: Setting) -> bool:
    """True where the kernel was asked for what is wanted and tells that it does not do it."""
    return setting.in_force is not None and setting.running == setting.wanted and setting.in_force != setting.wanted


def _ignored(setting: Setting) -> Failure:
    return Failure(
        asked=f"{setting.what}: {setting.wanted}",
        found=f"the kernel was started with them, and has {setting.in_force or 'none'} in force",
        where=RUNNING,
        remedy=f"see whether the kernel has {setting.config}, whether these CPUs are there, and its log for the argument; a reboot alone mends nothing",
    )


def _reason(setting: Setting) -> str:
    difference = f"now {setting.now or 'none'}, wanted {setting.wanted or 'none'}"
    if setting.next_boot is None:
        return f"{difference}; no boot loader that can be read was found, so the next boot is unknown"
    if setting.next_boot == setting.wanted:
        return f"{difference}; the next boot has it"
    return f"{difference}; the next boot has {setting.next_boot or 'none'}: kernel_args has to set it first"
