# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What is wanted of a service, as typed records. Everything that is wrong with the options alone is refused here, all of it at once."""

from __future__ import annotations

import dataclasses
import posixpath
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, raise_all

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
SHA256 = re.compile(r"[0-9a-fA-F]{64}\Z")
MODE = re.compile(r"0[0-7]{3,4}\Z")
UNIT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9:_.\\@-]*\.(service|socket|timer|path|mount|target|slice|swap|automount)\Z")
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*\Z")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.:~^_-]*\Z")
PLACEHOLDER = re.compile(r"\{file:([^}]*)\}")
UNIT_DIRECTORY = "/etc/systemd/system"
# Seconds for which a unit that starts unheard must stay active before it counts as running.
ACTIVE_FOR_UNHEARD = 1


@dataclasses.dataclass(frozen=True)
class Package:
    name: str
    version: str | None


@dataclasses.dataclass(frozen=True)
class Ownership:
    """C(mode) as permission bits, owner and group by name."""

    mode: int
    owner: str
    group: str


@dataclasses.dataclass(frozen=True)
class Artifact:
    source: str
    sha256: str
    member: str | None
    path: str
    ownership: Ownership


@dataclasses.dataclass(frozen=True)
class Directory:
    path: str
    ownership: Ownership


@dataclasses.dataclass(frozen=True)
class File:
    path: str
    content: str
    secret: bool
    ownership: Ownership


@dataclasses.dataclass(frozen=True)
class Link:
    path: str
    target: str


@dataclasses.dataclass(frozen=True)
class Unit:
    """C(definition) are the paths of its own unit file and drop-in among the service's files."""

    name: str
    enabled: bool | None
    state: str | None
    masked: bool
    definition: tuple[str, ...]
    restart_on: tuple[str, ...] | None
    reload_on: tuple[str, ...]

    def is_concerned_by(self, item: str) -> bool:
        """Whether a change of this path or package means that a running unit runs with something old."""
        if item in self.definition or item in self.reload_on:
            return True
        if self.restart_on is None:
            return self.name.endswith(".service")
        return item in self.restart_on

    def can_reload(self, items: t.Iterable[str]) -> bool:
        return all(item in self.reload_on for item in items)


@dataclasses.dataclass(frozen=True)
class Readiness:
    command: tuple[str, ...]
    tcp: tuple[str, int] | None
    http: str | None
    socket: str | None
    active_for: int | None
    timeout: int

    def seconds_active(self, started_unheard: bool) -> int:
        """How long a unit must have been active. One that starts unheard may be about to die; the others have said that they run."""
        if self.active_for is None:
            return ACTIVE_FOR_UNHEARD if started_unheard else 0
        return self.active_for


@dataclasses.dataclass(frozen=True)
class Service:
    name: str
    packages: tuple[Package, ...]
    artifacts: tuple[Artifact, ...]
    directories: tuple[Directory, ...]
    files: tuple[File, ...]
    links: tuple[Link, ...]
    absent: tuple[str, ...]
    validators: tuple[tuple[str, ...], ...]
    units: tuple[Unit, ...]
    may_restart: bool
    readiness: Readiness

    def paths(self) -> list[str]:
        """Every path whose content is this service's."""
        contents = [item.path for item in self.artifacts] + [item.path for item in self.files] + [item.path for item in self.links]
        return contents + list(self.absent)


def read_options(options: dict[str, t.Any]) -> Service:
    """The options of the door as a Service. Raises Failure(s)."""
    reader = _Reader()
    service = reader.service(options)
    reader.check_together(service)
    raise_all(reader.failures)
    return service


