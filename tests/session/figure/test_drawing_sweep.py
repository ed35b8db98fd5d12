"""Pages over layers, tokens, views and columns: what stands where, and what they are called."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from vitviz.core.data.drawing import Drawing, Labels
from vitviz.core.data.trace import Trace
from vitviz.core.drawings.drawing_sheet import page
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import VitvizError, silent
from vitviz.figures.layout import lay_out
from vitviz.figures.numbers import numbers
from vitviz.figures.paper import PaperStyle
from vitviz.session.figure.drawing_sweep import sheet_of, steps, sweep
from vitviz.session.figure.sweep_steps import SweepSubject, SweptRun
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest
from vitviz.views import views
from vitviz.views.api import selection_of


@pytest.fixture(scope="module")
def subject(tiny_trace: Trace) -> SweepSubject:
    return SweepSubject(tiny_trace, selection_of(tiny_trace, token=(1, 2), layer=2), {})


class Runs:
    """Real runs of the smallest model over two pictures made here."""

    def __init__(self, photo: np.ndarray) -> None:
        pixels = {"first_one.png": photo, "second.png": np.ascontiguousarray(photo[:, ::-1])}
        self._open = {name: open_picture(each, name=name) for name, each in pixels.items()}
        self._engine, self.made = ModelCache(10**9), 0

    @property
    def pictures(self) -> tuple[str, ...]:
        return tuple(self._open)

    def trace(self, request: ModelRequest, picture: str) -> Trace:
        self.made += 1
        return self._engine.trace(request, self._open[picture], silent)


@pytest.fixture(scope="module")
def ready(photo: np.ndarray) -> SweepSubject:
    """The first picture, read, with everything that other runs need."""
    runs = Runs(photo)
    run = SweptRun(ModelRequest("test_vit", pretrained=False), "first_one.png")
    trace = runs.trace(run.request, run.picture)
    chosen = selection_of(trace, token=(1, 2))
    return SweepSubject(trace, chosen, {}, run=run, traced=run, runs=runs)


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


def test_a_grid_of_columns_and_views_takes_the_main_map_of_each(ready: SweepSubject) -> None:
    whole, drawings = paged(ready, "columns=32;16", "view=heads,positions")
    assert [len(row) for row in whole.rows] == [3, 3]  # a name, and two maps
    panels = [panel for row in whole.rows for panel in row[1:]]
    assert all(panel.bar is not None for panel in panels)
    sizes = [one.values.shape for one in numbers(whole)]
    assert (sizes[0], sizes[2]) == ((5, 5), (10, 10))
    assert "patch" not in whole.title
    layers = len(ready.trace.layers)
    assert f"layer {layers} of {layers}" in whole.title
    assert len(drawings) == 4


def names_in(whole: Drawing) -> tuple[list[str], list[str]]:
    """(names of rows, headings of columns) of a grid."""
    rows = [
        label.text
        for row in whole.rows
        for layer in row[0].layers
        if isinstance(layer, Labels)
        for label in layer.labels
    ]
    return rows, [panel.title for panel in whole.rows[0][1:]]


def test_pictures_down_and_heads_across(ready: SweepSubject) -> None:
    whole, drawings = paged(ready, "picture", "head")
    rows, columns = names_in(whole)
    assert rows == ["first one", "second"]
    assert columns == [f"head {at + 1}" for at in range(ready.trace.heads)]
    heads = ready.trace.heads
    pictures = [dict(drawing.recipe)["picture"] for drawing in drawings]
    assert pictures == ["first_one.png"] * heads + ["second.png"] * heads
    assert "model" in dict(whole.recipe)
    assert "picture" not in dict(whole.recipe), "what differs is not said of all"
    errors = {drawing.known for drawing in drawings}
    assert whole.known.count("compared with the model's output") == 1
    assert ("at most" in whole.known) == (len(errors) > 1)
    assert {dict(drawing.recipe)["token"] for drawing in drawings} == {"(1, 2)"}
    one, other = (drawings[at].arrays["panel1"] for at in (0, heads))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    "ways",
    list(
        combinations(
            (
                "picture",
                "layer=0,5",
                "head=0",
                "model=test_vit",
                "size=32;16",
                "view=heads,rollout",
            ),
            2,
        )
    ),
    ids=" ".join,
)
def test_any_two_of_them_make_a_grid(ready: SweepSubject, ways: tuple[str, str]) -> None:
    counts = {"head=0": 1, "model=test_vit": 1}
    for down, across in (ways, ways[::-1]):
        whole, drawings = paged(ready, down, across)
        rows, columns = names_in(whole)
        assert (len(rows), len(columns)) == (counts.get(down, 2), counts.get(across, 2))
        assert len(drawings) == len(rows) * len(columns)
        assert all(rows)
        assert all(columns)


def test_the_place_stays_when_the_grid_does_not(ready: SweepSubject) -> None:
    _, drawings = paged(ready, "size=32;16", "picture")
    assert [dict(each.recipe)["token"] for each in drawings] == [
        "(0, 1)",
        "(0, 1)",
        "(1, 2)",
        "(1, 2)",
    ]


def test_layers_of_columns_are_those_of_each(ready: SweepSubject) -> None:
    _, drawings = paged(ready, "layer=0,2", "columns=32;16")
    assert [dict(each.recipe)["layer"] for each in drawings] == ["1 of 6"] * 2 + ["3 of 6"] * 2


def test_other_runs_that_cannot_be_are_a_sentence(
    ready: SweepSubject, subject: SweepSubject
) -> None:
    for way, said in {
        "size": "say which to go over, for example size=32;16;8",
        "model": "for example model=NAME;NAME",
        "size=big": "is no patch size",
    }.items():
        with pytest.raises(VitvizError, match=said):
            paged(ready, way)
    with pytest.raises(VitvizError, match="compares two runs"):
        paged(ready, "picture", view="difference")
    with pytest.raises(VitvizError, match="cannot be made here"):
        paged(subject, "picture")


def test_what_a_view_needs_is_said(subject: SweepSubject) -> None:
    with pytest.raises(VitvizError, match="words"):
        paged(subject, "view=words")
    with pytest.raises(VitvizError, match="nothing called 'nonsense'"):
        paged(subject, "nonsense")
    with pytest.raises(VitvizError, match="there is no view 'nothing'"):
        paged(subject, "view=nothing")
