"""The layers compared are core's numbers, and a cell of them is a depth to go to."""

from __future__ import annotations

import gc
from dataclasses import replace
from weakref import ref

import numpy as np
import pytest
from reference import make_trace

from vitviz.core.data.drawing import Heat, aim
from vitviz.core.data.selection import Selection
from vitviz.core.measures.cka import cka, token_batch
from vitviz.core.progress import Unsupported
from vitviz.views import views
from vitviz.views.shared.two_traces import seen


def pictured(trace, key):
    return replace(trace, picture=replace(trace.picture, key=key))


def trace_of(key="ab12", *, depth=3, patch=8, seed=0):
    return pictured(make_trace(48 // patch, 48 // patch, patch, depth=depth, seed=seed), key)


def drawn(one, other, also=(), depth=1.0, **options):
    return views()["cka"].draw(one, Selection(depth=depth), options, other, also)


def heat(drawing):
    return next(layer for layer in drawing.panels[0].layers if isinstance(layer, Heat))


def batch(one, other):
    return token_batch(one.source.features(), other.source.features(), (seen(one), seen(other)))


def test_the_cells_are_cores():
    one, other = trace_of(), trace_of(depth=5, patch=16, seed=4)
    drawing = drawn(one, other, depth=0.0)
    np.testing.assert_allclose(heat(drawing).values, cka([batch(one, other)]), atol=1e-6)
    assert heat(drawing).values.shape == (3, 5)
    assert dict(drawing.panels[0].facts)["layers 1 and 1"] == f"{heat(drawing).values[0, 0]:.3f}"
    assert "averaged over the coarser one's patches" in drawing.caption


def test_a_model_is_like_itself():
    one = trace_of()
    assert np.diag(heat(drawn(one, one)).values) == pytest.approx(1, abs=1e-4)


def test_a_click_goes_to_the_layer():
    panel = drawn(trace_of(), trace_of(depth=5, seed=4)).panels[0]
    found = aim(panel, 1.5, 4.5)
    assert found.layer == 1
    assert "layer 2" in found.words


def test_more_pictures_are_averaged_before_the_ratio():
    every = [(trace_of(str(s), seed=s), trace_of(str(s), seed=s + 9)) for s in range(5)]
    drawing = drawn(*every[0], every)
    expected = cka(batch(*each) for each in every)
    np.testing.assert_allclose(heat(drawing).values, expected, atol=1e-6)
    assert "of 5 pictures" in drawing.caption


def test_pictures_as_samples_need_four():
    every = [(trace_of(str(s), seed=s), trace_of(str(s), seed=s)) for s in range(5)]
    drawing = drawn(*every[0], every, samples="pictures")
    assert np.diag(heat(drawing).values) == pytest.approx(1, abs=1e-4)
    assert "5 pictures as samples" in drawing.caption
    with pytest.raises(Unsupported, match="at least 4 samples, and there are 3"):
        drawn(*every[0], every[:3], samples="pictures")


def test_what_is_remembered_keeps_no_closed_trace():
    one, other = trace_of(), trace_of(seed=4)
    drawn(one, other)
    gone = ref(other)
    del other
    gc.collect()
    assert gone() is None


def test_a_model_that_is_gone_says_so():
    with pytest.raises(Unsupported, match="can no longer be asked"):
        drawn(trace_of(), replace(trace_of(seed=3), source=None))
