# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks may not do, beyond ansible-lint's rules. Pure: parsed YAML in, complaints out."""

from __future__ import annotations

import re
import typing as t

Task = dict[str, t.Any]

MOST_TASKS_IN_A_FILE = 12
MOST_SET_FACTS_IN_A_FILE = 1

# Modules that change nothing, so "changed_when: false" on them says nothing false.
READ_ONLY_MODULES = re.compile(
    r"^ansible\.builtin\.(assert|debug|fail|getent|gather_facts|ping|setup|slurp|stat|uri|wait_for|wait_for_connection)$|_info$"
)
# Commands that only read, by their first words.
READ_ONLY_COMMANDS = (
    ("cat",), ("chronyc", "-n", "sources"), ("chronyc", "-n", "tracking"), ("chronyc", "tracking"), ("getconf",),
    ("ip", "-json"), ("lscpu",), ("ovs-appctl", "dpif-netdev/pmd-rxq-show"),
    ("ovs-vsctl", "--bare", "--columns=name", "find"), ("ovs-vsctl", "get"), ("ovs-vsctl", "list"), ("ping",), ("ps",), ("sha256sum",),
    ("ss", "--no-header"), ("stat",), ("systemctl", "is-active"), ("systemctl", "is-enabled"),
    ("systemctl", "list-unit-files"), ("systemctl", "show"), ("taskset", "-cp"),
    ("tuned-adm", "verify"), ("uname",), ("virsh", "domstate"), ("virsh", "dumpxml"), ("virsh", "list"), ("virsh", "pool-info"), ("virsh", "vcpupin"),
)  # fmt: skip
# Tasks whose command this list cannot judge, by name, and why they only read.
READ_ONLY_TASKS = {
    "Each host reaches each over TLS, so certificates, names and keys fit together": "virsh's command uri only asks",
    "Read which kernel runs, which are installed, and whether a package asks for a reboot": "the shell runs only 'uname' and 'ls'",
    "Look for the programs that every host must have": "the shell runs only its own 'command -v' and 'printf'",
}
SHELL_SYNTAX = re.compile(r"[|<>;&*?$`~]|\n")
JINJA_LOGIC = re.compile(r"{%-?\s*(for|if|set|macro|elif|else)\b")


def tasks_of(document: t.Any) -> list[Task]:
    """All tasks of a tasks file or of a playbook's plays, those inside blocks too (a block itself is no task)."""
    found: list[Task] = []
    for entry in document or []:
        parts = [key for key in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers") if key in entry]
        if not parts and "hosts" not in entry and "import_playbook" not in entry and "ansible.builtin.import_playbook" not in entry:
            found.append(entry)
        for part in parts:
            found.extend(tasks_of(entry[part]))
    return found


def complaints(document: t.Any) -> list[str]:
    """Everything that is wrong with the tasks of one file."""
    tasks = tasks_of(document)
    found = [complaint for task in tasks for complaint in _task_complaints(task)]
    set_facts = sum(1 for task in tasks if _is(task, "set_fact"))
    if set_facts > MOST_SET_FACTS_IN_A_FILE:
        found.append(f"{set_facts} set_fact tasks: let a door or a filter compute it")
    for play in document or []:
        if "hosts" in play and play.get("gather_facts") is not False:
            found.append(f"play {play.get('name')!r}: say gather_facts: false")
    return found


def _task_complaints(task: Task) -> t.Iterator[str]:
    name = f"task {task.get('name')!r}"
    if "ignore_errors" in task:
        yield f"{name}: ignore_errors hides failures: use failed_when with the failure that is meant"
    for keyword in ("when", "failed_when", "changed_when"):
        if "ansible_check_mode" in str(task.get(keyword, "")):
            yield f"{name}: {keyword} asks for ansible_check_mode, so the prediction is blind here"
    if task.get("changed_when") in (False, "false", "False") and not _only_reads(task):
        yield f"{name}: changed_when: false on something that is not known to be read-only"
    shell = next((task[key] for key in ("ansible.builtin.shell", "shell") if key in task), None)
    if shell is not None and not SHELL_SYNTAX.search(_command_line(shell)):
        yield f"{name}: shell where command does"
    if JINJA_LOGIC.search(str({key: value for key, value in task.items() if key != "block"})):
        yield f"{name}: logic in Jinja: let a door or a filter compute it"
    if _is(task, "set_fact") and "loop" in task:
        yield f"{name}: set_fact in a loop"


def _is(task: Task, module: str) -> bool:
    return module in task or f"ansible.builtin.{module}" in task


def _command_line(arguments: t.Any) -> str:
    if isinstance(arguments, dict):
        return str(arguments.get("cmd") or " ".join(map(str, arguments.get("argv", []))))
    return str(arguments)


def _only_reads(task: Task) -> bool:
    if task.get("name") in READ_ONLY_TASKS:
        return True
    for module, arguments in task.items():
        if module in ("ansible.builtin.command", "command"):
            words = tuple(_command_line(arguments).split())
            return any(words[: len(known)] == known for known in READ_ONLY_COMMANDS)
        if READ_ONLY_MODULES.search(module):
            return True
    return False
