"""A figure put together for paper: one view, or a page of it over layers, heads, tokens, columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.recipe import PageRecipe
from vitviz.core.drawings.drawing_sheet import page
from vitviz.core.drawings.shared_ranges import in_ranges, kept_ranges
from vitviz.core.language import _
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.session.figure.drawing_sweep import (
    across,
    sheet_of,
    shown,
    steps,
    sweep,
)
from vitviz.session.figure.sweep_steps import SweepStep, SweepSubject
from vitviz.views import View
from vitviz.views.options import OptionValue

COLUMNS = "columns"
"""Said instead of a way to go: the view of all columns, side by side."""
VIEWS = "views"
"""Said instead of a way to go: all views that the column shows."""


@dataclass(frozen=True, slots=True)
class FigureComposition:
    """What is on the page.

    `ways` are what it goes over ("layer", "head=0,2", "columns", "views", an option), none for the
    drawing as it is; the last goes across, one before it down. `beside` are the columns by name,
    `views` those of one picture with their options, as the column shows them, `sizes` the patch sizes
    that "size" goes over where none are listed. `panel` takes
    one panel of each drawing. `title` and `caption` replace what would stand there (None).
    """

    view: View
    subject: SweepSubject
    shown: Drawing
    ways: tuple[str, ...] = ()
    beside: tuple[tuple[str, SweepSubject], ...] = ()
    views: tuple[tuple[View, Mapping[str, OptionValue]], ...] = ()
    sizes: tuple[int, ...] = ()
    panel: int | None = None
    one_range: bool = True
    title: str | None = None
    caption: str | None = None
    method: bool = False

    @property
    def runs(self) -> bool:
        """Whether models have to be run for it, rather than drawn of what was run."""
        return any(way.partition("=")[0] in ("picture", "model", "size") for way in self.ways)


SweptDrawings = dict[tuple[str, ...], Sequence[Drawing]]
"""The drawings of the last composition by its ways: another title or panel needs no new ones."""


def compose(
    wanted: FigureComposition, progress: Progress = silent, kept: SweptDrawings | None = None
) -> tuple[Drawing, tuple[Drawing, ...]]:
    """The page, and the drawings on it one by one; what is `kept` is not drawn again.

    VitvizError for ways that lead nowhere.
    """
    drawings, sheet = _drawings(wanted, progress, {} if kept is None else kept)
    sheet = replace(
        sheet,
        one_range=wanted.one_range,
        caption=_caption(wanted, sheet.caption),
        title=sheet.title if wanted.title is None else wanted.title,
    )
    plain = not wanted.ways and wanted.panel is None
    first = drawings[0]
    if plain and (sheet.title, sheet.caption) == (first.title, first.caption):
        return first, (first,)
    return page(drawings, sheet), tuple(drawings)


def _drawings(
    wanted: FigureComposition, progress: Progress, kept: SweptDrawings
) -> tuple[Sequence[Drawing], PageRecipe]:
    view = wanted.view
    if not wanted.ways:
        shown = _anew(wanted)
        labels = () if wanted.panel is None else (_named(shown, wanted.panel),)
        return [shown], PageRecipe(shown.title, shown.caption, 1, labels, (), wanted.panel)
    ways = [_steps(wanted, way) for way in wanted.ways]
    if (drawings := kept.get(wanted.ways)) is None:
        drawings = sweep(view, wanted.subject, ways, progress)
        kept.clear()
        kept[wanted.ways] = drawings
    sheet = sheet_of(view, drawings, ways)
    if wanted.ways == (COLUMNS,):
        sheet = replace(sheet, across=across(len(drawings)))
    return drawings, sheet if wanted.panel is None else replace(sheet, panel=wanted.panel)


def _anew(wanted: FigureComposition) -> Drawing:
    """What is on screen, drawn anew, in the ranges that it has there."""
    return in_ranges(wanted.subject.draw(wanted.view), kept_ranges(wanted.shown))


def _steps(wanted: FigureComposition, way: str) -> list[SweepStep]:
    if way == VIEWS:
        return [shown(view, values) for view, values in wanted.views]
    if way == "size" and wanted.sizes:
        way = f"size={';'.join(map(str, wanted.sizes))}"
    if way != COLUMNS:
        return steps(wanted.view, wanted.subject, way)
    if not wanted.beside:
        raise VitvizError(_("there is only one column; open another beside it first"))
    return [_column(name, subject) for name, subject in wanted.beside]


def _column(name: str, column: SweepSubject) -> SweepStep:
    def change(subject: SweepSubject) -> SweepSubject:
        return replace(
            column, values=subject.values, view=subject.view, runs=subject.runs or column.runs
        )

    return SweepStep(name, change, "columns")


def _caption(wanted: FigureComposition, usual: str) -> str:
    said = usual if wanted.caption is None else wanted.caption
    return " ".join(filter(None, (said, f"Method: {wanted.view.formula}" if wanted.method else "")))


def _named(drawing: Drawing, panel: int) -> str:
    panels = drawing.panels
    return panels[min(panel, len(panels) - 1)].title
