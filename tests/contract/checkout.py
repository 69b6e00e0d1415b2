# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to check: the files of the checkout, doors and roles."""

from __future__ import annotations

import functools
import pathlib
import subprocess
import typing as t

import yaml

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]

MODULES = sorted((CHECKOUT / "plugins" / "modules").glob("*.py"))
ROLES = sorted(path for path in (CHECKOUT / "roles").glob("*") if path.is_dir())


class _TolerantLoader(yaml.SafeLoader):
    """Reads Ansible's own tags (!unsafe, !vault) as the text that follows them."""


_TolerantLoader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


@functools.cache
def files() -> tuple[str, ...]:
    """Every file that git tracks or would track, relative to the checkout."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return tuple(sorted(name for name in listing.stdout.split("\0") if name and (CHECKOUT / name).is_file()))


def text(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def read_yaml(path: pathlib.Path) -> t.Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_TolerantLoader)


def named(paths: t.Iterable[pathlib.Path]) -> dict[str, t.Any]:
    """Arguments for parametrize that show paths by name."""
    listed = list(paths)
    return {"argvalues": listed, "ids": [path.stem for path in listed]}
