# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""How a call shows who it is: from a door's options and the environment to the client's configuration.

Names and environment variables are those of kubernetes.core. The order differs in one point: the cluster around a Pod comes last, not first, so a
kubeconfig that an execution environment was given is never passed over.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

Options = dict[str, t.Any]

# The client's name of what an option overrides.
OVERRIDES = {
    "ca_cert": "ssl_ca_cert",
    "client_cert": "cert_file",
    "client_key": "key_file",
    "host": "host",
    "no_proxy": "no_proxy",
    "proxy": "proxy",
    "validate_certs": "verify_ssl",
}
# The client has kept it under two names over time.
TOKEN, TOKEN_BEFORE = "BearerToken", "authorization"
FILES = ("ca_cert", "client_cert", "client_key")


def client_configuration(options: Options) -> t.Any:
    """The C(kubernetes.client.Configuration) that the options ask for. Raises Failure."""
    _refuse_missing_files(options)
    configuration = _loaded(options)
    for option, attribute in OVERRIDES.items():
        if options[option] is not None:
            setattr(configuration, attribute, options[option])
    if options["api_key"]:
        configuration.api_key = {TOKEN: f"Bearer {options['api_key']}"}
        configuration.api_key_prefix = {}
        configuration.refresh_api_key_hook = None
    configuration.host = configuration.host.rstrip("/")
    return configuration


def authorization(configuration: t.Any) -> str | None:
    """The value of the header, if a token is used; renewed by the client where it has expired."""
    value = configuration.get_api_key_with_prefix(TOKEN, alias=TOKEN_BEFORE)
    return None if value is None else str(value)


def impersonation(options: Options) -> list[tuple[str, str]]:
    """The headers that ask the API server to act as someone else."""
    user = [("Impersonate-User", options["impersonate_user"])] if options["impersonate_user"] else []
    return user + [("Impersonate-Group", group) for group in options["impersonate_groups"] or []]


def _loaded(options: Options) -> t.Any:
    try:
        from kubernetes import client, config
    except ImportError as error:
        raise Failure(
            asked="a connection to a Kubernetes API server",
            found=f"the Python package kubernetes cannot be imported: {error}",
            where="the Python that runs this module",
            remedy="install meta/requirements.txt of this collection for it, or run the task where it is (an execution environment, a bastion)",
        ) from error
    configuration = client.Configuration()
    chosen = options["kubeconfig"] or options["context"]
    if options["host"] and not chosen:
        return configuration
    try:
        if chosen or _default_is_there(config.KUBE_CONFIG_DEFAULT_LOCATION):
            config.load_kube_config(options["kubeconfig"], options["context"], client_configuration=configuration, persist_config=False)
        else:
            config.load_incluster_config(client_configuration=configuration)
    except Exception as error:  # the loader raises its own, OSError, and what a broken YAML file or login program brings
        raise _unusable(options, error) from error
    return configuration


def _default_is_there(places: str) -> bool:
    return any(place and os.path.exists(os.path.expanduser(place)) for place in places.split(os.pathsep))


def _refuse_missing_files(options: Options) -> None:
    for option in FILES:
        path = options[option]
        if path is not None and not os.path.isfile(path):
            raise Failure(
                asked=f"{option}: {path}",
                found="there is no such file",
                where=option,
                remedy="name a file of the machine on which this module runs, or leave the option out",
            )


def _unusable(options: Options, error: Exception) -> Failure:
    named = options["kubeconfig"] or os.environ.get("KUBECONFIG")
    return Failure(
        asked="a way to the cluster",
        found=f"{error}".splitlines()[0] if f"{error}" else error.__class__.__name__,
        where=named or "no kubeconfig was named, and this is no Pod of a cluster",
        remedy="give kubeconfig (and context), or host with api_key or client_cert and client_key; K8S_AUTH_KUBECONFIG and its like do too",
    )
