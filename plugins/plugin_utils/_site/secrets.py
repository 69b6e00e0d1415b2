# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Secrets have no place in the model, which goes to logs, reports and evidence. A key that names one is refused by the schema."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake, Path, dotted
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Variable

LOOKS_LIKE_A_SECRET = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"^[a-z][a-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@"), "an address with a password in it"),
    (re.compile(r"^\$(1|2[aby]|5|6|y)\$\S{8,}"), "a password hash"),
    (re.compile(r"^eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*$"), "a token"),
)


def without_secrets(variable: Variable) -> list[Mistake]:
    """A mistake for each text that looks like a secret, whatever its key is called. The text itself is not repeated."""
    mistakes: list[Mistake] = []

    def visit(value: t.Any, path: Path) -> None:
        if isinstance(value, dict):
            for name, part in value.items():
                visit(part, (*path, name))
        elif isinstance(value, list):
            for index, part in enumerate(value):
                visit(part, (*path, index))
        elif isinstance(value, str):
            kind = next((kind for pattern, kind in LOOKS_LIKE_A_SECRET if pattern.search(value)), None)
            if kind:
                mistake = variable.mistake(
                    path,
                    f"{kind}, and the site model goes to logs and reports",
                    "take it out and change it; give roles their secrets from a vault or a credential",
                    asked=dotted(path),
                )
                mistakes.append(dataclasses.replace(mistake, harmless=True))

    visit(variable.value, (variable.name,))
    return mistakes
