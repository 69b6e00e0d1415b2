# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Builds SVG pictures element by element: whatever text goes in is text when it comes out. Pure."""

from __future__ import annotations

import typing as t
from xml.etree.ElementTree import Element, SubElement, tostring

Number = t.Union[int, float]


class Svg:
    """A picture with a title and a description for those who cannot see it. C(name) must be unique on the page."""

    def __init__(self, name: str, width: Number, height: Number, title: str, description: str) -> None:
        self._root = Element(
            "svg",
            {
                "viewBox": f"0 0 {_number(width)} {_number(height)}",
                "width": _number(width),
                "height": _number(height),
                "role": "img",
                "aria-labelledby": f"{name}-title {name}-description",
            },
        )
        SubElement(self._root, "title", {"id": f"{name}-title"}).text = title
        SubElement(self._root, "desc", {"id": f"{name}-description"}).text = description

    def rect(self, x: Number, y: Number, width: Number, height: Number, kind: str, hint: str = "") -> None:
        """C(hint) is shown by a browser where the pointer rests."""
        element = self._add("rect", kind, x=x, y=y, width=max(0, width), height=max(0, height))
        if hint:
            SubElement(element, "title").text = hint

    def line(self, x1: Number, y1: Number, x2: Number, y2: Number, kind: str) -> None:
        self._add("line", kind, x1=x1, y1=y1, x2=x2, y2=y2)

    def polyline(self, points: t.Iterable[tuple[Number, Number]], kind: str) -> None:
        element = self._add("polyline", kind)
        element.set("points", " ".join(f"{_number(x)},{_number(y)}" for x, y in points))

    def text(self, x: Number, y: Number, text: str, kind: str = "", anchor: str = "start") -> None:
        element = self._add("text", kind, x=x, y=y)
        element.text = text
        if anchor != "start":
            element.set("text-anchor", anchor)

    def __str__(self) -> str:
        return tostring(self._root, encoding="unicode")

    def _add(self, tag: str, kind: str, **numbers: Number) -> Element:
        attributes = {name: _number(value) for name, value in numbers.items()}
        if kind:
            attributes["class"] = kind
        return SubElement(self._root, tag, attributes)


def _number(value: Number) -> str:
    return f"{round(value, 2):g}"