class _Reader:
    """Reads everything to the end and collects what is wrong on the way."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def refuse(self, where: str, asked: t.Any, found: str, remedy: str) -> None:
        self.failures.append(Failure(asked=f"{where}: {asked}", found=found, where=where, remedy=remedy))

    def service(self, options: dict[str, t.Any]) -> Service:
        if not NAME.match(options["name"]):
            self.refuse("name", options["name"], "not a plain name", "use small letters, digits, - and _")
        files = [self.file(entry) for entry in options.get("files") or []]
        directories = [Directory(self.path("directories", e["path"]), self.ownership(e)) for e in options.get("directories") or []]
        units = []
        for entry in options.get("units") or []:
            own = self.unit_files(entry)
            files += own
            units.append(self.unit(entry, tuple(file.path for file in own)))
            if entry.get("drop_in") is not None:
                directories.append(Directory(posixpath.dirname(own[-1].path), Ownership(0o755, "root", "root")))
        return Service(
            name=options["name"],
            packages=tuple(self.package(entry) for entry in options.get("packages") or []),
            artifacts=tuple(self.artifact(entry) for entry in options.get("artifacts") or []),
            directories=tuple(directories),
            files=tuple(files),
            links=tuple(Link(self.path("links", e["path"]), e["target"]) for e in options.get("links") or []),
            absent=tuple(self.path("absent", path) for path in options.get("absent") or []),
            validators=tuple(self.argv(entry["argv"]) for entry in options.get("validators") or []),
            units=tuple(units),
            may_restart=options.get("restart", "when_changed") == "when_changed",
            readiness=self.readiness(options.get("readiness") or {}),
        )

    def path(self, where: str, path: str) -> str:
        if not path.startswith("/") or path.startswith("//") or posixpath.normpath(path) != path or path == "/":
            self.refuse(where, path, "not a plain absolute path", "write it from / on, without .., doubled or final slashes")
        return path

    def package(self, entry: dict[str, t.Any]) -> Package:
        name, version = entry["name"], entry.get("version") or None
        if not PACKAGE.match(name) or (version and not VERSION.match(version)):
            self.refuse(
                "packages", f"{name} {version or ''}".strip(), "no name or version of a package", "write them as the package manager does"
            )
        return Package(name, version)

    def ownership(self, entry: dict[str, t.Any], default: str = "0755") -> Ownership:
        mode = entry.get("mode") or default
        if not MODE.match(mode):
            self.refuse("mode", mode, "no octal number with a leading zero", "write it in quotes, as '0644': YAML reads 0644 as a number")
            mode = default
        return Ownership(int(mode, 8), entry.get("owner") or "root", entry.get("group") or "root")

    def file(self, entry: dict[str, t.Any]) -> File:
        path = self.path("files", entry["path"])
        content, secret = entry.get("content"), entry.get("secret_content")
        if (content is None) == (secret is None):
            self.refuse("files", path, "both or none of content and secret_content", "give one of them")
        chosen = content if secret is None else secret
        return File(path, chosen or "", secret is not None, self.ownership(entry, "0644" if secret is None else "0600"))

    def artifact(self, entry: dict[str, t.Any]) -> Artifact:
        source = entry["source"]
        if not source.startswith(("/", "http://", "https://", "file:///")):
            self.refuse("artifacts", source, "neither an absolute path nor a URL", "write a path on the host, or http, https, file")
        if not SHA256.match(entry["sha256"]):
            self.refuse("artifacts", entry["sha256"], "no SHA-256", "write its 64 hexadecimal digits")
        path = self.path("artifacts", entry["dest"])
        return Artifact(source, entry["sha256"].lower(), entry.get("member") or None, path, self.ownership(entry))

    def argv(self, argv: list[str]) -> tuple[str, ...]:
        if not argv or not argv[0]:
            self.refuse("validators", argv, "no command", "write the program and its arguments as a list")
        return tuple(argv)

    def unit_files(self, entry: dict[str, t.Any]) -> list[File]:
        ownership = Ownership(0o644, "root", "root")
        own = []
        if entry.get("content") is not None:
            own.append(File(f"{UNIT_DIRECTORY}/{entry['name']}", entry["content"], False, ownership))
        if entry.get("drop_in") is not None:
            own.append(File(f"{UNIT_DIRECTORY}/{entry['name']}.d/vmsite.conf", entry["drop_in"], False, ownership))
        return own

    def unit(self, entry: dict[str, t.Any], definition: tuple[str, ...]) -> Unit:
        name = entry["name"]
        if not UNIT.match(name):
            self.refuse("units", name, "no name of a unit", "write it with its suffix, as chrony.service")
        masked = bool(entry.get("masked"))
        if masked and (entry.get("state") == "started" or entry.get("enabled")):
            self.refuse("units", name, "masked, and started or enabled", "choose one")
        if masked and entry.get("content") is not None:
            self.refuse("units", name, "masked, and content: both are the same file", "choose one")
        restart_on = entry.get("restart_on")
        return Unit(
            name=name,
            enabled=None if masked else entry.get("enabled"),
            state="stopped" if masked else entry.get("state"),
            masked=masked,
            definition=definition,
            restart_on=None if restart_on is None else tuple(restart_on),
            reload_on=tuple(entry.get("reload_on") or ()),
        )

    def readiness(self, entry: dict[str, t.Any]) -> Readiness:
        host, colon, port = (entry.get("tcp") or "").rpartition(":")
        tcp = (host.strip("[]"), int(port)) if colon and port.isdecimal() and int(port) < 65536 else None
        if entry.get("tcp") and (tcp is None or not tcp[0]):
            self.refuse("readiness.tcp", entry["tcp"], "not HOST:PORT", "write it as 127.0.0.1:9100")
        http = entry.get("http")
        if http and not http.startswith(("http://", "https://")):
            self.refuse("readiness.http", http, "no such URL", "begin it with http:// or https://")
        if entry.get("socket"):
            self.path("readiness.socket", entry["socket"])
        active_for, timeout = entry.get("active_for"), entry.get("timeout")
        longest, timeout = ACTIVE_FOR_UNHEARD if active_for is None else active_for, 30 if timeout is None else timeout
        if longest < 0 or timeout <= longest:
            self.refuse("readiness", f"active_for {longest}, timeout {timeout}", "never fulfilled", "wait longer than active_for")
        return Readiness(tuple(entry.get("command") or ()), tcp, http, entry.get("socket"), active_for, timeout)

    def check_together(self, service: Service) -> None:
        listed = service.paths()
        for path in sorted({path for path in listed if listed.count(path) > 1}):
            self.refuse("paths", path, "listed twice", "list each path once")
        known = {*listed, *(package.name for package in service.packages)}
        for unit in service.units:
            for item in (*(unit.restart_on or ()), *unit.reload_on):
                if item not in known:
                    self.refuse(
                        "units", f"{unit.name}: {item}", "not listed in this call", "list it, or drop it from restart_on and reload_on"
                    )
        names = [unit.name for unit in service.units]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.refuse("units", name, "listed twice", "list each unit once")
        for argv in service.validators:
            for path in [found for word in argv for found in PLACEHOLDER.findall(word)]:
                if path not in listed or path in service.absent:
                    self.refuse("validators", path, "not a file of this call", "name a listed file, artifact or unit file")
