# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Checks each variable by itself against the JSON Schema and says what is wrong in words of the model, all of it at once."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import (
    Mistake,
    Path,
    choices,
    did_you_mean,
    dotted,
    is_secret_name,
)
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Variable

MODEL_VERSION = 1
SCHEMA_FILE = pathlib.Path(__file__).with_name("model.schema.json")

JSON_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


@functools.cache
def schema() -> dict[str, t.Any]:
    """The one schema of the model."""
    return t.cast("dict[str, t.Any]", json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def variable_names() -> list[str]:
    return sorted(schema()["properties"])


def required_variables() -> list[str]:
    return list(schema()["required"])


@functools.cache
def _validator(name: str) -> t.Any:
    try:
        import jsonschema
    except ImportError as error:
        raise Failure(
            asked="check the site model against its JSON Schema",
            found=f"the Python library jsonschema cannot be imported: {error}",
            where="the controller's Python environment",
            remedy="install jsonschema and netaddr for the Python that runs ansible-playbook",
        ) from error
    return jsonschema.Draft202012Validator({"$defs": schema()["$defs"], **schema()["properties"][name]})


def check(variable: Variable) -> list[Mistake]:
    """Every way in which a known variable differs from its part of the schema."""
    mistakes: list[Mistake] = []
    for error in sorted(
        _validator(variable.name).iter_errors(variable.value), key=lambda found: [str(part) for part in found.absolute_path]
    ):
        mistakes.extend(_mistakes(variable, (variable.name, *error.absolute_path), error))
    return mistakes


def _mistakes(variable: Variable, path: Path, error: t.Any) -> t.Iterator[Mistake]:
    rule = error.validator
    if rule == "additionalProperties" and error.validator_value is False:
        yield from unknown_keys(variable, path, error.schema.get("properties", {}))
    elif rule == "required":
        (name,) = [name for name in error.validator_value if error.message.startswith(f"{name!r} ")]  # one error for each missing key
        part = error.schema.get("properties", {}).get(name, error.schema.get("additionalProperties", {}))
        yield variable.mistake((*path, name), "it is missing", f"write {_meaning(part)}", asked=f"{dotted(path)}.{name}")
    elif error.parent is None and "propertyNames" in error.absolute_schema_path:
        yield variable.mistake(
            (*path, error.instance),
            f"{error.instance!r} is no possible name",
            f"write {_meaning(error.schema)}",
            asked=f"{dotted(path)}: a name",
        )
    else:
        yield variable.mistake(path, _found(rule, error), _remedy(rule, error))


def unknown_keys(variable: Variable, path: Path, known: t.Iterable[str]) -> t.Iterator[Mistake]:
    """A mistake for each key at C(path) that is not known."""
    known = sorted(known)
    for name in variable.at(path):
        if name in known:
            continue
        if is_secret_name(name):
            mistake = variable.mistake(
                (*path, name),
                "a secret, and the site model goes to logs and reports",
                "take it out (and change it, if it is real); give roles their secrets from a vault or a credential",
                asked=f"{dotted(path)}.{name}",
            )
        else:
            mistake = variable.mistake(
                (*path, name),
                "no such key",
                did_you_mean(name, known, f"remove it; there are {choices(known)}"),
                asked=f"{dotted(path)}.{name}",
            )
        yield dataclasses.replace(mistake, harmless=True)


def _found(rule: str, error: t.Any) -> str:
    wanted = error.validator_value
    if rule == "type":
        return f"{_kind(error.instance)}, where {JSON_NAMES.get(wanted, wanted)} is needed"
    if rule in ("minItems", "minProperties"):
        return f"{len(error.instance)} entries, where at least {wanted} is needed"
    if rule == "uniqueItems":
        return "an entry that is there twice"
    return "no possible value"


def _kind(value: t.Any) -> str:
    if value is None:
        return "nothing"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return JSON_NAMES[names[type(value)]]


def _remedy(rule: str, error: t.Any) -> str:
    wanted = error.validator_value
    if rule == "enum":
        return did_you_mean(
            str(error.instance), [str(choice) for choice in wanted], f"write one of {choices(str(choice) for choice in wanted)}"
        )
    if rule == "const":
        return f"write {wanted!r}; this collection knows no other"
    if rule == "minimum":
        return f"write {wanted} or more"
    if rule == "maximum":
        return f"write {wanted} or less"
    if rule == "uniqueItems":
        return "remove what is double"
    if rule == "type" and wanted == "string" and not isinstance(error.instance, (dict, list)):
        return "put it in quotes" if error.instance is not None else f"write {_meaning(error.schema)}"
    return f"write {_meaning(error.schema)}"


def _meaning(part: t.Mapping[str, t.Any]) -> str:
    """What may be written for a part of the schema."""
    while "$ref" in part and "description" not in part:
        part = schema()["$defs"][part["$ref"].rsplit("/", 1)[1]]
    if "enum" in part:
        return f"one of {choices(str(choice) for choice in part['enum'])}"
    if "const" in part:
        return repr(part["const"])
    if "description" in part:
        return str(part["description"]).rstrip(".")
    return JSON_NAMES.get(str(part.get("type")), "a value")
