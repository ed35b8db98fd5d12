"""Every view draws every kind of trace, says what it shows, and draws again only what changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reference import make_trace

from vitviz.core.data.drawing import Heat, HeatTiles, Message, RasterTiles, aim
from vitviz.core.data.geometry import Spot
from vitviz.core.data.selection import Place, Selection, place_of
from vitviz.views import views

NAMES = ("patches", "heads", "rollout", "positions", "predictions")
KINDS = {
    "class token": {},
    "no prefix": {"prefix": ()},
    "registers only": {"prefix": ("register 1", "register 2")},
    "registers": {"prefix": ("class", "register 1", "register 2", "register 3", "register 4")},
    "tall grid": {"rows": 7, "cols": 3},
    "one patch": {"rows": 1, "cols": 1, "patch": 16},
    "one head": {"heads": 1, "depth": 1},
    "cropped": {"original": (64, 200)},
    "five heads": {"heads": 5},
}


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.replace(" ", "-"))
def trace(request):
    return make_trace(**KINDS[request.param])


def at(trace, token, **changes):
    return Selection(pin=place_of(token, trace.grid, trace.crop), **changes)


@pytest.mark.parametrize("name", NAMES)
def test_every_token_is_drawn_with_a_title_and_panels(trace, name):
    for token in (0, trace.grid.middle, trace.grid.tokens - 1):
        for head in (None, 0, trace.heads - 1):
            drawing = views()[name].draw(trace, at(trace, token, head=head, depth=0.4))
            assert drawing.view == name
            assert drawing.title
            assert all(panel.title and panel.layers for panel in drawing.panels)
            assert all(panel.extent.height > 0 < panel.extent.width for panel in drawing.panels)


@pytest.mark.parametrize("name", NAMES)
def test_every_heat_map_is_float32_with_its_range_beside_it(trace, name):
    for panel in views()[name].draw(trace, at(trace, trace.grid.middle)).panels:
        for layer in panel.layers:
            if isinstance(layer, Heat | HeatTiles):
                assert layer.values.dtype == np.float32
                assert panel.bar is not None
                assert panel.bar.label


@pytest.mark.parametrize("name", NAMES)
def test_every_position_can_be_asked_for_its_meaning(trace, name):
    for panel in views()[name].draw(trace, at(trace, trace.grid.middle)).panels:
        extent = panel.extent
        for row in np.linspace(extent.top, extent.bottom, 13):
            for col in np.linspace(extent.left, extent.right, 13):
                found = aim(panel, row, col)
                assert found is None or 0 <= found.token < trace.grid.tokens


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("weights", "said"), [("untrained", "Untrained weights"), ("partly loaded", "Partly loaded")]
)
def test_weights_that_were_not_trained_are_said_so(name, weights, said):
    trace = make_trace()
    model = replace(trace.model, weights=weights)
    drawing = views()[name].draw(replace(trace, model=model), Selection())
    assert said in drawing.caption
    assert "eights" not in views()[name].draw(trace, Selection()).caption


def arrays(drawing):
    """The large arrays of a drawing that a painter would have to upload."""
    return [
        layer.values if isinstance(layer, HeatTiles) else layer.pixels
        for panel in drawing.panels
        for layer in panel.layers
        if isinstance(layer, RasterTiles)
        or (isinstance(layer, HeatTiles) and name_is_static(panel))
    ]


def name_is_static(panel):
    return panel.title.startswith("Every place")


@pytest.mark.parametrize("name", ["patches", "positions"])
def test_what_does_not_follow_the_cursor_is_the_same_object_again(name):
    trace = make_trace()
    pin = Place(prefix="class")
    drawings = [
        views()[name].draw(trace, Selection(pin, Place(spot=Spot(row, 5)))) for row in (5, 20)
    ]
    before, after = map(arrays, drawings)
    assert before
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_a_hovered_token_is_drawn_and_the_pin_stays_marked():
    trace = make_trace()
    hover = place_of(trace.grid.token(2, 3), trace.grid, trace.crop)
    selection = at(trace, trace.grid.token(0, 0), hover=hover)
    drawing = views()["heads"].draw(trace, selection)
    assert drawing.title.startswith("Where token (2, 3) looks")
    roles = {
        layer.role: layer.boxes
        for layer in drawing.panels[0].layers
        if layer.__class__.__name__ == "Outlines"
    }
    assert roles["pin"] == (trace.grid.box(trace.grid.token(0, 0)),)
    assert roles["hover"] == (trace.grid.box(trace.grid.token(2, 3)),)


def test_the_recipe_says_what_the_drawing_was_made_from():
    trace = make_trace()
    drawing = views()["rollout"].draw(trace, at(trace, 0, head=1), {"keep": 0.4})
    assert drawing.options == (("keep", 0.4),)
    assert dict(drawing.recipe) == {
        "model": "tiny",
        "called": "Tiny",
        "weights": "trained",
        "how known": drawing.known,
        "precision": "float32",
        "patch": "8 × 8",
        "picture": "noise.png",
        "picture key": "ab12",
        "token": "class",
        "layer": "3 of 3",
        "head": "2",
    }


@pytest.mark.parametrize("name", ["heads", "rollout"])
def test_another_token_than_the_chosen_one_is_said_in_the_caption(name):
    trace, lacks = make_trace(), Selection(Place(prefix="register 2"))
    usual = views()[name].draw(trace, Selection()).caption
    said = views()[name].draw(trace, lacks).caption
    assert said == f"No register 2 here: the class token instead. {usual}".rstrip()


def test_a_view_that_follows_no_token_says_nothing_of_it():
    trace, lacks = make_trace(), Selection(Place(prefix="register 2"))
    caption = views()["predictions"].draw(trace, lacks).caption
    assert caption == views()["predictions"].draw(trace, Selection()).caption


def test_a_model_without_positions_or_head_says_why():
    trace = replace(
        make_trace(),
        positions=None,
        positions_note="Positions are rotations of q and k (RoPE).",
        predictions=(),
        predictions_note="This model has no head.",
    )
    for name, said in (("positions", "RoPE"), ("predictions", "no head")):
        (panel,) = views()[name].draw(trace, Selection()).panels
        (message,) = panel.layers
        assert isinstance(message, Message)
        assert said in message.text
