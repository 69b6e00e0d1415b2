# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The only file that knows AnsibleModule: it makes one, runs a concern through read, plan, apply, verify, and returns the contract."""

from __future__ import annotations

import contextlib
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern

HOST_OPTIONS: dict[str, t.Any] = {"root": {"type": "path", "default": "/"}}

Options = dict[str, t.Any]


def run(argument_spec: dict[str, t.Any], build: t.Callable[[Options, HostRoot], Concern], **module_arguments: t.Any) -> None:
    """Run a state-changing door. C(build) turns options into a concern; C(module_arguments) go to AnsibleModule."""
    module = AnsibleModule(argument_spec={**HOST_OPTIONS, **argument_spec}, supports_check_mode=True, **module_arguments)
    with _failures_reported(module):
        concern = build(module.params, HostRoot(module.params["root"]))
        changes = concern.plan()
        if not module.check_mode:
            _apply(concern, changes)
        module.exit_json(**changes.result(), **concern.facts())


def run_info(argument_spec: dict[str, t.Any], read: t.Callable[[Options, HostRoot], dict[str, t.Any]], **module_arguments: t.Any) -> None:
    """Run a read-only door. C(read) returns the door's values and changes nothing."""
    module = AnsibleModule(argument_spec={**HOST_OPTIONS, **argument_spec}, supports_check_mode=True, **module_arguments)
    with _failures_reported(module):
        module.exit_json(changed=False, **read(module.params, HostRoot(module.params["root"])))


def _apply(concern: Concern, changes: ChangeSet) -> None:
    """Apply, then let the planner itself say whether anything is left: what was written is not yet what is there."""
    if changes:
        concern.apply(changes)
        left = concern.plan()
        if left:
            raise Failures(
                Failure(
                    asked=f"{change.what} = {change.wanted!r} ({change.reason})",
                    found=f"it reads back as {change.current!r} after it was applied",
                    where=change.what,
                    remedy="look at what else writes this value, or why the kernel or service did not take it; then run again",
                )
                for change in left
            )
    concern.verify()


@contextlib.contextmanager
def _failures_reported(module: AnsibleModule) -> t.Iterator[None]:
    """Turn what a concern raises into one readable message. Users get no stack trace; C(-vvv) shows where it came from."""
    try:
        yield
    except Failures as error:
        _report(module, error, error.failures)
    except Failure as error:
        _report(module, error, [error])
    except Exception as error:  # exit_json leaves by SystemExit, which is none
        _report(module, error, [_unexpected(error)])


def _report(module: AnsibleModule, error: Exception, failures: list[Failure]) -> None:
    module.fail_json(msg=_message(failures), failures=[failure.as_dict() for failure in failures], exception=error)


def _unexpected(error: Exception) -> Failure:
    where = getattr(error, "filename", None) or error.__class__.__name__
    return Failure(
        asked="the door's ordinary work",
        found=f"{error.__class__.__name__}: {error}",
        where=str(where),
        remedy="if the host is as it should be, this is a fault in the collection: run with -vvv and report it",
    )


def _message(failures: list[Failure]) -> str:
    if len(failures) == 1:
        return str(failures[0])
    return f"{len(failures)} things stand in the way: " + " | ".join(f"({number}) {failure}" for number, failure in enumerate(failures, 1))
