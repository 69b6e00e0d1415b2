# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Packages by apt or dnf behind one interface. They are only ever installed, never removed."""

from __future__ import annotations

import abc
import contextlib
import os
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import Package

# A slow mirror and a large package; a hanging one still ends.
INSTALL_TIMEOUT = 900.0


class PackageManager(abc.ABC):
    """Reads and installs packages. C(starts_services) tells whether installing starts what is installed, as Debian does."""

    starts_services = False

    def __init__(self, root: HostRoot) -> None:
        self.root = root

    @abc.abstractmethod
    def installed(self, names: t.Sequence[str]) -> dict[str, str | None]:
        """Name -> installed version, None if it is not installed, or not to the end."""

    @abc.abstractmethod
    def sources(self) -> list[str]:
        """The repositories that are configured."""

    @abc.abstractmethod
    def finish_interrupted(self) -> None:
        """Complete what a killed run left."""

    @abc.abstractmethod
    def install(self, packages: t.Sequence[Package]) -> None:
        """Install exactly these, with what they need. Raises Failure with the package manager's words."""

    def refused(self, packages: t.Sequence[Package], found: str) -> Failure:
        names = ", ".join(package.name + (f" {package.version}" if package.version else "") for package in packages)
        configured = self.sources()
        state = f"configured: {', '.join(configured)}" if configured else "none is configured"
        return Failure(
            asked=f"install {names}",
            found=found,
            where=f"the host's package repositories ({state})",
            remedy="configure a repository or mirror that this host reaches and that has the package, or put the package into the host's image",
        )


class Apt(PackageManager):
    """dpkg and apt-get. Questions are never asked; configuration files that are there stay."""

    starts_services = True
    OPTIONS = (
        *("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"),
        *("-o", "DPkg::Lock::Timeout=60", "--no-install-recommends"),
    )

    def installed(self, names: t.Sequence[str]) -> dict[str, str | None]:
        listing = "${Package} ${db:Status-Status} ${Version}\\n"
        # Exit code 1: some of the names are unknown. The others are listed all the same.
        done = self.root.run(["dpkg-query", "--show", f"--showformat={listing}", *names], changes=False, check=False)
        versions: dict[str, str | None] = dict.fromkeys(names)
        for line in done.out.splitlines():
            name, status, version = [*line.split(" "), "", ""][:3]
            if status == "installed" and name in versions:
                versions[name] = version
        return versions

    def sources(self) -> list[str]:
        done = self.root.run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)"], changes=False, check=False)
        return sorted({line for line in done.out.splitlines() if line.strip()})

    def finish_interrupted(self) -> None:
        if self.root.run(["dpkg", "--audit"], changes=False, check=False).out.strip():
            with _without_questions():
                self.root.run(["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"], changes=True, timeout=INSTALL_TIMEOUT)

    def install(self, packages: t.Sequence[Package]) -> None:
        wanted = [package.name + (f"={package.version}" if package.version else "") for package in packages]
        command = ["apt-get", "--yes", "--allow-downgrades", *self.OPTIONS, "install", *wanted]
        with _without_questions():
            self.finish_interrupted()
            done = self.root.run(command, changes=True, timeout=INSTALL_TIMEOUT, check=False)
            if done.rc != 0:  # the lists may be missing or older than the mirror
                updated = self.root.run(["apt-get", "--quiet", "update"], changes=True, timeout=INSTALL_TIMEOUT, check=False)
                done = self.root.run(command, changes=True, timeout=INSTALL_TIMEOUT, check=False)
                if done.rc != 0:
                    raise self.refused(packages, _words(done.err, updated.err))


class Dnf(PackageManager):
    """rpm and dnf."""

    def installed(self, names: t.Sequence[str]) -> dict[str, str | None]:
        done = self.root.run(["rpm", "--query", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE}\\n", *names], changes=False, check=False)
        found = dict(line.split(" ") for line in done.out.splitlines() if line.count(" ") == 1)
        return {name: found.get(name) for name in names}

    def sources(self) -> list[str]:
        done = self.root.run(["dnf", "--quiet", "repolist", "--enabled"], changes=False, check=False)
        return [line.split()[0] for line in done.out.splitlines()[1:] if line.strip()]

    def finish_interrupted(self) -> None:
        """rpm's transactions need nothing: dnf installs again what is missing."""

    def install(self, packages: t.Sequence[Package]) -> None:
        wanted = [package.name + (f"-{package.version}" if package.version else "") for package in packages]
        done = self.root.run(
            ["dnf", "--assumeyes", "--setopt=install_weak_deps=False", "install", *wanted],
            changes=True,
            timeout=INSTALL_TIMEOUT,
            check=False,
        )
        if done.rc != 0:
            raise self.refused(packages, _words(done.err, ""))


def package_manager(root: HostRoot) -> PackageManager:
    """The one of this host. Raises Failure if there is none that we know."""
    if root.has_program("dpkg-query") and root.has_program("apt-get"):
        return Apt(root)
    if root.has_program("rpm") and root.has_program("dnf"):
        return Dnf(root)
    raise Failure(
        asked="install packages",
        found="neither dpkg and apt-get nor rpm and dnf",
        where=root.path,
        remedy="put the programs into the host's image, or install them as artifacts",
    )


@contextlib.contextmanager
def _without_questions() -> t.Iterator[None]:
    """No dialogs, and no needrestart that restarts other services on its own."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "APT_LISTCHANGES_FRONTEND": "none", "NEEDRESTART_SUSPEND": "1"}
    before = {name: os.environ.get(name) for name in quiet}
    os.environ.update(quiet)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _words(error: str, earlier: str) -> str:
    """The lines of the package manager that say what is wrong, each once."""
    lines = [line.strip() for text in (error, earlier) for line in text.splitlines() if line.startswith(("E:", "W:", "Error"))]
    said = list(dict.fromkeys(lines)) or [line for line in error.splitlines() if line.strip()][-5:] or ["it said nothing"]
    return " / ".join(said[:6])
