# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real etcd and a real kube-apiserver on loopback, with certificates of their own. No controllers run: nothing acts on the objects.

So a namespace that is deleted stays in Terminating, and a status is what a test writes.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import time
import typing as t
import urllib.error
import urllib.request

import yaml

from ansible_collections.baremetal.vmsite.tests.apiserver.certificates import Authority, key_of

ADDRESS = "127.0.0.1"
START_SECONDS = 120
AUDIT_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}

Json = dict[str, t.Any]


class ControlPlane:
    """Made by start(); C(kubeconfig) writes one for a user, C(requests) reads the audit log."""

    def __init__(self, directory: pathlib.Path, programs: t.Callable[[str], pathlib.Path]) -> None:
        self.directory = directory
        self._programs = programs
        self.authority = Authority(directory, "authority")
        self._etcd_port, self._peer_port, port = _free_ports(3)
        self.url = f"https://{ADDRESS}:{port}"
        self._port = port
        self._numbers = itertools.count(1)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._admin = self.authority.issue("admin", "system:masters")

    def start(self) -> None:
        self._server = self.authority.issue("server", hosts=("localhost", ADDRESS))
        self._start_etcd()
        key = key_of(self._server)
        policy = self.directory / "audit-policy.yml"
        policy.write_text(yaml.safe_dump(AUDIT_POLICY))
        self._start(
            "kube-apiserver",
            *(f"--bind-address={ADDRESS}", f"--secure-port={self._port}", "--advertise-address=192.0.2.1"),
            *("--endpoint-reconciler-type=none", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16"),
            *(f"--etcd-servers=https://{ADDRESS}:{self._etcd_port}", f"--etcd-cafile={self.authority.certificate}"),
            *(f"--etcd-certfile={self._admin}", f"--etcd-keyfile={key_of(self._admin)}"),
            *(f"--client-ca-file={self.authority.certificate}", f"--tls-cert-file={self._server}", f"--tls-private-key-file={key}"),
            *("--service-account-issuer=https://tests.invalid", f"--service-account-key-file={self._server}"),
            *(f"--service-account-signing-key-file={key}", f"--audit-policy-file={policy}", f"--audit-log-path={self._audit_log}"),
        )
        self.wait_until_ready()

    def stop(self) -> None:
        for name in ("kube-apiserver", "etcd"):
            self._stop(name)

    @contextlib.contextmanager
    def without_etcd(self) -> t.Iterator[None]:
        """etcd is killed, and comes back with its data."""
        self._stop("etcd", signal.SIGKILL)
        try:
            yield
        finally:
            self._start_etcd()
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            self._refuse_dead()
            if time.monotonic() > deadline:
                raise TimeoutError(f"kube-apiserver is not ready after {START_SECONDS} s: {self._last_words('kube-apiserver')}")
            time.sleep(0.1)

    def kubeconfig(self, user: str = "admin", url: str | None = None, **more: str) -> str:
        """The path of a kubeconfig for this user, who has no right unless it is admin or a test has given some. C(more) is said of the cluster."""
        certificate = self._admin if user == "admin" else self.authority.issue(user)
        served = {"server": url or self.url, "certificate-authority": str(self.authority.certificate), **more}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": served}],
            "users": [{"name": user, "user": {"client-certificate": str(certificate), "client-key": str(key_of(certificate))}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": user}}],
            "current-context": "tests",
        }
        path = self.directory / f"kubeconfig-{next(self._numbers)}"
        path.write_text(yaml.safe_dump(content))
        return str(path)

    def send(self, method: str, path: str, body: Json | None = None, content_type: str = "application/json") -> Json:
        """A request of the admin that is not the door's: to look at what is there, or to do what others do."""
        request = urllib.request.Request(self.url + path, method=method, headers={"Content-Type": content_type, "User-Agent": "tests"})
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=70, context=self._tls()) as answer:
            found: Json = json.load(answer)
            return found

    def find(self, path: str) -> Json | None:
        try:
            return self.send("GET", path)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def audited(self, agent: str) -> list[Json]:
        """The requests of this user agent that the API server has completed, oldest first. It logs just after it has answered."""
        time.sleep(0.3)
        lines = self._audit_log.read_text().splitlines() if self._audit_log.exists() else []
        return [event for event in map(json.loads, lines) if event.get("userAgent") == agent and event["stage"] == "ResponseComplete"]

    @property
    def _audit_log(self) -> pathlib.Path:
        return self.directory / "audit.log"

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        context.load_cert_chain(self._admin, key_of(self._admin))
        return context

    def _start_etcd(self) -> None:
        client, peer = f"https://{ADDRESS}:{self._etcd_port}", f"https://{ADDRESS}:{self._peer_port}"
        trusted, key = self.authority.certificate, key_of(self._server)
        self._start(
            "etcd",
            *("--name=tests", f"--data-dir={self.directory / 'etcd'}", "--unsafe-no-fsync", "--log-level=warn"),
            *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}"),
            *(f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=tests={peer}"),
            *(f"--cert-file={self._server}", f"--key-file={key}", "--client-cert-auth", f"--trusted-ca-file={trusted}"),
            *(f"--peer-cert-file={self._server}", f"--peer-key-file={key}", "--peer-client-cert-auth", f"--peer-trusted-ca-file={trusted}"),
        )

    def _start(self, name: str, *arguments: str) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(self._programs(name)), *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def _stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5, context=self._tls()) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _refuse_dead(self) -> None:
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with {process.returncode}: {self._last_words(name)}")

    def _last_words(self, name: str) -> str:
        return "\n".join((self.directory / f"{name}.log").read_text(errors="replace").splitlines()[-5:])


def free_port() -> int:
    """One that nothing listens on now."""
    return _free_ports(1)[0]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((ADDRESS, 0)) for _number in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
