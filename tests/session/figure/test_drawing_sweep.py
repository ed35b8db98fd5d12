"""Pages over layers, tokens, views and columns: what stands where, and what they are called."""

from __future__ import annotations

import numpy as np
import pytest

import vitviz
from vitviz.core.data.trace import Trace
from vitviz.core.drawings.drawing_sheet import page
from vitviz.core.progress import VitvizError
from vitviz.figures.layout import lay_out
from vitviz.figures.numbers import numbers
from vitviz.figures.paper import PaperStyle
from vitviz.session.figure.drawing_sweep import SweepSubject, read, sheet_of, steps, sweep
from vitviz.views import views
from vitviz.views.api import selection_of


@pytest.fixture(scope="module")
def subject(tiny_trace: Trace) -> SweepSubject:
    return SweepSubject(tiny_trace, selection_of(tiny_trace, token=(1, 2), layer=2), {})


@pytest.fixture(scope="module")
def other(photo: np.ndarray) -> Trace:
    return vitviz.trace(vitviz.load("test_vit", pretrained=False, patch_size=32), photo)


def paged(subject: SweepSubject, *ways: str, view: str = "heads"):
    drawings = sweep(
        views()[view], subject, found := [steps(views()[view], subject, way) for way in ways]
    )
    return page(drawings, sheet_of(views()[view], drawings, found)), drawings


def test_the_panels_of_a_last_row_are_as_large_as_those_above(subject: SweepSubject) -> None:
    whole, _ = paged(subject, "token=class;0,0;0,1;1,0;1,1;2,2;3,3")
    assert [len(row) for row in whole.rows] == [len(whole.rows[0])] * len(whole.rows)
    placed = lay_out(whole, PaperStyle(grid=True, letters=True)).placed
    shown = [each for each in placed if each.panel.layers]
    assert len(shown) == 7 < len(placed)
    assert len({round(each.axes.width, 3) for each in shown}) == 1
    assert [each.letter for each in placed if each.letter] == list("abcdefg")
    assert len(numbers(whole)) == 7


def test_the_title_says_what_is_the_same_for_all(subject: SweepSubject) -> None:
    layers = len(subject.trace.layers)
    assert paged(subject, "head")[0].title == (
        f"Attention heads, from token (1, 2), layer 3 of {layers}"
    )
    assert paged(subject, "layer")[0].title == "Attention heads, from token (1, 2), all heads"
    both = paged(subject, "layer=0,1", "head")[0].title
    assert both == "Attention heads, from token (1, 2)"


def test_views_keep_their_rows_below_each_other(subject: SweepSubject) -> None:
    whole, drawings = paged(subject, "view=patches,heads")
    assert [drawing.view for drawing in drawings] == ["patches", "heads"]
    assert [len(row) for row in whole.rows] == [len(row) for each in drawings for row in each.rows]
    heads = whole.rows[len(drawings[0].rows)]
    assert heads[0].title == f"Attention heads: {drawings[1].panels[0].title}"
    assert heads[1].title == drawings[1].panels[1].title
    assert whole.view == "patches-heads"


def test_all_views_are_those_that_fit_the_model(subject: SweepSubject) -> None:
    found = [step.label for step in steps(views()["heads"], subject, "view")]
    assert views()["heads"].title in found
    assert views()["words"].title not in found  # this model has no words
    assert views()["difference"].title not in found  # there is nothing to compare with


def test_a_grid_of_columns_and_views_takes_the_main_map_of_each(
    subject: SweepSubject, other: Trace
) -> None:
    view = views()["heads"]
    ways = [
        [read("patch 32", other), read("patch 16", subject.trace)],
        steps(view, subject, "view=heads,positions"),
    ]
    drawings = sweep(view, subject, ways)
    whole = page(drawings, sheet_of(view, drawings, ways))
    assert [len(row) for row in whole.rows] == [3, 3]  # a name, and two maps
    panels = [panel for row in whole.rows for panel in row[1:]]
    assert all(panel.bar is not None for panel in panels)
    sizes = [one.values.shape for one in numbers(whole)]
    grids = [(trace.grid.rows, trace.grid.cols) for trace in (other, subject.trace)]
    assert (sizes[0], sizes[2]) == tuple(grids)
    assert "patch" not in whole.title
    assert f"layer 3 of {len(subject.trace.layers)}" in whole.title


def test_what_a_view_needs_is_said(subject: SweepSubject) -> None:
    with pytest.raises(VitvizError, match="words"):
        paged(subject, "view=words")
    with pytest.raises(VitvizError, match="nothing called 'nonsense'"):
        paged(subject, "nonsense")
    with pytest.raises(VitvizError, match="there is no view 'nothing'"):
        paged(subject, "view=nothing")
