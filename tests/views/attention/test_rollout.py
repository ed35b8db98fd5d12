"""The rollout that is drawn is core's, however it is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reference import Maps, make_trace

from vitviz.core.data.drawing import Heat, HeatTiles, aim
from vitviz.core.data.selection import Selection, place_of
from vitviz.core.measures.rollout import rollout, rollout_heads
from vitviz.core.progress import Cancelled, Unsupported, watching
from vitviz.views import views
from vitviz.views.attention import rollout_runs as module


@pytest.fixture(scope="module")
def trace():
    return make_trace(rows=5, cols=5, depth=4, heads=3)


def drawn(trace, token, *, options=None, **changes):
    selection = Selection(pin=place_of(token, trace.grid, trace.crop), **changes)
    return views()["rollout"].draw(trace, selection, options)


def heat(drawing):
    return next(layer for layer in drawing.panels[0].layers if isinstance(layer, Heat)).values


def tiles(drawing):
    return next(layer for layer in drawing.panels[1].layers if isinstance(layer, HeatTiles)).values


def attentions(trace):
    return [layer.attention for layer in trace.layers]


@pytest.mark.parametrize("options", [{}, {"fuse": "max", "discard": 0.9}, {"keep": 0.2, "skip": 2}])
def test_the_large_map_is_cores(trace, options):
    walk = {**options, "start": options.get("skip", 0)}
    walk.pop("skip", None)
    expected = rollout(attentions(trace), 7, **walk)[1:]
    np.testing.assert_allclose(heat(drawn(trace, 7, options=options)).ravel(), expected, atol=1e-6)


@pytest.mark.parametrize("block", [30, 300, 10_000])
def test_the_first_token_alone_and_then_runs_of_neighbours_give_the_same(block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    trace = make_trace(rows=5, cols=5, depth=4, heads=3)
    for token in (7, 8, 7, 25, 1, 0):
        drawing = drawn(trace, token)
        each = rollout_heads(attentions(trace), range(token, token + 1))[0, :, 1:]
        np.testing.assert_allclose(tiles(drawing).reshape(4, 25)[:3], each, atol=1e-6)
        fused = rollout(attentions(trace), token)[1:]
        np.testing.assert_allclose(heat(drawing).ravel(), fused, atol=1e-6)


def test_moving_the_layer_makes_one_token_and_moving_the_cursor_a_run(trace):
    walk = (0.5, 0.0, 0, 3)
    assert module._at_once(trace, 7, walk) == range(7, 8)
    assert module._at_once(trace, 7, walk) == range(7, 8)
    assert module._at_once(trace, 9, walk) == range(26)
    assert module._at_once(trace, 7, (0.5, 0.0, 0, 2)) == range(7, 8)


def test_on_large_grids_somebody_waits_for_a_few_tokens_and_runs_are_made_ahead(monkeypatch):
    monkeypatch.setattr(module, "SMALL", 20)
    monkeypatch.setattr(module, "AT_ONCE", 2 * 26 * 3)
    monkeypatch.setattr(module, "BLOCK", 10 * 26 * 3)
    trace = make_trace(rows=5, cols=5, depth=4, heads=3)
    walk = module.RolloutWalk(0.5, 0.0, 0, 4)
    drawn(trace, 12)
    drawn(trace, 14)
    run, few = range(10, 20), range(14, 16)
    assert module.heads_run.known(trace, run, walk) is None
    np.testing.assert_array_equal(
        module._heads_few.known(trace, few, walk)[0], module.head_rows(trace, 14, walk)
    )
    selection = Selection(pin=place_of(14, trace.grid, trace.crop))
    list(views()["rollout"].ahead(trace, selection))
    ahead = module.heads_run.known(trace, run, walk)
    assert np.shares_memory(module.head_rows(trace, 14, walk), ahead)
    np.testing.assert_allclose(ahead[4], module._heads_few.known(trace, few, walk)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("tokens", "heads", "block"), [(197, 12, 197), (785, 12, 63), (785, 1, 764), (1374, 6, 72)]
)
def test_small_grids_are_walked_at_once_and_large_ones_in_runs(tokens, heads, block):
    runs = {module._neighbours(tokens, token, heads, module.BLOCK) for token in range(tokens)}
    assert max(map(len, runs)) == block
    assert sorted(token for run in runs for token in run) == list(range(tokens))


def test_the_chosen_head_is_shown_large_unless_all_are_asked_for(trace):
    drawing = drawn(trace, 7, head=2)
    np.testing.assert_array_equal(heat(drawing), tiles(drawing)[1, 0])
    assert drawing.title == "Attention rollout from token (1, 1): layers 4 to 1, head 3"
    fused = drawn(trace, 7, head=2, options={"heads": "fused"})
    assert fused.title.endswith("heads fused by mean")


def test_the_walk_starts_at_the_chosen_layer_unless_the_last_is_asked_for(trace):
    shown = heat(drawn(trace, 7, depth=1 / 3))
    np.testing.assert_allclose(shown.ravel(), rollout(attentions(trace)[:2], 7)[1:], atol=1e-6)
    last = drawn(trace, 7, depth=1 / 3, options={"until": "last layer"})
    assert "layers 4 to 1" in last.title


def test_leaving_out_more_layers_than_there_are_keeps_the_last(trace):
    assert "layer 4," in drawn(trace, 7, options={"skip": 99}).title


@pytest.mark.parametrize(
    ("skip", "said"),
    [
        (0, "by its attention."),
        (1, "; the first layer left out."),
        (40, "; the first 3 layers left out."),
    ],
)
def test_layers_really_left_out_are_said(trace, skip, said):
    assert said in drawn(trace, 7, options={"skip": skip}).caption


def test_both_panels_know_whose_maps_they_are(trace):
    drawing = drawn(trace, 7)
    assert {(panel.query, panel.arrow) for panel in drawing.panels} == {("(1, 1)", "→")}
    assert aim(drawing.panels[0], 1, 1).words.startswith("(1, 1) → (0, 0): 0.")


def test_a_missing_layer_is_refused(trace):
    with pytest.raises(Unsupported, match=r"every layer, and blocks\.2"):
        drawn(replace(trace, refused=("blocks.2 could not be verified",)), 3)


def test_heads_that_were_mixed_are_not_followed():
    import vitviz

    model = vitviz.load("cait_xxs24_224", pretrained=False, input_size=64)
    trace = vitviz.trace(model, np.full((64, 64, 3), 90, np.uint8))
    with pytest.raises(Unsupported, match="sum of 1"):
        vitviz.draw("rollout", trace)
    assert vitviz.draw("heads", trace).panels


def test_the_preset_draws_vit_explains_mask_and_says_what_it_does_differently(trace):
    options = {"preset": "vit-explain", "fuse": "max", "discard": 0.9}
    drawing = drawn(trace, 0, options=options, depth=0.3)
    row = rollout(attentions(trace), 0, fuse="max", discard=0.9, preset="vit-explain")[1:]
    np.testing.assert_allclose(heat(drawing).ravel(), row / row.max(), atol=1e-6)
    assert "layers 4 to 1" in drawing.title
    assert "its key's row instead of its own row's" in drawing.caption
    assert "key's row" not in drawn(trace, 0, options={"fuse": "max"}).caption


def test_the_preset_is_refused_over_stages(trace):
    coarse = replace(trace.layers[-1].grid, rows=3, cols=2)
    layers = (*trace.layers[:-1], replace(trace.layers[-1], grid=coarse))
    with pytest.raises(Unsupported, match="vit-explain multiplies maps over the same tokens"):
        drawn(replace(trace, layers=layers), 1, options={"preset": "vit-explain"})


class Watched(Maps):
    """Maps that count how often somebody walks through them."""

    walks = 0

    def flow(self, weight, **how):
        Watched.walks += 1
        return super().flow(weight, **how)


@pytest.mark.parametrize("head", [None, 1])
def test_what_is_made_ahead_is_found_by_the_next_token(head, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 3 * 26 * 5)  # five tokens a run
    plain = make_trace(rows=5, cols=5, depth=4, heads=3)
    layers = [replace(one, attention=Watched(one.attention.maps)) for one in plain.layers]
    trace = replace(plain, layers=tuple(layers))
    first = drawn(trace, 12, head=head)
    selection = Selection(pin=place_of(12, trace.grid, trace.crop), head=head)
    steps = list(views()["rollout"].ahead(trace, selection))
    assert len(steps) == 6 + (2 if head is None else 0), "all runs of five, of fifteen where fused"
    walked = Watched.walks
    for token in (12, 13, 2, 22, 25):
        found, expected = drawn(trace, token, head=head), drawn(plain, token, head=head)
        np.testing.assert_allclose(heat(found), heat(expected), atol=1e-6)
        np.testing.assert_allclose(tiles(found), tiles(expected), atol=1e-6)
    assert Watched.walks == walked, "nothing was left to be walked"
    np.testing.assert_allclose(heat(first), heat(drawn(plain, 12, head=head)), atol=1e-6)


def test_what_is_made_ahead_can_be_stopped_between_two_layers(trace):
    told = []

    def stop(done, total, what=""):
        told.append((done, total))
        if len(told) == 2:
            raise Cancelled

    fresh = make_trace(rows=5, cols=5, depth=4, heads=3, seed=5)
    with pytest.raises(Cancelled), watching(stop):
        list(views()["rollout"].ahead(fresh, Selection()))
    assert told == [(0, 4), (1, 4)]


def test_other_views_make_nothing_ahead(trace):
    assert list(views()["patches"].ahead(trace, Selection())) == []
