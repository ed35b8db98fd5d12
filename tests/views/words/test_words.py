"""The views of a TNT's words draw its own inner attention, and every position in them is a word."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from einops import rearrange

import vitviz
from vitviz.cli.command_arguments import token_of
from vitviz.core.data.drawing import Heat, HeatTiles, Message, Outlines, Raster, aim
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Place, Selection
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.figures.render import render
from vitviz.views import find, views
from vitviz.views.shared.inner_sentences import rank_agreement

TINY = {
    "img_size": (32, 48),
    "embed_dim": 24,
    "inner_dim": 8,
    "depth": 3,
    "num_heads_inner": 2,
    "num_heads_outer": 3,
    "num_classes": 5,
}
NAMES = ["tnt_s_patch16_224", "timm/tnt_s_patch16_224", "tnt_s_legacy_patch16_224"]
OF_WORDS = ["words", "mosaic", "reach", "word_positions"]


def traced(name, photo):
    """A small TNT whose words do not look everywhere alike, with the picture."""
    torch.manual_seed(1)
    model = vitviz.load(name, pretrained=False, **TINY)
    with torch.no_grad():
        for key, parameter in model.module.named_parameters():
            parameter += torch.randn_like(parameter) * (0.5 if "attn_in.qk" in key else 0.1)
    return vitviz.trace(model, photo)


@pytest.fixture(scope="module", params=NAMES)
def trace(request, photo):
    return traced(request.param, photo)


@pytest.fixture(scope="module")
def own(photo):
    return traced(NAMES[0], photo)


def at(trace, token, word, **more):
    """The selection with the cursor on a word."""
    spot = trace.crop.to_original(trace.grid.word_box(token, word).centre)
    return Selection(hover=Place(spot), **more)


def layer_of(panel, kind):
    return next(layer for layer in panel.layers if isinstance(layer, kind))


def heat_of(panel):
    return layer_of(panel, Heat).values


@pytest.mark.parametrize("name", OF_WORDS)
def test_they_apply_to_a_tnt_alone(name, own, tiny_trace):
    assert find(name).applies(own) == ""
    assert "does not divide its patches into words" in find(name).applies(tiny_trace)
    with pytest.raises(Unsupported, match="take a Transformer in Transformer"):
        vitviz.draw(name, tiny_trace)


@pytest.mark.parametrize("name", list(views()))
def test_every_view_of_one_trace_draws_a_tnt(name, own):
    shown = find(name)
    if shown.traces == 1 and not shown.applies(own):
        drawing = shown.draw(own, at(own, 4, 9))
        assert "Untrained weights" in drawing.caption
        assert all(panel.layers for panel in drawing.panels)


@pytest.mark.parametrize("direction", ["looks at", "is looked at by"])
def test_the_atlas_is_where_the_word_looks(trace, direction):
    token, word = trace.grid.token(1, 2), 6
    values = {"direction": direction}
    drawing = find("words").draw(trace, at(trace, token, word, depth=0.5, head=1), values)
    patch, atlas, matrix = drawing.panels
    for index, layer in enumerate(trace.words.layers):
        maps = layer.attention.maps(5)
        row = maps[:, word] if direction == "looks at" else maps[:, :, word]
        shown = layer_of(atlas, HeatTiles).values[index]
        np.testing.assert_array_equal(shown.reshape(2, 16), row)
        if index == 1:
            np.testing.assert_array_equal(heat_of(patch).ravel(), row[1])
            np.testing.assert_array_equal(heat_of(matrix), maps[1])


def test_all_heads_together_are_their_mean(own):
    patch, _, matrix = find("words").draw(own, at(own, 2, 3)).panels
    maps = own.words.layers[-1].attention.maps(1)
    np.testing.assert_allclose(heat_of(matrix), maps.mean(0), atol=1e-7)
    np.testing.assert_allclose(heat_of(patch).ravel(), maps.mean(0)[3], atol=1e-7)


def test_every_position_inside_a_patch_is_a_word_of_it(own):
    token, word = own.grid.token(0, 1), 10
    panels = find("words").draw(own, at(own, token, word)).panels
    box = own.grid.word_box(token, 7)
    patch = aim(panels[0], box.centre.row, box.centre.col)
    assert patch.words.startswith("token 2 (0, 1) word (1, 3)")
    atlas = aim(panels[1], 1 * 5 + 2.5, 1 * 5 + 1.5)  # layer 2, head 2, word (2, 1)
    assert (atlas.layer, atlas.head) == (1, 1)
    assert atlas.words.startswith("layer 2 head 2 · word (2, 2) → word (2, 1)")
    matrix = aim(panels[2], 9.5, 4.5)
    assert matrix.words.startswith("word (2, 1) → word (1, 0)")
    assert matrix.value == heat_of(panels[2])[9, 4]
    assert aim(panels[2], -0.5, 3) is None
    for found, panel, expected in ((atlas, panels[1], 9), (matrix, panels[2], 9)):
        spot = panel.space.crop.to_original(found.spot)
        there = Selection(hover=Place(spot))
        assert there.token(own.grid, own.crop) == token
        assert there.word(own.grid, own.crop) == expected


def test_what_a_word_is_read_from_is_drawn_true(trace):
    """The convolution of a word begins kernel // 2 = 3 pixels up and left of it, and is 7 wide."""
    token = trace.grid.token(1, 1)  # pixels 16 to 32
    legacy = trace.words.reach == "picture"
    corner, inside = (find("words").draw(trace, at(trace, token, w)).panels[0] for w in (0, 5))
    quiet = [
        next(
            layer for layer in panel.layers if isinstance(layer, Outlines) and layer.role == "quiet"
        )
        for panel in (corner, inside)
    ]
    assert quiet[0].boxes == (Box(13, 13, 20, 20) if legacy else Box(16, 16, 20, 20),)
    assert quiet[1].boxes == (Box(17, 17, 24, 24),)
    assert corner.extent == (Box(13, 13, 32, 32) if legacy else Box(16, 16, 32, 32))
    first = find("words").draw(trace, at(trace, 1, 0)).panels[0]
    assert first.extent == Box(0, 0, 16, 16)  # nothing beyond the picture
    shown = layer_of(corner, Raster).box
    assert shown.clip(corner.extent) == corner.extent


