# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Reads fields out of data that a user passed in: every mistake is noted, none stops the reading, so that all are told at once."""

from __future__ import annotations

import datetime as dt
import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure

Json = dict[str, t.Any]

_Made = t.TypeVar("_Made")

_TYPES: dict[type, str] = {str: "a text", bool: "true or false", int: "a number", float: "a number", dict: "a dictionary", list: "a list"}


class Fields:
    """The keys of one dictionary. C(done) must be called at the end: it notes the keys that nobody asked for."""

    def __init__(self, data: t.Any, where: str, mistakes: list[Failure]) -> None:
        self._where = where
        self._mistakes = mistakes
        self._asked: list[str] = []
        self._data: Json = data if isinstance(data, dict) else {}
        if not isinstance(data, dict):
            self._wrong_type(where, "a dictionary", data)

    def text(self, key: str, default: str | None = None) -> str:
        return str(self._get(key, str, default))

    def flag(self, key: str, default: bool | None = None) -> bool:
        return bool(self._get(key, bool, default))

    def moment(self, key: str) -> str:
        """A point in time as ISO 8601 with its offset, given back as it was."""
        text = self.text(key)
        try:
            if dt.datetime.fromisoformat(text.replace("Z", "+00:00")).tzinfo is None:
                raise ValueError("it has no offset")
        except ValueError as error:
            if key in self._data and isinstance(self._data[key], str):
                self.mistake(key, f"{text!r}: {error}", "write it like 2026-11-25T07:10:37Z")
        return text

    def dictionary(self, key: str, default: Json | None = None) -> Json:
        return dict(self._get(key, dict, default))

    def optional_dictionary(self, key: str) -> Json | None:
        self._asked.append(key)
        value = self._data.get(key)
        if value is not None and not isinstance(value, dict):
            self._wrong_type(f"{self._where}.{key}", "a dictionary or nothing", value)
            return None
        return value

    def optional_number(self, key: str) -> float | None:
        self._asked.append(key)
        value = self._data.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            self._wrong_type(f"{self._where}.{key}", "a number or nothing", value)
            return None
        return value

    def each(self, key: str, make: t.Callable[[t.Any, str, list[Failure]], _Made], *, required: bool = False) -> list[_Made]:
        """One object per entry of a list. C(make) takes the entry, where it stands, and the mistakes so far."""
        entries = self._get(key, list, None if required else [])
        return [make(entry, f"{self._where}.{key}[{index}]", self._mistakes) for index, entry in enumerate(entries)]

    def raw(self, key: str) -> t.Any:
        self._asked.append(key)
        return self._data.get(key)

    def done(self) -> None:
        for key in sorted(set(map(str, self._data)) - set(self._asked)):
            self.mistake(key, "an unknown key", f"use one of {', '.join(sorted(self._asked))}")

    def mistake(self, key: str, found: str, remedy: str) -> None:
        self._mistakes.append(Failure(asked="a report of this record", found=found, where=f"{self._where}.{key}", remedy=remedy))

    def _get(self, key: str, wanted: type, default: t.Any) -> t.Any:
        self._asked.append(key)
        if key not in self._data:
            if default is None:
                self.mistake(key, "nothing", f"give {_TYPES[wanted]}")
            return wanted() if default is None else default
        value = self._data[key]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            self._wrong_type(f"{self._where}.{key}", _TYPES[wanted], value)
            return wanted() if default is None else default
        return value

    def _wrong_type(self, where: str, wanted: str, value: t.Any) -> None:
        shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
        self._mistakes.append(Failure(asked="a report of this record", found=shown, where=where, remedy=f"give {wanted}"))
