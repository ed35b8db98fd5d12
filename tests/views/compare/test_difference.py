"""The difference of two maps is that of their numbers, wherever the two models saw the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reference import Maps, make_trace

from vitviz.core.data.drawing import Heat, PixelSpace, aim
from vitviz.core.data.geometry import Spot
from vitviz.core.data.selection import Place, Selection
from vitviz.core.measures.overlap import overlap
from vitviz.core.measures.rollout import rollout
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.views import views
from vitviz.views.shared.two_traces import names, seen, short

COARSE = make_trace(rows=3, cols=3, patch=16, seed=1)
FINE = make_trace(rows=6, cols=6, patch=8, seed=2)


def drawn(one=COARSE, other=FINE, selection=None, **options):
    return views()["difference"].draw(one, selection or Selection(), options, other)


def heat(panel):
    return next(layer for layer in panel.layers if isinstance(layer, Heat))


def spread(trace, row):
    """Patch values over a raster of 6 x 6 by hand, 1 on average."""
    laid = row[1:].reshape(trace.grid.rows, trace.grid.cols)
    times = 6 // trace.grid.rows
    return laid.repeat(times, 0).repeat(times, 1) / laid.mean()


def test_rollouts_of_two_patch_sizes():
    drawing = drawn()
    rows = [rollout([layer.attention for layer in each.layers], 0) for each in (COARSE, FINE)]
    expected = spread(COARSE, rows[0]) - spread(FINE, rows[1])
    change = heat(drawing.panels[0])
    np.testing.assert_allclose(change.values, expected, atol=1e-5)
    assert change.scale.high == -change.scale.low == pytest.approx(np.abs(expected).max())
    assert change.scale.table == "vik"
    assert change.box == COARSE.grid.frame
    assert drawing.title.endswith("patch 16 minus patch 8")


def test_the_numbers_are_those_of_the_maps():
    facts = dict(drawn().panels[0].facts)
    rows = [rollout([layer.attention for layer in each.layers], 0) for each in (COARSE, FINE)]
    first, second = (spread(*each).ravel() for each in zip((COARSE, FINE), rows, strict=True))
    assert facts["correlation"] == f"{np.corrcoef(first, second)[0, 1]:.3f}"
    assert facts["intersection"] == f"{np.minimum(first, second).mean():.3f}"
    for panel, row in zip(drawn().panels[1:], rows, strict=True):
        assert dict(panel.facts)["on patches"] == f"{row[1:].sum():.3f}"


def test_a_map_minus_itself_is_nothing():
    facts = dict(drawn(COARSE, make_trace(rows=3, cols=3, patch=16, seed=1)).panels[0].facts)
    assert [facts[name] for name in ("correlation", "intersection", "distance (JS)")] == [
        "1.000",
        "1.000",
        "0.000",
    ]


def test_the_chosen_head_of_the_chosen_layer():
    selection = Selection(Place(Spot(20, 20)), depth=0.5, head=1)
    drawing = drawn(selection=selection, maps="attention")
    rows = [
        each.layers[1].attention.rows(selection.token(each.grid, each.crop))[1]
        for each in (COARSE, FINE)
    ]
    expected = spread(COARSE, rows[0]) - spread(FINE, rows[1])
    np.testing.assert_allclose(heat(drawing.panels[0]).values, expected, atol=1e-5)
    assert drawing.title.startswith("Attention of token (1, 1), layer 2, head 2: ")
    assert "patch 8 shows: Attention of token (2, 2)" in drawing.caption


def test_the_class_token_looks_whatever_is_chosen():
    drawing = drawn(selection=Selection(Place(Spot(20, 20))), maps="class attention")
    row = FINE.layers[-1].attention.rows(0).mean(0)
    np.testing.assert_allclose(
        heat(drawing.panels[2]).values * row[1:].mean(), row[1:].reshape(6, 6), rtol=1e-4
    )


def test_what_one_of_them_has_not_is_refused():
    bare = make_trace(rows=3, cols=3, patch=16, prefix=())
    with pytest.raises(Unsupported, match="no class token"):
        drawn(bare, FINE, maps="class attention")
    with pytest.raises(Unsupported, match="has 2 heads here, and head 3 is chosen"):
        drawn(
            make_trace(rows=3, cols=3, patch=16, heads=4), FINE, Selection(head=2), maps="attention"
        )
    with pytest.raises(VitvizError, match="compares two"):
        views()["difference"].draw(COARSE, Selection())


def test_a_model_without_maps_has_nothing_to_compare():
    view = views()["difference"]
    assert view.applies(COARSE) == ""
    assert "has no attention over the picture" in view.applies(replace(COARSE, layers=()))


def test_signed_maps_have_no_distribution():
    layers = [
        replace(layer, attention=Maps(1.5 * layer.attention.maps - 0.5 / FINE.grid.tokens))
        for layer in FINE.layers
    ]
    mixed = replace(FINE, layers=tuple(layers))
    facts = dict(drawn(COARSE, mixed, maps="attention").panels[0].facts)
    assert "correlation" in facts
    assert "intersection" not in facts


def test_only_what_both_saw_is_compared():
    whole, part = make_trace(4, 4, original=(32, 64), seed=3), make_trace(4, 8, original=(32, 64))
    assert overlap(seen(whole), seen(part)).share == pytest.approx(0.5)
    drawing = drawn(whole, part)
    assert "what both saw, 50% of the picture" in drawing.caption


def test_pointing_at_the_second_picture_means_the_first():
    other = make_trace(rows=6, cols=6, patch=8, original=(96, 96), seed=5)
    other = replace(other, picture=replace(other.picture, name="b.png", key="cd34"))
    drawing = drawn(COARSE, other)
    panel = drawing.panels[2]
    assert isinstance(panel.space, PixelSpace)
    found = aim(panel, 12, 36)
    assert panel.space.crop.to_original(found.spot) == Spot(12, 36)
    assert panel.title == "patch 8, b"
    assert "two pictures" in drawing.caption


def test_long_names_fit_over_a_panel():
    tagged = ("vit_tiny_patch16_224.augreg.safetensors", "vitviz/flexvit")
    assert short(tagged) == ("vit_tiny_patch16_224", "vitviz/flexvit")
    same = ("vit_tiny.augreg_in21k_ft_in1k", "vit_tiny.dino")
    assert short(same) == ("vit_tiny.augre…21k_ft_in1k", "vit_tiny.dino")


def test_two_traces_are_called_by_what_they_differ_in():
    assert names(COARSE, FINE) == ("patch 16", "patch 8")
    assert names(COARSE, COARSE) == ("the first", "the second")
    renamed = replace(FINE, model=replace(FINE.model, name="other"))
    assert names(COARSE, renamed) == ("tiny", "other")
    elsewhere = replace(COARSE, picture=replace(COARSE.picture, name="b.png", key="x"))
    assert names(COARSE, elsewhere) == ("noise.png", "b.png")
