"""Windows, pooled keys, pools, matrices and stages, as the views draw them on real small models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import vitviz
from vitviz.core.data.drawing import Heat, HeatTiles, Outlines
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Place, Selection, place_of
from vitviz.core.measures.stage_rollout import staged_heads
from vitviz.core.progress import Unsupported
from vitviz.views import views

SWIN = {"input_size": 64, "embed_dim": 16, "depths": (2, 2), "num_heads": (1, 2), "window_size": 4}


def trace_of(name, photo, **arguments):
    torch.manual_seed(0)
    return vitviz.trace(vitviz.load(name, pretrained=False, **arguments), photo)


@pytest.fixture(scope="module")
def swin(photo):
    return trace_of("swin_tiny_patch4_window7_224", photo, **SWIN)


@pytest.fixture(scope="module")
def pyramid(photo):
    return trace_of("pvt_v2_b0", photo)


@pytest.fixture(scope="module")
def pooled(photo):
    return trace_of("test_vit3", photo)


def at(trace, token, layer=None):
    selection = Selection(pin=place_of(token, trace.grid, trace.crop))
    return selection if layer is None else selection.with_layer(layer, len(trace.layers))


def draw(name, trace, selection, **values):
    return views()[name].draw(trace, selection, values)


def chosen(panel):
    return next(
        each.boxes for each in panel.layers if isinstance(each, Outlines) and each.role == "chosen"
    )


def test_the_tokens_window_is_outlined_and_moves_with_the_shift(swin):
    first = draw("heads", swin, at(swin, 5 * 16 + 6, 0)).panels[0]
    assert chosen(first) == (Box(16, 16, 32, 32),)
    second = draw("heads", swin, at(swin, 5 * 16 + 6, 1), range="map").panels[0]
    assert chosen(second) == (Box(8, 24, 24, 40),)
    heat = next(each for each in second.layers if isinstance(each, Heat))
    inside = np.zeros((16, 16), bool)
    inside[2:6, 6:10] = True
    assert (heat.values[inside] > 0).all()
    assert (heat.values[~inside] == 0).all()
    assert heat.scale.low == heat.values[inside].min()
    robust, atlas = draw("heads", swin, at(swin, 5 * 16 + 6, 1)).panels
    assert robust.bar is not None
    assert robust.bar.low > 0  # what nobody can see has no say in the range
    assert atlas.bar is not None
    assert atlas.bar.low > 0


def test_at_the_edge_a_shifted_window_is_what_the_mask_leaves_of_it(swin):
    corner = draw("heads", swin, at(swin, 0, 1)).panels[0]
    assert chosen(corner) == (Box(0, 0, 8, 8),)
    assert "windows of 16 tokens" in draw("heads", swin, at(swin, 0, 1)).caption


def test_keys_are_drawn_on_their_own_grid(pyramid):
    layer = pyramid.layers[0]
    assert (layer.keys.rows, layer.grid.rows) == (7, 56)
    drawing = draw("heads", pyramid, at(pyramid, 56 * 20 + 9, 0))
    heat = next(each for each in drawing.panels[0].layers if isinstance(each, Heat))
    token = at(pyramid, 56 * 20 + 9).token(layer.grid, pyramid.crop)
    expected = layer.attention.rows(token).mean(0).reshape(7, 7)
    np.testing.assert_allclose(heat.values, expected, atol=1e-6)
    assert heat.box == pyramid.crop.frame
    back = draw("heads", pyramid, at(pyramid, 56 * 20 + 9, 0), direction="is looked at by")
    heat = next(each for each in back.panels[0].layers if isinstance(each, Heat))
    key = at(pyramid, 56 * 20 + 9).token(layer.keys, pyramid.crop)
    np.testing.assert_allclose(
        heat.values, layer.attention.columns(key).mean(0).reshape(56, 56), atol=1e-6
    )


def test_a_pool_shows_its_one_row(pooled):
    drawing = draw("pools", pooled, Selection(head=1))
    heat = next(each for each in drawing.panels[0].layers if isinstance(each, Heat))
    pool = pooled.pools[0]
    expected = pool.attention.rows(0)[1][pool.grid.patches].reshape(heat.values.shape)
    np.testing.assert_allclose(heat.values, expected)


def test_a_model_without_a_pool_says_what_it_answers_from(swin, tiny_trace):
    assert views()["pools"].applies(swin).endswith("the mean over its patches")
    assert views()["pools"].applies(tiny_trace).endswith("its class token")
    with pytest.raises(Unsupported, match="no query that only reads"):
        draw("pools", swin, Selection())


def test_a_matrix_is_the_whole_map_with_the_tokens_row(tiny_trace):
    selection = at(tiny_trace, 7, 2)
    panel = draw("matrix", tiny_trace, replace(selection, head=1)).panels[0]
    np.testing.assert_allclose(
        panel.layers[0].values, tiny_trace.layers[2].attention.matrix(1), atol=1e-6
    )
    assert chosen(panel) == (Box(7, 0, 8, tiny_trace.grid.tokens),)


def test_large_matrices_are_averaged_and_say_so(pyramid):
    drawing = draw("matrix", pyramid, at(pyramid, 0, 0))
    values, whole = drawing.panels[0].layers[0].values, pyramid.layers[0].attention.matrix()
    assert whole.shape == (3136, 49)
    assert values.shape == (3136 // 7, 49 // 7)
    np.testing.assert_allclose(values[3, 2], whole[21:28, 14:21].mean(), rtol=1e-5)
    assert "Averaged over 7 × 7 entries" in drawing.caption


def test_channels_are_shown_as_a_matrix_and_nowhere_on_the_picture(photo):
    trace = trace_of("xcit_nano_12_p16_224", photo, input_size=64)
    drawing = draw("matrix", trace, Selection())
    assert drawing.panels[0].title.startswith("Each row a channel, each column a channel")
    assert drawing.panels[0].space is None
    for name in ("heads", "rollout"):
        with pytest.raises(
            Unsupported, match="see its pools, which read the patches; see its matr"
        ):
            draw(name, trace, Selection())
    assert draw("patches", trace, Selection()).panels


def test_rollout_goes_through_stages_and_says_the_bridge(swin):
    drawing = draw("rollout", swin, at(swin, 3, 3))
    heat = next(each for each in drawing.panels[0].layers if isinstance(each, Heat))
    assert heat.values.shape == (16, 16)
    assert heat.values.sum() == pytest.approx(1, abs=1e-4)
    assert "divided among the finer tokens" in drawing.caption


def test_rollout_says_why_no_head_can_be_chosen_where_stages_have_other_heads(swin):
    drawing = draw("rollout", swin, replace(at(swin, 3, 3), head=1))
    assert "heads fused by mean" in drawing.title
    assert "Stages of 1 and 2 heads" in drawing.caption
    first = draw("rollout", swin, at(swin, 3, 1))
    assert len(first.panels) == 2
    assert "Stages of" not in first.caption


def test_rollout_through_stages_follows_the_chosen_head_where_all_have_the_same(photo):
    trace = trace_of("botnet26t_256", photo)
    assert [layer.grid.rows for layer in trace.layers] == [16, 16, 8]
    drawing = draw("rollout", trace, replace(at(trace, 100, 2), head=1))
    large, each = drawing.panels
    heat = next(layer for layer in large.layers if isinstance(layer, Heat)).values
    tiles = next(layer for layer in each.layers if isinstance(layer, HeatTiles)).values
    token = at(trace, 100).token(trace.layers[2].grid, trace.crop)
    expected = staged_heads(trace.layers, token)
    np.testing.assert_allclose(heat.ravel(), expected[1], atol=1e-7)
    np.testing.assert_allclose(tiles.reshape(4, 256), expected, atol=1e-7)
    assert drawing.title.endswith("head 2")
    assert "divided among the finer tokens" in drawing.caption


def test_rollout_is_refused_where_attention_falls_on_padding(photo):
    trace = trace_of(
        "samvit_base_patch16_224",
        photo,
        input_size=96,
        embed_dim=32,
        depth=2,
        num_heads=2,
        window_size=4,
        global_attn_indexes=(1,),
    )
    with pytest.raises(Unsupported, match=r"on padding .* size that its windows divide"):
        draw("rollout", trace, Selection())


def test_padding_that_no_input_size_takes_away_comes_without_that_advice(photo):
    trace = trace_of("halonet26t", photo)
    with pytest.raises(Unsupported, match="around the picture; see its heads"):
        draw("rollout", trace, Selection())


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("crossvit_tiny_240", {"depth": ((1, 2, 0), (1, 2, 0))}, "run side by side"),
        (
            "vit_small_patch16_18x2_224",
            {"input_size": 32, "embed_dim": 32, "depth": 2, "num_heads": 2},
            "all read the same tokens",
        ),
    ],
)
def test_layers_side_by_side_are_not_followed_as_if_one_read_the_other(name, arguments, why, photo):
    trace = trace_of(name, photo, **arguments)
    with pytest.raises(Unsupported, match=why):
        draw("rollout", trace, Selection())
    assert draw("heads", trace, Selection()).panels


def test_the_softmax_before_mixing_can_be_seen(photo):
    trace = trace_of("cait_xxs24_224", photo, depth=2, input_size=64)
    place = Selection(pin=Place(), head=0)
    used, before = (
        draw("heads", trace, place, mixed=mixed).panels[0]
        for mixed in ("as used", "softmax before")
    )
    token = place.token(trace.grid, trace.crop)
    rows = trace.layers[1].before.rows(token)[0].reshape(4, 4)
    np.testing.assert_allclose(next(x for x in before.layers if isinstance(x, Heat)).values, rows)
    assert not np.allclose(next(x for x in used.layers if isinstance(x, Heat)).values, rows)
    assert draw("heads", trace, place, mixed="softmax before").title.endswith(
        "before they are mixed"
    )
    assert "mixed" not in draw("heads", trace, place).title
