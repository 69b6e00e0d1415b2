# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes that go to a stand-in for the kernel: those of our code through its root, and those of the programs that it installs for boot."""

from __future__ import annotations

import io
import pathlib
import runpy
import sys
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot


class Kernel(t.Protocol):
    def write(self, path: str, text: str) -> None: ...


KernelT = t.TypeVar("KernelT", bound=Kernel)


class KernelRoot(HostRoot, t.Generic[KernelT]):
    """A fake root whose attributes behave like the kernel's."""

    def __init__(self, path: pathlib.Path, kernel: KernelT, on_boundary: t.Callable[[int, str], None] | None = None) -> None:
        super().__init__(str(path), on_boundary)
        self.kernel = kernel

    def write_value(self, path: str, text: str) -> None:
        self.boundary(f"write {text!r} to {path}")
        try:
            self.kernel.write(self.real(path), text)
        except OSError as error:
            raise self._refused(f"write {text!r}", path, error) from error


def run_installed(root: KernelRoot[t.Any], program: str, argv: t.Sequence[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of an installed Python program, run here so that its writes go to the stand-in kernel. C(argv) begins with its name."""

    class Attribute(io.StringIO):
        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

        def __exit__(self, *_unused: object) -> None:
            root.kernel.write(self.path, self.getvalue())

    def kernel_open(path: str, mode: str = "r") -> t.IO[str]:
        return open(path) if mode == "r" else Attribute(path)

    monkeypatch.setenv("VMSITE_ROOT", root.path)
    monkeypatch.setattr(sys, "argv", list(argv))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(root.real(program), init_globals={"open": kernel_open})
    return int(ended.value.code or 0)