def test_the_class_token_has_no_words_so_the_middle_patch_is_shown(own):
    drawing = find("words").draw(own, Selection())
    assert drawing.title.startswith("Inside token (1, 1): where word (2, 2) looks")


def test_the_mosaic_stitches_what_every_word_receives(trace):
    for unit, factor in (("share", 1), ("times even", 16)):
        values = {"unit": unit, "range": "map"}
        selection = at(trace, 3, 0, depth=0.0, head=0)
        large, atlas = find("mosaic").draw(trace, selection, values).panels
        received = trace.words.layers[0].attention.received(0) * factor
        tiles = rearrange(heat_of(large), "(r a) (c b) -> (r c) (a b)", a=4, b=4)
        np.testing.assert_allclose(tiles, received, rtol=1e-6)
        small = layer_of(atlas, HeatTiles).values
        assert small.shape == (3, 2, 8, 12)
        np.testing.assert_array_equal(small[0, 0], heat_of(large))


def test_a_position_in_the_mosaic_is_a_word_of_its_patch(own):
    large, atlas = find("mosaic").draw(own, at(own, 3, 0)).panels
    found = aim(atlas, 12 * 1 + 5.5, 16 * 1 + 9.5)  # second layer and head, row 5, column 9
    assert found.words.startswith("layer 2 head 2 · (1, 2) word (1, 1)")
    spot = atlas.space.crop.to_original(found.spot)
    there = Selection(hover=Place(spot))
    assert there.token(own.grid, own.crop) == own.grid.token(1, 2)
    assert there.word(own.grid, own.crop) == 5
    box = own.grid.word_box(6, 5)
    assert aim(large, box.centre.row, box.centre.col).value == heat_of(large)[5, 9]


