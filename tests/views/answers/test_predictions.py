"""The best classes as bars, with what is known of them."""

from __future__ import annotations

from dataclasses import replace

from reference import make_trace

from vitviz.core.data.selection import Selection
from vitviz.views import views


def test_best_first_with_their_probabilities():
    drawing = views()["predictions"].draw(make_trace(), Selection(), {"top": 2})
    assert drawing.title == "Most probable: cat, 70.0%"
    (bars,) = drawing.panels[0].layers
    assert bars.names == ("cat", "dog")
    assert bars.values == (0.7, 0.2)
    assert bars.texts == ("70.0%", "20.0%")


def test_untrained_weights_only_guess():
    trace = make_trace()
    untrained = replace(trace, model=replace(trace.model, weights="untrained"))
    drawing = views()["predictions"].draw(untrained, Selection())
    assert drawing.title.endswith("(untrained weights: these are chance)")
    assert "chance" not in views()["predictions"].draw(trace, Selection()).title
