# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""Draws a host: a panel per NUMA node, in it a box per core with its CPUs and the letter of its role, and a bar of its memory. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.pictures.svg import Svg

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.host_view import Core, HostView, Node

_WIDTH = 960
_EDGE = 1
_GUTTER = 16
_PADDING = 12
_TITLE = 26
_CORE_GAP = 4
_LETTER_LINE, _CPU_LINE = 13, 11
_DIGIT = 5.9
_CPUS_PER_LINE = 2
_BAR = 30


def draw(view: HostView, name: str) -> str:
    """One column of panels for one node, two for more."""
    columns = 1 if len(view.nodes) == 1 else 2
    panel_width = (_WIDTH - 2 * _EDGE - (columns - 1) * _GUTTER) / columns
    grid = _Grid(view, panel_width)
    rows = [view.nodes[start : start + columns] for start in range(0, len(view.nodes), columns)]
    heights = [max(grid.panel_height(node) for node in row) for row in rows]
    height = sum(heights) + _GUTTER * (len(rows) - 1) + 2 * _EDGE
    picture = Svg(name, _WIDTH, height, f"Plan of {view.name}", _description(view))
    top = float(_EDGE)
    for row, row_height in zip(rows, heights):
        for column, node in enumerate(row):
            _draw_node(picture, grid, node, _EDGE + column * (panel_width + _GUTTER), top, panel_width, row_height)
        top += row_height + _GUTTER
    return str(picture)


class _Grid:
    """How the cores of a node are laid out; the same on all nodes of a host, so that they can be compared."""

    def __init__(self, view: HostView, panel_width: float) -> None:
        cores = [core for node in view.nodes for core in node.cores]
        lines = [line for core in cores for line in cpu_lines(core)]
        self.core_width = max(34.0, max((len(line) for line in lines), default=0) * _DIGIT + 10)
        self.core_height = _LETTER_LINE + _CPU_LINE * max((len(cpu_lines(core)) for core in cores), default=1) + 5
        self.per_row = max(1, int((panel_width - 2 * _PADDING + _CORE_GAP) // (self.core_width + _CORE_GAP)))

    def place(self, index: int) -> tuple[float, float]:
        row, column = divmod(index, self.per_row)
        return _PADDING + column * (self.core_width + _CORE_GAP), _TITLE + row * (self.core_height + _CORE_GAP)

    def bar_top(self, node: Node) -> float:
        rows = -(-len(node.cores) // self.per_row)
        return _TITLE + rows * (self.core_height + _CORE_GAP) + 2

    def panel_height(self, node: Node) -> float:
        return self.bar_top(node) + _BAR + _PADDING - 4


def cpu_lines(core: Core) -> list[str]:
    """The CPUs of a core, two to a line."""
    cpus = [str(cpu) for cpu in core.cpus]
    return [" ".join(cpus[start : start + _CPUS_PER_LINE]) for start in range(0, len(cpus), _CPUS_PER_LINE)]


def _draw_node(picture: Svg, grid: _Grid, node: Node, x: float, y: float, width: float, height: float) -> None:
    picture.rect(x, y, width, height, "node")
    picture.text(x + _PADDING, y + 17, "On no online node" if node.number is None else f"Node {node.number}", "node-title")
    if node.nics:
        picture.text(x + width - _PADDING, y + 17, "NIC " + ", ".join(node.nics), "small", anchor="end")
    for index, core in enumerate(node.cores):
        left, top = grid.place(index)
        _draw_core(picture, core, x + left, y + top, grid)
    if not node.cores:
        picture.text(x + width / 2, y + 17, "memory only, no CPUs", "small", anchor="middle")
    _draw_memory(picture, node, x + _PADDING, y + height - _BAR - _PADDING + 6, width - 2 * _PADDING)


def _draw_core(picture: Svg, core: Core, x: float, y: float, grid: _Grid) -> None:
    kind = f"core {core.role}" + (" isolated" if core.isolated else "")
    cpus = " and ".join(str(cpu) for cpu in core.cpus)
    picture.rect(x, y, grid.core_width, grid.core_height, kind, f"CPU {cpus}: {core.role}{', isolated' if core.isolated else ''}")
    picture.text(x + grid.core_width / 2, y + _LETTER_LINE, core.letter, f"letter on-{core.role}", anchor="middle")
    for number, line in enumerate(cpu_lines(core)):
        picture.text(x + grid.core_width / 2, y + _LETTER_LINE + _CPU_LINE * (number + 1), line, f"cpu on-{core.role}", anchor="middle")


def _draw_memory(picture: Svg, node: Node, x: float, y: float, width: float) -> None:
    pages = " + ".join(f"{entry.count} \N{MULTIPLICATION SIGN} {size_text(entry.size_kib)}" for entry in node.pages) or "no hugepages"
    known = node.memory_kib is not None and node.memory_kib > 0
    total = f" of {size_text(node.memory_kib or 0)}" if known else ""
    amount = f" = {size_text(node.pages_kib)}" if node.pages else ""
    picture.text(x, y + 8, f"Hugepages: {pages}{amount}{total}", "small")
    picture.rect(x, y + 13, width, 9, "memory")
    if known and node.pages_kib:
        picture.rect(x, y + 13, width * min(1.0, node.pages_kib / (node.memory_kib or 1)), 9, "hugepages")


def size_text(kib: int) -> str:
    """C(2 MiB), C(62.8 GiB): in the largest unit that gives at least one."""
    size, unit = float(kib), "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if size >= 100 or size == int(size) else f"{size:.1f} {unit}"


def _description(view: HostView) -> str:
    parts = [f"{len(view.nodes)} NUMA nodes."]
    parts += [f"{meaning}: CPUs {cpus}." for _letter, meaning, cpus in view.sets]
    parts += [
        f"Node {node.number}: {size_text(node.pages_kib)} in hugepages." for node in view.nodes if node.number is not None and node.pages
    ]
    return " ".join(parts)
