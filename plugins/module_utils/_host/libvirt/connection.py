# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Connections to libvirt, here and on other hosts, whose errors are Failures.

The binding is imported when a connection is opened: a host without it can still be predicted.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
import time
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

LOCAL = "qemu:///system"
# The ports libvirt's own sockets listen on; ssh is asked on its own.
PORTS = {"tls": 16514, "tcp": 16509, "ssh": 22}
SOCKETS = ("/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock")
# A peer that vanished is noticed after interval times count seconds, not after TCP's quarter of an hour.
KEEPALIVE_INTERVAL, KEEPALIVE_COUNT = 3, 4


def binding() -> t.Any:
    """The libvirt binding, quiet (it prints every error by default) and with its event loop running, which keepalive and events need."""
    try:
        import libvirt
    except ImportError as error:
        raise Failure(
            asked="talk to libvirt",
            found=f"no Python binding for it ({error})",
            where="the Python interpreter that runs this module",
            remedy="install python3-libvirt, and let Ansible use the system's Python on this host",
        ) from error
    _start_event_loop()
    return libvirt


@functools.cache
def _start_event_loop() -> None:
    """Once per process, and before the first connection."""
    import libvirt

    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    libvirt.virEventRegisterDefaultImpl()
    libvirt.virEventAddTimeout(500, lambda *_nothing: None, None)  # a loop without a timer could sleep for ever
    threading.Thread(target=_run_event_loop, args=(libvirt,), daemon=True).start()


def _run_event_loop(libvirt: t.Any) -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def uri(host: str, transport: str, user: str | None = None) -> str:
    at = f"{user}@" if user and transport == "ssh" else ""
    options = "?no_tty=1" if transport == "ssh" else ""
    return f"qemu+{transport}://{at}{host}/system{options}"


@contextlib.contextmanager
def local() -> t.Iterator[t.Any]:
    with _opened(LOCAL, "this host", "start libvirtd: role libvirt_host does") as connection:
        yield connection


@contextlib.contextmanager
def remote(host: str, transport: str, asked_by: str = "ask libvirt on another host", timeout: float = 5.0) -> t.Iterator[t.Any]:
    """A connection to C(host). What does not answer is refused after C(timeout) seconds."""
    port = PORTS[transport]
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError as error:
        raise Failure(
            asked=f"{asked_by}: {host} over {transport}",
            found=f"no connection to port {port}: {error.strerror or error}",
            where=host,
            remedy=f"check that {host} is up, that its libvirtd listens for {transport} (role libvirt_host), and that no firewall is in between",
        ) from error
    with _opened(uri(host, transport), host, f"check certificates or keys of both hosts for {transport}") as connection:
        connection.setKeepAlive(KEEPALIVE_INTERVAL, KEEPALIVE_COUNT)
        yield connection


@contextlib.contextmanager
def _opened(address: str, host: str, remedy: str) -> t.Iterator[t.Any]:
    libvirt = binding()
    try:
        connection = libvirt.open(address)
    except libvirt.libvirtError as error:
        raise Failure(asked=f"connect to libvirt at {address}", found=said(error), where=host, remedy=remedy) from error
    try:
        yield connection
    finally:
        with contextlib.suppress(libvirt.libvirtError):
            connection.close()


def said(error: Exception) -> str:
    """What libvirt said, on one line."""
    return " ".join(str(error).split())


@contextlib.contextmanager
def reported(asked: str, where: str, remedy: str = "look at what libvirt names, and at the journal of libvirtd there") -> t.Iterator[None]:
    """Turn libvirt's errors of the enclosed calls into one Failure."""
    libvirt = binding()
    try:
        yield
    except libvirt.libvirtError as error:
        raise Failure(asked=asked, found=said(error), where=where, remedy=remedy) from error


def domain(connection: t.Any, name: str) -> t.Any | None:
    """The domain of that name, or None."""
    libvirt = binding()
    try:
        return connection.lookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise Failure(
            asked=f"look up the VM {name}", found=said(error), where=connection.getURI(), remedy="look at libvirtd there"
        ) from error


def wait_until(condition: t.Callable[[], bool], seconds: float, interval: float = 0.2) -> bool:
    """Whether C(condition) came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(interval)
    return True
