"""Several drawings put together on one page: grids of layers, heads, tokens, models, patch sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from vitviz.core.data.drawing import Drawing, Label, Labels, Panel
from vitviz.core.data.geometry import Box, Spot
from vitviz.core.data.recipe import PageRecipe
from vitviz.core.drawings.shared_ranges import ranges, with_ranges

MAIN = -1
"""Said instead of a panel's number: the main panel of each drawing, whichever that is."""
_NARROW = 0.22
"""A row's label over the width of a map."""
_T = TypeVar("_T")
_ERROR = re.compile(r"\((\d[\d.]*(?:e-\d+)?)\)")
"""A measured error as `Drawing.known` says it, such as "(6e-7)"."""


def page(parts: Sequence[Drawing], sheet: PageRecipe) -> Drawing:
    """The drawings as one. ValueError without drawings."""
    if not parts:
        raise ValueError("a page needs at least one drawing")
    shared = ranges(parts, every=sheet.one_range)
    cells = [_cell(with_ranges(part, shared), sheet, at) for at, part in enumerate(parts)]
    across = max(1, sheet.across)
    if across == 1 and sheet.panel is None:
        rows = [
            row for part, cell in zip(parts, cells, strict=True) for row in _as_drawn(part, cell)
        ]
    else:
        lines = [cells[at : at + across] for at in range(0, len(cells), across)]
        rows = [
            (
                *_row_label(sheet, at, line),
                *(panel for cell in line for panel in cell),
                *_empty(line, across if at else 0),
            )
            for at, line in enumerate(lines)
        ]
    names = dict.fromkeys(part.view for part in parts)
    return Drawing(
        "-".join(names),
        sheet.title,
        tuple(rows),
        sheet.caption,
        options=_common([part.options for part in parts]),
        recipe=_common([part.recipe for part in parts]),
        parts=tuple(parts),
        sheet=sheet,
        known=_known([part.known for part in parts if part.known]),
    )


def _known(said: Sequence[str]) -> str:
    """How the parts are known; once, by the largest error, where they differ in that alone."""
    alike: dict[str, list[str]] = {}
    for one in said:
        alike.setdefault(_ERROR.sub("()", one), []).append(one)
    found = []
    for several in alike.values():
        errors = [each for one in several for each in _ERROR.findall(one)]
        most = max(errors, key=float, default="")
        few = len(set(errors)) == 1
        found.append(_ERROR.sub(f"({most})" if few else f"(at most {most})", several[0]))
    return " ".join(found)


def main_panel(drawing: Drawing) -> int:
    """The panel to take where only one is wanted: the first that has numbers."""
    for at, panel in enumerate(drawing.panels):
        if panel.bar is not None:
            return at
    return 0


def _cell(part: Drawing, sheet: PageRecipe, at: int) -> tuple[Panel, ...]:
    label = _label(sheet, at)
    if sheet.panel is not None:
        panels = part.panels
        wanted = main_panel(part) if sheet.panel == MAIN else sheet.panel
        chosen = panels[min(wanted, len(panels) - 1)]
        return (replace(chosen, title=label, weight=1.0, facts=()),)
    every = sheet.across > 1
    return tuple(
        replace(
            panel, title=": ".join(filter(None, (label if every or not i else "", panel.title)))
        )
        for i, panel in enumerate(part.panels)
    )


def _as_drawn(part: Drawing, cell: tuple[Panel, ...]) -> list[tuple[Panel, ...]]:
    """A drawing's panels in the rows that it has itself."""
    left = iter(cell)
    return [tuple(next(left) for _ in row) for row in part.rows]


def _empty(line: Sequence[tuple[Panel, ...]], across: int) -> tuple[Panel, ...]:
    """Nothing, as wide as what is missing in a last row: its panels are as large as those above."""
    blank = tuple(
        replace(panel, layers=(), title="", space=None, bar=None, facts=(), query="")
        for panel in line[-1]
    )
    return blank * (across - len(line))


def _label(sheet: PageRecipe, at: int) -> str:
    """What stands over a drawing: its own label, or its column's where it is in the first row."""
    if sheet.rows:
        return sheet.labels[at] if at < min(sheet.across, len(sheet.labels)) else ""
    return sheet.labels[at] if at < len(sheet.labels) else ""


def _row_label(sheet: PageRecipe, at: int, row: Sequence[tuple[Panel, ...]]) -> tuple[Panel, ...]:
    """A narrow panel that says what its row is, as high as the maps beside it."""
    if at >= len(sheet.rows):
        return ()
    extent, weight = row[0][0].extent, row[0][0].weight
    box = Box(0, 0, extent.height, extent.width * _NARROW)
    label = Label(sheet.rows[at], Spot(box.height / 2, box.width), "right")
    return (Panel((Labels((label,)),), box, weight=weight * _NARROW),)


def _common(each: Sequence[tuple[tuple[str, _T], ...]]) -> tuple[tuple[str, _T], ...]:
    """What all say alike."""
    first, *others = each
    return tuple(item for item in first if all(item in other for other in others))
