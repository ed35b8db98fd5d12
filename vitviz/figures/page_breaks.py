"""A drawing's rows on pages that are not too high: grids wrap and shrink, the rest goes on overleaf."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from string import ascii_lowercase

from vitviz.core.data.drawing import Drawing, Panel
from vitviz.figures.color_bars import EndsType
from vitviz.figures.panel_rows import (
    MARGIN,
    ONE_COLUMN,
    PanelRow,
    PlacedPanel,
    gap_of,
    has_content,
    is_label,
    names_room,
)
from vitviz.figures.paper import PaperStyle

Row = tuple[Panel, ...]
LEAST_MAP, LEAST_OF_ITS_SIZE = 12.0, 0.6
"""To stay on one page, maps of a grid do not become narrower than this, in millimetres, those of one
drawing not narrower than this share of what they would be.
"""
_MOST_BLOCKS, _TRIES = 4, 6


@dataclass(frozen=True, slots=True)
class PageRows:
    """The rows of one page, each laid out from 0 downwards, and the white under each."""

    rows: tuple[tuple[PlacedPanel, ...], ...]
    below: tuple[float, ...]

    @property
    def height(self) -> float:
        """From the first heading to the last thing in the last row."""
        return sum(map(_high, self.rows)) + sum(self.below[:-1])

    @property
    def narrowest(self) -> float:
        """The width of the narrowest map."""
        maps = [one.axes.width for row in self.rows for one in row if not is_label(one.panel)]
        return min(maps, default=0.0)

    def placed(self, top: float) -> tuple[PlacedPanel, ...]:
        """All panels, one row below the other from `top`."""
        found: list[PlacedPanel] = []
        for row, below in zip(self.rows, self.below, strict=True):
            found += [one.lowered(top) for one in row]
            top += _high(row) + below
        return tuple(found)


def _high(row: Sequence[PlacedPanel]) -> float:
    return max((one.bottom for one in row), default=0.0)


def is_grid(drawing: Drawing) -> bool:
    """Whether small maps of one size stand in rows and columns."""
    sheet = drawing.sheet
    return sheet is not None and sheet.panel is not None and (sheet.across > 1 or bool(sheet.rows))


def rows_of(drawing: Drawing, paper: PaperStyle) -> tuple[Row, ...]:
    """The rows as they are; on narrow paper one panel below the other."""
    if paper.grid or paper.width_mm >= ONE_COLUMN or is_grid(drawing):
        return drawing.rows
    return tuple((panel,) for panel in drawing.panels)


def pages_of(
    drawing: Drawing, paper: PaperStyle, *, room: float | None, bars: bool, labelled: bool
) -> list[PageRows]:
    """The rows on pages with `room` millimetres for them; None: one page, however high."""
    rows, grid = rows_of(drawing, paper), is_grid(drawing)
    whole = _laid(rows, paper, bars=bars, labelled=labelled, grid=grid, room=room)
    if room is None or whole.height <= room or not rows:
        return [whole]
    if grid or drawing.sheet is None:
        least = LEAST_MAP if grid else LEAST_OF_ITS_SIZE * whole.narrowest
        fitting = [
            laid
            for laid in _on_one_page(drawing, rows, paper, room, bars, labelled, grid)
            if laid.narrowest >= least
        ]
        if fitting:
            return [max(fitting, key=lambda laid: laid.narrowest)]
    parts = list(_broken(rows, whole, room, even=grid))
    titled = [(_titled(rows[0], part[0]), *part[1:]) for part in parts] if grid else parts
    letters = iter(_letters(rows, paper))
    return [
        _laid(
            part,
            paper,
            bars=bars,
            labelled=labelled,
            grid=grid,
            room=room,
            letters=[next(letters) for _ in part],
        )
        for part in titled
    ]


def _on_one_page(
    drawing: Drawing,
    rows: tuple[Row, ...],
    paper: PaperStyle,
    room: float,
    bars: bool,
    labelled: bool,
    grid: bool,
) -> Iterator[PageRows]:
    """The rows made low enough; those of a grid also in two or more blocks beside each other."""
    most = _MOST_BLOCKS if grid and drawing.sheet is not None and drawing.sheet.rows else 1
    for blocks in range(1, most + 1):
        if blocks > 1 and len(rows) < 2 * blocks:
            return
        beside = _wrapped(rows, blocks)
        tallest: float | None = None
        for _ in range(_TRIES):
            laid = _laid(
                beside, paper, bars=bars, labelled=labelled, grid=grid, room=room, tallest=tallest
            )
            if laid.height <= room + 1e-6:
                yield laid
                break
            maps = sum(max((one.axes.height for one in row), default=0.0) for row in laid.rows)
            left = room - (laid.height - maps)
            tallest = (tallest or maps / len(laid.rows)) * left / maps - 0.01
            if tallest <= 1:
                break


def _wrapped(rows: tuple[Row, ...], blocks: int) -> tuple[Row, ...]:
    """The rows in so many blocks beside each other, each with the headings of the columns."""
    if blocks == 1:
        return rows
    deep = -(-len(rows) // blocks)
    found = []
    for at in range(deep):
        line: list[Panel] = []
        for start in range(0, blocks * deep, deep):
            row = rows[start + at] if start + at < len(rows) else _blank(rows[-1])
            line += row if at else _titled(rows[0], row)
        found.append(tuple(line))
    return tuple(found)


def _blank(row: Row) -> Row:
    """Nothing, as large as a row."""
    return tuple(
        replace(panel, layers=(), title="", space=None, bar=None, facts=(), query="")
        for panel in row
        if not is_label(panel)
    )


def _titled(first: Row, row: Row) -> Row:
    """A row under the headings of the first, where it has none itself."""
    if any(panel.title for panel in row):
        return row
    maps = iter([panel.title for panel in first if not is_label(panel)])
    return tuple(
        panel if is_label(panel) else replace(panel, title=next(maps, "")) for panel in row
    )


def _broken(
    rows: tuple[Row, ...], whole: PageRows, room: float, *, even: bool
) -> Iterator[tuple[Row, ...]]:
    """The rows of each page, at least one on each; `even`: as many on each page as on the next."""
    if even:
        below = max(whole.below)
        most = max(int((room + below) / (max(map(_high, whole.rows)) + below)), 1)
        pages = -(-len(rows) // most)
        each = -(-len(rows) // pages)
        yield from (rows[at : at + each] for at in range(0, len(rows), each))
        return
    start, used = 0, 0.0
    for at, (placed, below) in enumerate(zip(whole.rows, whole.below, strict=True)):
        if at > start and used + _high(placed) > room:
            yield rows[start:at]
            start, used = at, 0.0
        used += _high(placed) + below
    yield rows[start:]


def _laid(
    rows: Sequence[Row],
    paper: PaperStyle,
    *,
    bars: bool,
    labelled: bool,
    grid: bool,
    room: float | None,
    tallest: float | None = None,
    letters: Sequence[Sequence[str]] | None = None,
) -> PageRows:
    """The rows laid out, each at 0; bars and headings of a grid have one form and one size."""
    across = paper.width_mm - 2 * MARGIN
    high = (0.62 if paper.width_mm >= ONE_COLUMN else 1.0) * across
    most = high if room is None else min(high, max(room - 14 * paper.size / 7, 20.0))
    titled = any(panel.title for row in rows[1:] for panel in row)
    names = names_room([panel for row in rows for panel in row], paper)
    letters = letters or _letters(rows, paper)
    rules = [
        PanelRow(
            paper,
            across,
            gap_of(row, grid),
            (3.2 if bars or titled else 1.5) if grid else max(gap_of(row, grid), 1.5),
            names,
            most if tallest is None else min(most, tallest),
            bars=bars,
            labelled=labelled,
            heading=paper.heading,
            form="numbers below" if grid and bars else "one line",
        )
        for row in rows
    ]
    if grid and rows:
        size = min(
            (rule.heading_size(row) for rule, row in zip(rules, rows, strict=True)), default=8.0
        )
        types = [rule.ends_type(row) for rule, row in zip(rules, rows, strict=True)]
        ends = EndsType(min(one.size for one in types), min(one.digits for one in types))
        rules = [replace(rule, heading=size, ends=ends) for rule in rules]
    placed = [
        tuple(rule.placed(row, each)) for rule, row, each in zip(rules, rows, letters, strict=True)
    ]
    return PageRows(tuple(placed), tuple(rule.below for rule in rules))


def _letters(rows: Sequence[Row], paper: PaperStyle) -> list[list[str]]:
    """a, b, c, ... aa, ab, ... of the panels that show something; nothing where none are wanted."""
    shown = [[has_content(panel) for panel in row] for row in rows]
    counted = iter(range(sum(map(sum, shown))))
    return [
        [_letter(next(counted)) if each and paper.letters else "" for each in row] for row in shown
    ]


def _letter(at: int) -> str:
    first, last = divmod(at, 26)
    return (ascii_lowercase[first - 1] if first else "") + ascii_lowercase[last]
