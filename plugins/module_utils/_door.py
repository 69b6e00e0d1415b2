# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The only file that knows AnsibleModule: it makes one, runs a concern through read, plan, apply, verify, and returns the contract."""

from __future__ import annotations

import contextlib
import copy
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._changes import ChangeSet

Options = dict[str, t.Any]


def _from_environment(kind: str, *names: str, **more: t.Any) -> Options:
    """An option that the environment may give, under the first of these names that is set."""
    return {"type": kind, "fallback": (env_fallback, [f"K8S_AUTH_{name}" for name in names]), **more}


HOST_OPTIONS: Options = {"root": {"type": "path", "default": "/"}}
# Names, aliases and environment variables are those of kubernetes.core.
CLUSTER_OPTIONS: Options = {
    "api_key": _from_environment("str", "API_KEY", no_log=True),
    "ca_cert": _from_environment("path", "CA_CERT", "SSL_CA_CERT", aliases=["ssl_ca_cert"]),
    "client_cert": _from_environment("path", "CLIENT_CERT", "CERT_FILE", aliases=["cert_file"]),
    "client_key": _from_environment("path", "CLIENT_KEY", "KEY_FILE", aliases=["key_file"]),
    "context": _from_environment("str", "CONTEXT"),
    "host": _from_environment("str", "HOST"),
    "impersonate_groups": _from_environment("list", "IMPERSONATE_GROUPS", elements="str"),
    "impersonate_user": _from_environment("str", "IMPERSONATE_USER"),
    "kubeconfig": _from_environment("path", "KUBECONFIG"),
    "no_proxy": _from_environment("str", "NO_PROXY"),
    "proxy": _from_environment("str", "PROXY"),
    "validate_certs": _from_environment("bool", "VALIDATE_CERTS", "VERIFY_SSL", aliases=["verify_ssl"]),
}
# A shorter secret would blank out half of any result; it is kept out by concealing the option that holds it.
SHORTEST_CENSORED = 4


class Concern(t.Protocol):
    """What a state-changing door runs. What each step promises: C(_host/concern.py)."""

    def plan(self) -> ChangeSet: ...

    def apply(self, changes: ChangeSet) -> None: ...

    def verify(self) -> None: ...

    def facts(self) -> dict[str, t.Any]: ...


def run(argument_spec: dict[str, t.Any], build: t.Callable[[Options, HostRoot], Concern], **module_arguments: t.Any) -> None:
    """Run a state-changing door. C(build) turns options into a concern; C(module_arguments) go to AnsibleModule."""
    module = AnsibleModule(argument_spec={**HOST_OPTIONS, **argument_spec}, supports_check_mode=True, **module_arguments)
    with _failures_reported(module):
        _run(module, build(module.params, HostRoot(module.params["root"])))


def run_on_cluster(
    argument_spec: dict[str, t.Any],
    build: t.Callable[[Options], Concern],
    conceal: t.Callable[[Options], Options],
    **module_arguments: t.Any,
) -> None:
    """Run a state-changing door to a cluster. C(conceal) returns the options as results may show them.

    An option that may hold secrets has no_log, so that nothing of it gets into the system's log. Of its strings, those that C(conceal) leaves
    are no secret and may be read in results.
    """
    module = AnsibleModule(argument_spec={**CLUSTER_OPTIONS, **argument_spec}, supports_check_mode=True, **module_arguments)
    options = copy.deepcopy(module.params)
    module.params = conceal(options)
    open_strings = set(_strings({name: value for name, value in module.params.items() if name not in CLUSTER_OPTIONS}))
    module.no_log_values = {value for value in module.no_log_values if len(value) >= SHORTEST_CENSORED} - open_strings
    with _failures_reported(module):
        _run(module, build(options))


def run_info(argument_spec: dict[str, t.Any], read: t.Callable[[Options, HostRoot], dict[str, t.Any]], **module_arguments: t.Any) -> None:
    """Run a read-only door. C(read) returns the door's values and changes nothing."""
    module = AnsibleModule(argument_spec={**HOST_OPTIONS, **argument_spec}, supports_check_mode=True, **module_arguments)
    with _failures_reported(module):
        module.exit_json(changed=False, **read(module.params, HostRoot(module.params["root"])))


def _run(module: AnsibleModule, concern: Concern) -> None:
    changes = concern.plan()
    if not module.check_mode:
        _apply(concern, changes)
    module.exit_json(**changes.result(), **concern.facts())


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
                    remedy="look at what else writes this value, or why the kernel, service or API server did not take it; then run again",
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
    module.fail_json(msg=_message(failures), failures=[failure.as_dict() for failure in failures], exception=_source(module, error))


def _source(module: AnsibleModule, error: Exception) -> Exception | None:
    """The exception, from which -vvv shows where it came from. Not if it quotes a secret: of all that fails, this is not censored."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return None if any(value in text for value in module.no_log_values) else error


def _unexpected(error: Exception) -> Failure:
    where = getattr(error, "filename", None) or error.__class__.__name__
    return Failure(
        asked="the door's ordinary work",
        found=f"{error.__class__.__name__}: {error}",
        where=str(where),
        remedy="if the host or cluster is as it should be, this is a fault in the collection: run with -vvv and report it",
    )


def _message(failures: list[Failure]) -> str:
    if len(failures) == 1:
        return str(failures[0])
    return f"{len(failures)} things stand in the way: " + " | ".join(f"({number}) {failure}" for number, failure in enumerate(failures, 1))


def _strings(value: t.Any) -> t.Iterator[str]:
    """Every text and number in it, as AnsibleModule collects what no_log censors."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
