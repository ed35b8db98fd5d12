"""`vitviz.draw`: tokens, layers and heads by their own numbers, checked with a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from reference import make_trace

import vitviz


@pytest.fixture(scope="module")
def trace():
    return make_trace(prefix=("class", "register 1"))


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (None, "the class token"),
        ("register 1", "register 1"),
        (0, "the class token"),
        (2, "token (0, 0)"),
        ((3, 5), "token (3, 5)"),
    ],
)
def test_a_token_by_place_number_or_name(trace, token, said):
    assert vitviz.draw("heads", trace, token=token).title.startswith(f"Where {said} looks")


@pytest.mark.parametrize(("layer", "said"), [(0, 1), (2, 3), (-1, 3), (-3, 1), (None, 3)])
def test_layers_count_from_zero_and_from_the_end(trace, layer, said):
    title = vitviz.draw("heads", trace, layer=layer, head=1).title
    assert title.endswith(f"layer {said}, head 2")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"token": (4, 0)}, r"patch \(4, 0\) is outside the grid of 4 x 6"),
        ({"token": 26}, "token 26 is outside the sequence of 26"),
        ({"token": -1}, "token -1"),
        ({"token": "cls"}, "of which there are: class, register 1"),
        ({"token": (1, 2, 3)}, "there is no token"),
        ({"layer": 3}, "the 3 layers are 0 to 2"),
        ({"layer": -4}, "no layer -4"),
        ({"head": 2}, "heads 0 to 1"),
        ({"head": -1}, "no head -1"),
        ({"layer": "last"}, "a layer is a whole number, not 'last'"),
        ({"head": 0.5}, "a head is a whole number, not 0.5"),
        ({"others": ["photo.jpg"]}, "drawn of a trace, not of str; make one with"),
        ({"colour": 1}, "no option 'colour'"),
    ],
)
def test_what_does_not_exist_is_one_sentence(trace, wrong, said):
    with pytest.raises(vitviz.VitvizError, match=said):
        vitviz.draw("heads", trace, **wrong)


def test_a_view_that_does_not_exist(trace):
    with pytest.raises(vitviz.VitvizError, match="there is no view 'map'"):
        vitviz.draw("map", trace)


def test_what_is_no_trace_is_one_sentence():
    with pytest.raises(vitviz.VitvizError, match=r"drawn of a trace, not of str; make one with"):
        vitviz.draw("heads", "photo.jpg")


def test_numbers_of_numpy_choose_layers_and_heads(trace):
    title = vitviz.draw("heads", trace, layer=np.int64(0), head=np.uint8(1)).title
    assert title.endswith("layer 1, head 2")


def test_options_go_to_the_view(trace):
    drawing = vitviz.draw("rollout", trace, token=(1, 1), fuse="max", discard=0.9)
    assert drawing.options == (("discard", 0.9), ("fuse", "max"))
    assert "fused by max" in drawing.title
