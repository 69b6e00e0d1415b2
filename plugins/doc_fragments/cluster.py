# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What every door to a cluster has in common: how it shows who it is, and membership of the action group C(cluster)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - The path of a kubeconfig on the machine where the module runs, or several with V(:) between them.
      - Without it, and without O(host) and O(context), it is C(KUBECONFIG), then C(~/.kube/config), then the cluster around the Pod in which
        the module runs.
      - Can also be given by the environment variable E(K8S_AUTH_KUBECONFIG).
    type: path
  context:
    description:
      - A context of the kubeconfig, if not its current one.
      - Can also be given by the environment variable E(K8S_AUTH_CONTEXT).
    type: str
  host:
    description:
      - The URL of the API server. With O(kubeconfig) or O(context) it overrides what is found there, alone it needs O(api_key), or O(client_cert)
        and O(client_key).
      - Can also be given by the environment variable E(K8S_AUTH_HOST).
    type: str
  api_key:
    description:
      - A bearer token.
      - Can also be given by the environment variable E(K8S_AUTH_API_KEY).
    type: str
  ca_cert:
    description:
      - The path of the certificates of the authorities that may have signed the API server's certificate.
      - Can also be given by the environment variables E(K8S_AUTH_CA_CERT) and E(K8S_AUTH_SSL_CA_CERT).
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - The path of a client certificate.
      - Can also be given by the environment variables E(K8S_AUTH_CLIENT_CERT) and E(K8S_AUTH_CERT_FILE).
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - The path of the key of O(client_cert).
      - Can also be given by the environment variables E(K8S_AUTH_CLIENT_KEY) and E(K8S_AUTH_KEY_FILE).
    type: path
    aliases: [key_file]
  validate_certs:
    description:
      - Whether the API server's certificate is checked. If not given, it is, unless the kubeconfig says otherwise.
      - Can also be given by the environment variables E(K8S_AUTH_VALIDATE_CERTS) and E(K8S_AUTH_VERIFY_SSL).
    type: bool
    aliases: [verify_ssl]
  proxy:
    description:
      - The URL of an HTTP proxy on the way to the API server.
      - Can also be given by the environment variable E(K8S_AUTH_PROXY).
    type: str
  no_proxy:
    description:
      - Hosts, domains and prefixes that are reached without O(proxy), with commas between them.
      - Can also be given by the environment variable E(K8S_AUTH_NO_PROXY).
    type: str
  impersonate_user:
    description:
      - The user for whom to act. The one who connects needs the right to impersonate.
      - Can also be given by the environment variable E(K8S_AUTH_IMPERSONATE_USER).
    type: str
  impersonate_groups:
    description:
      - The groups for which to act.
      - Can also be given by the environment variable E(K8S_AUTH_IMPERSONATE_GROUPS), with commas between them.
    type: list
    elements: str
requirements:
  - The Python package kubernetes, 37 or later is tested, where the module runs.
attributes:
  action_group:
    description: Use C(group/baremetal.vmsite.cluster) in C(module_defaults) to set the common options of all doors to a cluster.
    support: full
    membership:
      - baremetal.vmsite.cluster
  platform:
    description: Where the module can run. It talks to the API server and touches no file of the machine.
    support: full
    platforms: posix
notes:
  - These options have the names, aliases and environment variables that they have in C(kubernetes.core). That collection's C(username),
    C(password), C(proxy_headers) and C(persist_config) are not taken, and O(kubeconfig) is a path, never its content, which would end up in logs.
"""