def test_while_the_cursor_moves_the_small_maps_stay(own):
    """A painter uploads an array once: what does not change must be the very same array."""
    first, then = (find("mosaic").draw(own, at(own, 2, word)) for word in (1, 2))
    for one, two in zip(first.panels, then.panels, strict=True):
        kind = HeatTiles if one is first.panels[1] else Heat
        assert layer_of(one, kind).values is layer_of(two, kind).values


def test_both_classes_show_the_same(photo):
    torch.manual_seed(2)
    own, theirs = (vitviz.load(name, pretrained=False, **TINY) for name in NAMES[:2])
    own.module.load_state_dict(theirs.module.state_dict())
    mine, other = (vitviz.trace(model, photo) for model in (own, theirs))
    for name in OF_WORDS:
        drawn = [find(name).draw(one, at(one, 5, 6)) for one in (mine, other)]
        for one, two in zip(*(drawing.panels for drawing in drawn), strict=True):
            if any(isinstance(layer, Heat) for layer in one.layers):
                np.testing.assert_allclose(heat_of(one), heat_of(two), atol=1e-5)
            assert (one.title, one.extent) == (two.title, two.extent)


def test_heat_and_field_can_be_left_out(own):
    look = {"heat": False, "field": False}
    patch = find("words").draw(own, at(own, 2, 3), look).panels[0]
    kinds = [type(layer) for layer in patch.layers]
    assert Heat not in kinds
    assert kinds.count(Outlines) == 1
    assert patch.bar is None


def test_the_gated_mosaic_is_the_rollout_times_what_words_receive(trace):
    """The formula on the help page, with the rollout by its matrices."""
    selection = at(trace, 3, 5, head=1)
    large, gradient = find("reach").draw(trace, selection, {"keep": 0.5}).panels
    expected = np.zeros((6, 16))
    for layer in range(3):
        product = np.eye(7)
        for outer in trace.layers[layer:]:
            product = (0.5 * np.eye(7) + 0.5 * outer.attention.matrix()) @ product
        received = trace.words.layers[layer].attention.received(1)
        expected += product[0, 1:, None] * received / 3
    laid = rearrange(expected, "(r c) (a b) -> (r a) (c b)", r=2, a=4)
    np.testing.assert_allclose(heat_of(large), laid, atol=1e-6)
    slopes = rearrange(trace.source.word_gradient(), "(r c) (a b) -> (r a) (c b)", r=2, a=4)
    np.testing.assert_array_equal(heat_of(gradient), slopes)
    said = dict(gradient.facts)["rank correlation"]
    assert float(said) == pytest.approx(stats_of(laid, slopes), abs=0.006)


def stats_of(one, other):
    """Spearman's correlation where no two values are equal."""
    ranks = [np.argsort(np.argsort(each.ravel())) for each in (one, other)]
    return np.corrcoef(*ranks)[0, 1]


def test_one_layer_and_another_token_can_be_followed(own):
    values = {"layers": "chosen layer", "start": "chosen token", "gradient": False}
    (large,) = find("reach").draw(own, at(own, 3, 5, depth=1.0), values).panels
    last = own.layers[-1].attention.matrix()
    row = 0.5 * np.eye(7)[3] + 0.5 * last[3]
    received = own.words.layers[-1].attention.received()
    laid = rearrange(row[1:, None] * received, "(r c) (a b) -> (r a) (c b)", r=2, a=4)
    np.testing.assert_allclose(heat_of(large), laid, atol=1e-6)


def test_the_gradient_of_the_class_checks_the_class_token_alone(own):
    selection = at(own, 3, 5)
    for start, facts in (("class token", ["rank correlation"]), ("chosen token", [])):
        _, gradient = find("reach").draw(own, selection, {"start": start}).panels
        assert [name for name, _ in gradient.facts] == facts


def test_without_a_gradient_the_reason_stands_there(own):
    def refuse(label=None):
        raise Unsupported("no gradient here")

    gone = replace(own, source=None)
    refused = replace(own, source=SimpleNamespace(word_gradient=refuse))
    for one, why in ((gone, "The model is gone"), (refused, "no gradient here")):
        panel = find("reach").draw(one, at(one, 2, 2)).panels[1]
        assert layer_of(panel, Message).text.startswith(why)


