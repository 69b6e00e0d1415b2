# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Draws a migration: events, memory left to send, and which requests of the probe were answered, one below the other on one scale. Pure."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.pictures.svg import Svg

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.migration_view import MigrationView

_WIDTH = 960
_LEFT, _RIGHT = 130, 24
_EVENTS, _MEMORY, _STRIP, _AXIS = 34, 84, 172, 214
_MEMORY_HEIGHT, _STRIP_HEIGHT = 64, 26
_HEIGHT = 240
_TICKS = 8


def draw(view: MigrationView, name: str) -> str:
    picture = Svg(name, _WIDTH, _HEIGHT, f"Timeline of the migration of {view.vm}", _description(view))
    scale = _Scale(view.seconds)
    _draw_interruption(picture, view, scale)
    _draw_events(picture, view, scale)
    _draw_memory(picture, view, scale)
    _draw_strip(picture, view, scale)
    _draw_axis(picture, scale)
    return str(picture)


class _Scale:
    """From seconds to the picture's units."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds or 1.0

    def x(self, at_s: float) -> float:
        inside = min(max(at_s, 0.0), self.seconds)
        return _LEFT + inside / self.seconds * (_WIDTH - _LEFT - _RIGHT)

    def ticks(self) -> list[float]:
        rough = self.seconds / _TICKS
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough)
        return [number * step for number in range(int(self.seconds / step) + 1)]


def _draw_interruption(picture: Svg, view: MigrationView, scale: _Scale) -> None:
    if view.gap is None:
        return
    left, right = scale.x(view.gap.start_s), scale.x(view.gap.start_s + view.gap.length_ms / 1000)
    picture.rect(left, _EVENTS - 8, max(1.5, right - left), _STRIP + _STRIP_HEIGHT - _EVENTS + 8, "gap-band")
    anchor = "end" if left > _WIDTH * 0.7 else "start"
    proof = "" if view.gap.proven else ", not proven"
    picture.text(left if anchor == "end" else right, _EVENTS - 14, f"longest gap {view.gap.length_ms:.1f} ms{proof}", "gap-label", anchor)


def _draw_events(picture: Svg, view: MigrationView, scale: _Scale) -> None:
    picture.text(0, _EVENTS + 16, "Events", "row-label")
    picture.line(_LEFT, _EVENTS + 12, _WIDTH - _RIGHT, _EVENTS + 12, "axis")
    free_from = [0.0, 0.0]
    for event in view.events:
        x = scale.x(event.at_s)
        picture.line(x, _EVENTS + 6, x, _EVENTS + 18, "event")
        row = 0 if free_from[0] <= x - 9 else 1
        free_from[row] = x + 9
        picture.text(x, (_EVENTS + 3, _EVENTS + 30)[row], str(event.number), "event-number", "middle")


def _draw_memory(picture: Svg, view: MigrationView, scale: _Scale) -> None:
    picture.text(0, _MEMORY + 28, "Memory left", "row-label")
    picture.text(0, _MEMORY + 42, "to send", "row-label")
    bottom = _MEMORY + _MEMORY_HEIGHT
    picture.line(_LEFT, bottom, _WIDTH - _RIGHT, bottom, "axis")
    highest = max((mib for _at, mib in view.remaining), default=0.0)
    if not highest:
        picture.text(_LEFT + 4, bottom - 6, "not recorded", "small")
        return
    picture.text(_LEFT - 6, _MEMORY + 8, f"{highest:.0f} MiB", "small", "end")
    points = [(scale.x(at_s), bottom - mib / highest * _MEMORY_HEIGHT) for at_s, mib in view.remaining]
    picture.polyline(points, "remaining")


def _draw_strip(picture: Svg, view: MigrationView, scale: _Scale) -> None:
    picture.text(0, _STRIP + 11, "Answers", "row-label")
    picture.text(0, _STRIP + 24, "to the probe", "row-label")
    if not view.slices:
        picture.text(_LEFT + 4, _STRIP + 18, "nobody probed", "small")
        return
    for piece in view.slices:
        left, right = scale.x(piece.start_s), scale.x(piece.end_s)
        picture.rect(
            left, _STRIP, right - left, _STRIP_HEIGHT, f"slice {piece.kind}", f"{piece.start_s:.2f} to {piece.end_s:.2f} s: {piece.kind}"
        )


def _draw_axis(picture: Svg, scale: _Scale) -> None:
    picture.line(_LEFT, _AXIS - 6, _WIDTH - _RIGHT, _AXIS - 6, "axis")
    for tick in scale.ticks():
        x = scale.x(tick)
        picture.line(x, _AXIS - 6, x, _AXIS - 1, "axis")
        picture.text(x, _AXIS + 12, f"{round(tick, 6):g} s", "small", "middle")


def _description(view: MigrationView) -> str:
    events = ", ".join(f"{event.name} at {event.at_s:.2f} s" for event in view.events)
    gap = f"The longest gap is {view.gap.length_ms:g} ms at {view.gap.start_s:.2f} s." if view.gap else "No request was lost."
    return f"Events: {events or 'none recorded'}. {gap}"
