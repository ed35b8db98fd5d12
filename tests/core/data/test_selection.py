"""What is pointed at is a place and a depth, and every model finds its own token and layer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitviz.core.data.geometry import Crop, Spot, TokenGrid
from vitviz.core.data.selection import Place, Selection, place_of

CROP = Crop((448, 448), (224, 224), (0.5, 0.5))
COARSE = TokenGrid(7, 7, (32, 32), ("class",))
FINE = TokenGrid(14, 14, (16, 16))


def test_one_spot_is_each_models_own_token():
    place = Place(spot=Spot(100, 300))
    assert COARSE.place(place.token(COARSE, CROP)) == (1, 4)
    assert FINE.place(place.token(FINE, CROP)) == (3, 9)


def test_a_token_and_its_place():
    for token in range(COARSE.tokens):
        assert place_of(token, COARSE, CROP).token(COARSE, CROP) == token


def test_a_prefix_token_that_a_model_does_not_have():
    assert Place(prefix="class").token(FINE, CROP) is None
    assert Place(prefix="register 1").token(COARSE, CROP) is None


def test_hover_wins_then_pin_then_class_then_the_middle():
    pin, hover = Place(spot=Spot(10, 10)), Place(spot=Spot(440, 440))
    assert Selection(pin, hover).token(COARSE, CROP) == COARSE.tokens - 1
    assert Selection(pin).token(COARSE, CROP) == 1
    assert Selection(pin, Place(spot=Spot(-5, 0))).token(COARSE, CROP) == 1
    unseen = Place(spot=Spot(9999, 0))
    assert Selection(unseen).token(COARSE, CROP) == 0
    assert Selection(unseen).token(FINE, CROP) == FINE.middle


def test_what_is_drawn_instead_of_the_chosen_token_is_said():
    register, unseen = Place(prefix="register 1"), Place(spot=Spot(9999, 0))
    assert (
        Selection(register).instead(COARSE, CROP) == "no register 1 here: the class token instead"
    )
    assert Selection().instead(FINE, CROP) == "no class token here: token (7, 7) instead"
    assert Selection(Place(spot=Spot(10, 10))).instead(COARSE, CROP) == ""
    hovers = Selection(Place(spot=Spot(10, 10)), unseen)
    assert hovers.instead(COARSE, CROP) == "the chosen place is not seen here: token (0, 0) instead"


@given(st.integers(1, 60), st.data())
def test_a_layer_and_its_depth(layers, data):
    layer = data.draw(st.integers(0, layers - 1))
    assert Selection().with_layer(layer, layers).layer(layers) == layer


@pytest.mark.parametrize("layers", [1, 12, 24])
def test_the_ends_of_depth_are_the_first_and_the_last_layer(layers):
    assert Selection(depth=0.0).layer(layers) == 0
    assert Selection(depth=1.0).layer(layers) == layers - 1


def test_depth_of_no_layers_is_harmless():
    assert Selection().layer(0) == 0
