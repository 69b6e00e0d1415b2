# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs are built by the real Go compiler, from a module that needs no download: once, whole or not at all, and again when something changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.baremetal.vmsite.lab.commands import LabError
from ansible_collections.baremetal.vmsite.lab.progress import Progress
from ansible_collections.baremetal.vmsite.lab.tools import go
from ansible_collections.baremetal.vmsite.lab.tools.build import Tools
from ansible_collections.baremetal.vmsite.lab.tools.definition import PROGRAMS, Program

SOURCE = 'package main\n\nvar says = "nothing"\n\nfunc main() { println(says) }\n'


@pytest.fixture
def program(tmp_path: Path) -> Program:
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module lab.local/hello\n\ngo 1.21\n")
    (module / "go.sum").write_text("")
    (module / "main.go").write_text(SOURCE)
    return Program("hello", module, "lab.local/hello", "-X main.says=stamped")


@pytest.fixture(scope="module")
def go_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, or each test would compile Go's own library."""
    return tmp_path_factory.mktemp("go")


@pytest.fixture
def tools(tmp_path: Path, go_home: Path) -> Tools:
    tools = Tools(tmp_path / "tools")
    tools.directory.mkdir()
    (tools.directory / "go").symlink_to(go_home)
    return tools


def built(tools: Tools, *programs: Program) -> int:
    """How many were really built."""
    progress = Progress()
    tools.build(programs, progress)
    return progress.changes


def said(tools: Tools, name: str = "hello") -> str:
    return subprocess.run([tools.programs / name], capture_output=True, text=True, check=True).stderr.strip()


def test_a_program_is_built_once_and_carries_its_stamp(tools: Tools, program: Program) -> None:
    assert built(tools, program) == 1
    assert said(tools) == "stamped"
    assert built(tools, program) == 0


def test_another_dependency_builds_anew_and_the_link_follows(tools: Tools, program: Program) -> None:
    built(tools, program)
    before = (tools.programs / "hello").resolve()
    (program.module / "go.mod").write_text("module lab.local/hello\n\ngo 1.21\n\n// another\n")
    assert built(tools, program) == 1
    assert (tools.programs / "hello").resolve() != before


def test_half_a_program_of_a_killed_build_is_not_taken(tools: Tools, program: Program) -> None:
    built(tools, program)
    whole = (tools.programs / "hello").resolve()
    whole.unlink()
    whole.with_suffix(".4711").write_bytes(b"half")
    assert built(tools, program) == 1
    assert (said(tools), [file.name for file in whole.parent.iterdir()]) == ("stamped", ["hello"])


def test_other_flags_build_anew(tools: Tools, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    built(tools, program)
    monkeypatch.setattr(go.Go, "flags", "-mod=readonly -buildvcs=false")
    assert built(tools, program) == 1


def test_what_the_compiler_said_is_in_the_error(tools: Tools, program: Program) -> None:
    (program.module / "main.go").write_text(SOURCE.replace("println(says)", "println(nobody)"))
    with pytest.raises(LabError, match="undefined: nobody"):
        built(tools, program)
    assert not (tools.programs / "hello").exists()


def test_a_machine_without_go(tools: Tools, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(go, "USUAL", "/nowhere/go")
    with pytest.raises(LabError, match="Install Go"):
        built(tools, program)


def test_every_program_is_a_tool_of_its_module() -> None:
    for program in PROGRAMS:
        assert f"\t{program.package}\n" in (program.module / "go.mod").read_text(), program.name
        assert (program.module / "go.sum").stat().st_size > 0, program.name
