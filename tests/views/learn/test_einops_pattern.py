"""einops by doing: every example works on every grid, and nothing that is typed crashes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from einops import rearrange
from reference import make_trace

import vitviz
from vitviz.core.data.drawing import Message, Raster, RasterTiles, aim
from vitviz.views.learn.einops_pattern import EXAMPLES


@pytest.fixture(scope="module")
def trace():
    return make_trace(rows=4, cols=6, patch=8)


def out(trace, **options):
    return vitviz.draw("einops", trace, **options).panels[1]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_runs(trace, example):
    panel = out(trace, example=example)
    assert panel.title.startswith("Out: ")
    assert not isinstance(panel.layers[0], Message)


def test_cutting_and_putting_back_are_the_picture(trace):
    cut = out(trace, example="cut into patches").layers[0]
    assert isinstance(cut, RasterTiles)
    np.testing.assert_array_equal(cut.pixels[1, 2], trace.pixels[8:16, 16:24])
    back = out(trace, example="put back together").layers[0]
    assert isinstance(back, Raster)
    np.testing.assert_array_equal(back.pixels, trace.pixels)


def test_pictures_are_put_side_by_side(trace):
    other = make_trace(rows=4, cols=6, patch=8, seed=3)
    other = replace(other, picture=replace(other.picture, key="other"))
    panel = out_of_two(trace, other)
    np.testing.assert_array_equal(
        panel.layers[0].pixels, np.concatenate([trace.pixels, other.pixels], axis=1)
    )


def out_of_two(one, other):
    return vitviz.draw(
        "einops", one, others=[other], example="all open pictures, a batch side by side"
    ).panels[1]


def test_an_own_pattern_comes_before_the_example(trace):
    drawing = vitviz.draw("einops", trace, pattern="row col c -> col row c")
    assert drawing.title == "rearrange(x, 'row col c -> col row c')"
    np.testing.assert_array_equal(
        drawing.panels[1].layers[0].pixels, trace.pixels.transpose(1, 0, 2)
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pattern": "row col -> row"}, "Error while processing"),
        (
            {"pattern": "row col c -> row col c n", "operation": "repeat", "lengths": "n=99999999"},
            "numbers",
        ),
        ({"pattern": "row col c -> col row c", "lengths": "oops"}, "no axis length"),
        ({"pattern": "(row y) col c -> row y col c", "lengths": "y=7"}, "divide"),
        ({"pattern": "(row p1) (col p2) c"}, "one arrow"),
        ({"pattern": "row col c -> c -> row"}, "one arrow"),
    ],
)
def test_what_does_not_fit_is_a_calm_message(trace, options, said):
    panel = out(trace, **options)
    assert panel.title == "einops says"
    assert said in panel.layers[0].text


@pytest.mark.parametrize(
    "pattern",
    [
        "row col c ->",
        "row col c -> (row col c)",
        "row col c -> row (col c)",
        "row col c -> c row col",
        "(a row) (b col) c -> a b 1 row col c",
    ],
)
def test_shapes_that_are_no_picture_are_still_something_to_see(trace, pattern):
    operation = "reduce" if pattern.endswith("->") else "rearrange"
    panel = out(
        trace,
        pattern=pattern,
        operation=operation,
        lengths="a=2 b=2" * ("a" in pattern.split("->")[0] and "(a" in pattern),
    )
    assert panel.layers
    assert dict(panel.facts)["shape"]


@pytest.mark.parametrize("pattern", ["row col c -> row (col c)", "row col c -> (row col c) 1"])
def test_a_long_thin_array_is_never_a_mere_line(trace, pattern):
    extent = out(trace, pattern=pattern).extent
    assert 0.5 <= extent.width / extent.height <= 2


def test_an_example_can_be_changed_and_keeps_the_rest(trace):
    drawing = vitviz.draw("einops", trace, example="mean of 2 × 2")
    implied = dict(drawing.implied)
    assert implied == {"pattern": "(row y) (col x) c -> row col c", "lengths": "y=2 x=2"}
    changed = "(row y) (col x) c -> col row c"
    panel = out(trace, example="mean of 2 × 2", pattern=changed)
    halves = trace.pixels.reshape(16, 2, 24, 2, 3).mean((1, 3))
    found = panel.layers[0].pixels.astype(float)
    assert np.abs(found - halves.transpose(1, 0, 2)).max() <= 0.51


def test_lengths_of_the_example_are_taken_only_where_axes_are_put_together(trace):
    drawing = vitviz.draw("einops", trace, pattern="(row p1) col c -> row p1 col c")
    assert drawing.title == "rearrange(x, '(row p1) col c -> row p1 col c', p1=8)"
    own = vitviz.draw("einops", trace, pattern="(row p1) col c -> row p1 col c", lengths="p1=4")
    assert "p1=4" in own.title


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "->",
        ")(",
        "...",
        "row col c -> ... ",
        "a -> a",
        "row col c->row (col c",
        "é ü c -> c",
        "row row c -> c",
        "row col c -> row col c -> c",
        "__import__('os')",
        "row col c -> row col c " + "1 " * 90,
        "(row p1) (col p2) c",
        "1 2 3",
        "x" * 400,
    ],
)
@pytest.mark.parametrize("operation", ["rearrange", "reduce", "repeat"])
def test_nonsense_is_answered_in_words(trace, pattern, operation):
    for lengths in ("", "p1=0", "p1=999999999", "row=7 row=8", "=", "a=b"):
        panel = out(trace, pattern=pattern, operation=operation, lengths=lengths)
        assert panel.title
        assert panel.layers


def test_the_papers_own_pattern_cuts_a_batch_and_the_chosen_patch_is_lit(tiny_trace):
    token = tiny_trace.grid.token(3, 4)
    drawing = vitviz.draw("einops", tiny_trace, token=(3, 4), example="a batch into patches")
    assert "'b c (h p1) (w p2) -> b (h w) (p1 p2 c)', p1=16, p2=16" in drawing.title
    given, made = drawing.panels
    assert given.title.endswith("1 × 3 × 160 × 160")
    assert made.title == "Out: 1 × 100 × 768"
    values = made.layers[0].values
    rows = rearrange(tiny_trace.pixels, "(h p1) (w p2) c -> (h w) (p1 p2 c)", p1=16, p2=16)
    np.testing.assert_array_equal(values, rows.astype(np.float32))
    line = made.space.line(token)
    assert aim(made, line.centre.row, line.centre.col).value == values[34, 384]
    arrows = made.layers[1].arrows
    assert {arrow.path[-1].row for arrow in arrows} == {line.centre.row}
    assert given.layers[1].boxes == (tiny_trace.grid.box(token),)


def test_a_batch_comes_back_together_and_patches_have_means(tiny_trace):
    back = vitviz.draw("einops", tiny_trace, example="a batch back together").panels[1]
    np.testing.assert_array_equal(back.layers[0].pixels, tiny_trace.pixels)
    assert back.title == "Out: 1 × 3 × 160 × 160"
    means = vitviz.draw("einops", tiny_trace, example="mean of every patch").panels[1]
    plain = tiny_trace.pixels.reshape(10, 16, 10, 16, 3).mean((1, 3))
    np.testing.assert_allclose(means.layers[0].pixels, plain, atol=0.51)
