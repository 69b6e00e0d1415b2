# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Draws the views of one interruption as bars of one scale, with the limits that were given. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.pictures.svg import Svg

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.migration_view import MigrationView

_WIDTH = 960
_LEFT, _RIGHT = 170, 110
_ROW, _BAR = 30, 18
_LABEL = 70


def draw(view: MigrationView, name: str) -> str:
    taken = {row.name: row.ms for row in view.views if row.ms is not None}
    limits = dict(view.limits)
    longest = max([*taken.values(), *limits.values()], default=0.0) or 1.0
    description = "; ".join(f"{row.name}: {'not measured' if row.ms is None else f'{row.ms:.1f} ms'}" for row in view.views)
    picture = Svg(name, _WIDTH, _ROW * len(view.views), f"Interruption of {view.vm} in each view", description)
    for number, row in enumerate(view.views):
        top = number * _ROW + (_ROW - _BAR) / 2
        picture.text(_LEFT - 10, top + 13, row.name, "row-label", "end")
        if row.ms is None:
            picture.text(_LEFT + 4, top + 13, row.note, "small")
            continue
        width = max(1.5, row.ms / longest * (_WIDTH - _LEFT - _RIGHT))
        limit = limits.get(row.name)
        end = _LEFT + width
        inside = False
        picture.rect(_LEFT, top, width, _BAR, "bar over" if limit is not None and row.ms > limit else "bar")
        if limit is not None:
            x = _LEFT + limit / longest * (_WIDTH - _LEFT - _RIGHT)
            picture.line(x, top - 5, x, top + _BAR + 5, "limit")
            inside = end <= x <= end + _LABEL and width > _LABEL  # the label would lie on the line
        said = f"{row.ms:.1f} ms"
        if inside:
            picture.text(end - 8, top + 13, said, "bar-label inside", "end")
        else:
            picture.text(end + 8, top + 13, said, "bar-label")
    return str(picture)
