# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""One client with one connection to the API server. Answers come as parsed JSON; a refusal is an exception that holds the server's Status object."""

from __future__ import annotations

import json
import re
import typing as t
import urllib.parse

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.authentication import authorization
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

Json = dict[str, t.Any]

CONNECT_SECONDS = 10.0
# Longer than the API server's own limit of 60 s, so that its message is seen and not ours.
ANSWER_SECONDS = 65.0
WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class Refused(Exception):
    """The API server answered and said no. C(status) is its Status object (meta/v1), or one made of a text that is none."""

    def __init__(self, code: int, status: Json) -> None:
        self.code = code
        self.status = status
        super().__init__(self.message)

    @property
    def reason(self) -> str:
        return str(self.status.get("reason") or "")

    @property
    def message(self) -> str:
        return str(self.status.get("message") or f"status {self.code}")

    @property
    def details(self) -> Json:
        return self.status.get("details") or {}

    @property
    def causes(self) -> list[Json]:
        return list(self.details.get("causes") or [])


class NoAnswer(Failure):
    """Nobody answered, so nobody will answer the next request either."""


class Connection:
    """C(configuration) is the client's; C(headers) go with every request. Counts requests and keeps the server's warnings."""

    def __init__(self, configuration: t.Any, headers: t.Sequence[tuple[str, str]] = ()) -> None:
        from kubernetes.client.rest import RESTClientObject

        self._configuration = configuration
        self._headers = list(headers)
        self._pool = RESTClientObject(configuration).pool_manager
        self.host = str(configuration.host)
        self.requests = 0
        self.warnings: list[str] = []

    def read(self, path: str, accept: str = "application/json", **query: str) -> Json | None:
        """What is there, or None. Raises Refused for any other refusal."""
        try:
            return self.send("GET", path, query, accept=accept)
        except Refused as refused:
            if refused.code == 404:
                return None
            raise

    def send(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: Json | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Json:
        """One request. C(path) begins with a slash and is quoted. Raises Refused, or NoAnswer."""
        code, text = self._exchange(method, path, query, body, content_type, accept)
        answer = _parsed(text)
        if code >= 300:
            raise Refused(code, answer if answer is not None else {"message": text.strip()[:1000]})
        return answer if answer is not None else {"text": text}

    def _exchange(
        self, method: str, path: str, query: dict[str, str], body: Json | None, content_type: str, accept: str
    ) -> tuple[int, str]:
        import urllib3

        self.requests += 1
        headers = urllib3.HTTPHeaderDict([("Accept", accept), ("User-Agent", "baremetal.vmsite"), *self._headers])
        token = authorization(self._configuration)
        if token:
            headers["Authorization"] = token
        if body is not None:
            headers["Content-Type"] = content_type
        url = self.host + path + ("?" + urllib.parse.urlencode(query) if query else "")
        try:
            # No retries: the same run again is the retry, and one that hides a failing load balancer helps nobody.
            answer = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS),
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._no_answer(error) from error
        self.warnings += [_unquoted(text) for text in WARNING.findall(", ".join(answer.headers.getlist("Warning")))]
        return answer.status, answer.data.decode(errors="replace")

    def _no_answer(self, error: Exception) -> NoAnswer:
        import urllib3

        start = "start the API server, or mend the address (host, kubeconfig, context)"
        # The order matters: to urllib3 a refused connection is one of its timeouts.
        remedies: tuple[tuple[type[Exception], str], ...] = (
            (
                urllib3.exceptions.SSLError,
                "give the CA of the API server's certificate (ca_cert or kubeconfig), or a host that it is valid for",
            ),
            (urllib3.exceptions.ProxyError, "mend proxy, or list the API server's address in no_proxy"),
            (urllib3.exceptions.NewConnectionError, start),
            (urllib3.exceptions.TimeoutError, "look whether a firewall drops the packets, or the API server is overloaded"),
        )
        remedy = next((text for kind, text in remedies if isinstance(error, kind)), start)
        return NoAnswer(asked="an answer of the API server", found=_cause(error), where=self.host, remedy=remedy)


def _parsed(text: str) -> Json | None:
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _cause(error: Exception) -> str:
    """The words of urllib3 without the object's address in memory that it puts before them."""
    return re.sub(r"^(<[^>]*>|\w+\([^)]*\)): ", "", str(error)) or error.__class__.__name__