def test_ranks_of_equal_values_are_shared():
    assert rank_agreement(np.array([1, 2, 2, 3]), np.array([10, 20, 20, 30])) == pytest.approx(1)
    assert rank_agreement(np.array([1, 2, 3]), np.array([3, 2, 1])) == pytest.approx(-1)
    assert rank_agreement(np.array([1, 1, 1]), np.array([3, 2, 1])) == 0


def test_places_of_words_are_compared_by_their_angle(trace):
    large, tiles = find("word_positions").draw(trace, at(trace, 2, 6)).panels
    table = trace.words.positions
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    np.testing.assert_allclose(heat_of(large).ravel(), (unit @ unit.T)[6], atol=1e-6)
    values = layer_of(tiles, HeatTiles).values
    np.testing.assert_allclose(values.reshape(16, 16), unit @ unit.T, atol=1e-6)
    found = aim(tiles, 2 * 5 + 1.5, 1 * 5 + 0.5)  # the map of (2, 1), at (1, 0)
    assert found.words.startswith("word (2, 1) and word (1, 0)")
    there = Selection(hover=Place(tiles.space.crop.to_original(found.spot)))
    assert (there.token(trace.grid, trace.crop), there.word(trace.grid, trace.crop)) == (2, 9)


def test_sentence_and_word_are_marked_in_the_views_that_every_model_has(own):
    for name in ("patches", "heads", "rollout"):
        large = find(name).draw(own, at(own, 5, 10)).panels[0]
        outlined = [layer for layer in large.layers if isinstance(layer, Outlines)]
        hovered = next(layer for layer in outlined if layer.role == "hover")
        assert hovered.boxes == (own.grid.box(5), own.grid.word_box(5, 10))
        assert "word" in find(name).follows


def test_a_word_is_named_behind_its_token(own):
    drawing = vitviz.draw("words", own, token=(1, 2, 3, 0))
    assert drawing.title.startswith("Inside token (1, 2): where word (3, 0) looks")
    assert dict(drawing.recipe)["word"] == "(3, 0)"
    assert token_of("1, 2,3,0") == (1, 2, 3, 0)
    with pytest.raises(VitvizError, match=r"word \(4, 0\) is outside the 4 x 4 words"):
        vitviz.draw("words", own, token=(1, 2, 4, 0))


@pytest.mark.parametrize(
    "sizes",
    [
        {"img_size": 32, "patch_size": 16, "first_stride": 16},
        {"img_size": (48, 64), "patch_size": (8, 16), "first_stride": 4},
        {"img_size": 64, "patch_size": 32, "first_stride": 4, "legacy": True},
    ],
    ids=str,
)
def test_any_number_of_words_is_drawn_and_pointed_at(sizes, photo):
    trace = vitviz.trace(vitviz.load(NAMES[0], pretrained=False, **{**TINY, **sizes}), photo)
    down, across = trace.grid.words
    token, word = trace.grid.token(1, 1), down * across - 1
    for name in OF_WORDS:
        drawing = find(name).draw(trace, at(trace, token, word))
        if name == "words":
            render(drawing, width_mm=90).draw_without_rendering()
        for panel in drawing.panels:
            assert panel.extent.height > 0
            assert panel.extent.width > 0
    patch = find("words").draw(trace, at(trace, token, word)).panels[0]
    box = trace.grid.word_box(token, word)
    found = aim(patch, box.centre.row, box.centre.col)
    assert found.words.startswith(f"token {token} (1, 1) word ({down - 1}, {across - 1})")


def test_a_model_without_words_has_none_to_name(tiny_trace):
    with pytest.raises(VitvizError, match=r"no token \(1, 2, 3, 0\)"):
        vitviz.draw("heads", tiny_trace, token=(1, 2, 3, 0))
    assert "word" not in dict(vitviz.draw("heads", tiny_trace).recipe)
