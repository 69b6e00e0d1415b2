# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Reads untrusted mappings into typed values, collecting every mistake instead of stopping at the first."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure


class Fields:
    """The keys of one mapping. Each key is asked for once; C(finish) reports the keys that nobody asked for. None counts as absent."""

    def __init__(self, data: t.Any, where: str, mistakes: list[Failure]) -> None:
        self.where = where
        self.mistakes = mistakes
        self._asked: list[str] = []
        self._data: dict[str, t.Any] = {}
        if isinstance(data, dict):
            self._data = {str(key): value for key, value in data.items() if value is not None}
        elif data is not None:
            self._mistake("", f"{data!r}", "a mapping", where)

    def integer(self, key: str, default: t.Any = None, minimum: int = 0) -> t.Any:
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, str) and value.strip().lstrip("-").isdigit():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            self._mistake(key, f"{value!r}", f"a whole number of at least {minimum}")
            return default
        return value

    def integer_or(self, key: str, word: str, default: int) -> int | str:
        """A whole number from 0, or one given word."""
        if self._data.get(key) == word:
            self._asked.append(key)
            return word
        return t.cast("int", self.integer(key, default))

    def boolean(self, key: str, default: bool) -> bool:
        value = self._take(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self._mistake(key, f"{value!r}", "true or false")
        return default

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        value = self._take(key)
        if value is None or value in choices:
            return default if value is None else str(value)
        self._mistake(key, f"{value!r}", f"one of {', '.join(choices)}")
        return default

    def text(self, key: str, required: bool = False) -> str | None:
        value = self._take(key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # YAML reads the CPU list 3 as a number
        if value is None:
            if required:
                self._mistake(key, "nothing", "a text")
            return None
        if not isinstance(value, str) or not value.strip():
            self._mistake(key, f"{value!r}", "a text that is not empty")
            return None
        return value.strip()

    def parsed(self, key: str, parse: t.Callable[[str, str], tuple[int, ...]]) -> tuple[int, ...] | None:
        """A text that C(parse) turns into numbers; its Failure becomes one of the mistakes."""
        text = self.text(key)
        if text is None:
            return None
        try:
            return parse(text, f"{self.where}.{key}")
        except Failure as failure:
            self.mistakes.append(failure)
            return None

    def mapping(self, key: str) -> Fields:
        return Fields(self._take(key), f"{self.where}.{key}", self.mistakes)

    def mappings(self, key: str) -> list[Fields]:
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, (list, tuple)):
            self._mistake(key, f"{value!r}", "a list of mappings")
            return []
        return [Fields(entry, f"{self.where}.{key}[{number}]", self.mistakes) for number, entry in enumerate(value)]

    def finish(self) -> None:
        for key in sorted(set(self._data) - set(self._asked)):
            self._mistake(key, "an unknown key", f"one of {', '.join(sorted(self._asked))}")

    def _take(self, key: str) -> t.Any:
        self._asked.append(key)
        return self._data.get(key)

    def _mistake(self, key: str, found: str, expected: str, where: str | None = None) -> None:
        place = where or (f"{self.where}.{key}" if key else self.where)
        self.mistakes.append(Failure(asked="a valid host profile", found=found, where=place, remedy=f"give {expected}"))
