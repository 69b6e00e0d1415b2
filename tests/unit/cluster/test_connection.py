# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection: what answers, what refuses, what does not answer. The servers here speak plain HTTP and stand in for an API server."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster import connection as connection_module
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.connection import Connection, NoAnswer, Refused
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.discovery import Kind, read_kinds
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.api import ObjectApi
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.presence import plan_presence
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.resolution import Resolved
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.wanted import wanted_objects
from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.readiness import refuse_unready
from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.tests.unit.cluster.listed_objects import listed

Answer = tuple[int, str, dict[str, str]]


class StandInServer(http.server.ThreadingHTTPServer):
    """Answers each path with what a test has put there, and remembers who connected and what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.peers: set[t.Any] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandInServer

    def do_GET(self) -> None:
        self.server.peers.add(self.client_address)
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        code, text, headers = self.server.answers[self.path.partition("?")[0]]
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_arguments: t.Any) -> None:
        """A test's output is its own."""


@pytest.fixture
def server() -> t.Iterator[StandInServer]:
    made = StandInServer()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def connect(url: str, token: str | None = None) -> Connection:
    from kubernetes.client import Configuration

    configuration = Configuration()
    configuration.host = url
    if token:
        configuration.api_key = {"BearerToken": f"Bearer {token}"}
    return Connection(configuration)


def test_all_requests_go_over_one_connection_with_the_token(server: StandInServer) -> None:
    server.answers["/x"] = (200, json.dumps({"a": 1}), {})
    connection = connect(server.url, "mine")
    assert [connection.read("/x", b="c d") for _number in range(5)] == [{"a": 1}] * 5
    assert (len(server.peers), connection.requests) == (1, 5)
    assert server.asked[0] == ("GET", "/x?b=c+d", "Bearer mine")


def test_what_is_not_there_is_none_and_any_other_refusal_is_an_exception(server: StandInServer) -> None:
    server.answers["/missing"] = (404, "404 page not found", {})
    server.answers["/refused"] = (
        403,
        json.dumps({"kind": "Status", "reason": "Forbidden", "message": "no", "details": {"causes": [{}]}}),
        {},
    )
    server.answers["/proxy"] = (502, "<html>bad gateway</html>", {})
    connection = connect(server.url)
    assert connection.read("/missing") is None
    with pytest.raises(Refused) as raised:
        connection.read("/refused")
    assert (raised.value.code, raised.value.reason, raised.value.message, len(raised.value.causes)) == (403, "Forbidden", "no", 1)
    with pytest.raises(Refused) as raised:
        connection.read("/proxy")
    assert raised.value.message == "<html>bad gateway</html>"


def test_warnings_of_the_server_are_kept(server: StandInServer) -> None:
    server.answers["/x"] = (200, "{}", {"Warning": '299 - "v1 \\"Old\\" is deprecated", 299 - "and slow"'})
    connection = connect(server.url)
    connection.read("/x")
    assert connection.warnings == ['v1 "Old" is deprecated', "and slow"]


def test_a_redirect_is_not_followed(server: StandInServer) -> None:
    server.answers["/x"] = (302, "", {"Location": "/elsewhere"})
    with pytest.raises(Refused):
        connect(server.url).read("/x")
    assert len(server.asked) == 1


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Failure) as raised:
        connect(f"https://127.0.0.1:{port}").read("/x")
    assert "refused" in raised.value.found
    assert raised.value.remedy.startswith("start the API server")


def test_whoever_gets_no_answer_does_not_ask_for_the_next_object() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    api = ObjectApi(connect(f"https://127.0.0.1:{port}"), "ours", force=False)
    kind = Kind("", "v1", "ConfigMap", "configmaps", True)
    resolved = [Resolved(wanted, kind, True) for wanted in wanted_objects([listed("ConfigMap", name, "n") for name in "abc"])]
    with pytest.raises(NoAnswer):
        plan_presence(api, resolved, resolved, recreate=False)
    assert api.connection.requests == 1


def test_someone_listens_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(connection_module, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Failure) as raised:
        connect(f"http://127.0.0.1:{silent.getsockname()[1]}").read("/x")
    assert "timed out" in raised.value.found
    assert "overloaded" in raised.value.remedy


def test_a_server_without_tls(server: StandInServer) -> None:
    with pytest.raises(Failure) as raised:
        connect(server.url.replace("http:", "https:")).read("/x")
    assert "SSL" in raised.value.found


def test_checks_that_fail_are_named_and_those_that_may_not_be_seen_stay_open(server: StandInServer) -> None:
    server.answers["/readyz"] = (
        500,
        "[+]ping ok\n[-]etcd failed: reason withheld\n[-]informer-sync failed: reason withheld\nreadyz check failed",
        {},
    )
    with pytest.raises(Failure) as raised:
        refuse_unready(connect(server.url))
    assert raised.value.found == "etcd failed, informer-sync failed"
    for code, text in ((200, "ok"), (403, "{}"), (404, "")):
        server.answers["/readyz"] = (code, text, {})
        refuse_unready(connect(server.url))


def test_a_server_without_aggregated_discovery(server: StandInServer) -> None:
    server.answers["/api"] = (200, json.dumps({"kind": "APIVersions"}), {})
    server.answers["/apis"] = (200, json.dumps({"kind": "APIGroupList"}), {})
    with pytest.raises(Failure) as raised:
        read_kinds(connect(server.url))
    assert "APIGroupList" in raised.value.found
