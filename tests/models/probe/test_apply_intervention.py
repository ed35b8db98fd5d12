"""What is changed about a pass is exactly that, and the model is as it was behind it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitviz
from vitviz import Intervention
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.models.loading.preprocess import normalised
from vitviz.models.probe.apply_intervention import order_of, sines
from vitviz.models.probe.picture_change import changed_picture


def run(model, trace, table=None):
    """The model's own features, with another table written into it."""
    module = model.module
    pixels = normalised(trace.pixels, model.preprocess)
    kept = module.pos_embed.detach().clone()
    with torch.no_grad():
        if table is not None:
            module.pos_embed.copy_(table)
        try:
            return module.forward_features(pixels)[0].numpy()
        finally:
            module.pos_embed.copy_(kept)


def final(model, trace):
    """The same from a trace's source."""
    with torch.no_grad():
        return model.module.norm(torch.from_numpy(trace.source.features()[-1].copy())).numpy()


@pytest.mark.parametrize("how", ["removed", "shuffled", "sin-cos"])
def test_another_table_is_what_the_model_computes_with_it(tiny_model, tiny_trace, photo, how):
    change = Intervention(positions=how, seed=3)
    before = tiny_model.module.pos_embed.detach().clone()
    trace = vitviz.trace(tiny_model, photo, intervention=change)
    grid, table = trace.grid, before.clone()
    first = table.shape[1] - grid.rows * grid.cols
    patches = table[:, first:].clone()
    if how == "removed":
        table[:, first:] = 0
    elif how == "shuffled":
        for place, taken in enumerate(order_of(patches.shape[1], 3)):
            table[:, first + place] = patches[:, taken]
    else:
        waves = sines(grid, table.shape[2])
        table[:, first:] = waves * (patches.norm(dim=-1).mean() / waves.norm(dim=-1).mean())
    np.testing.assert_allclose(final(tiny_model, trace), run(tiny_model, trace, table), atol=1e-5)
    assert np.abs(final(tiny_model, trace) - final(tiny_model, tiny_trace)).max() > 1e-4
    assert torch.equal(tiny_model.module.pos_embed, before)
    assert trace.intervention == change
    assert change.words in trace.model.notes[-1]
    assert trace.verified < 1e-4


def test_nothing_changed_is_the_same_trace(tiny_model, tiny_trace, photo):
    same = vitviz.trace(tiny_model, photo, intervention=Intervention())
    assert same.intervention is None
    np.testing.assert_array_equal(final(tiny_model, same), final(tiny_model, tiny_trace))


def test_without_positions_shuffled_patches_are_the_same_tokens_in_another_order(tiny_model, photo):
    """The model is then blind to order: what holds for every transformer, checked exactly."""
    plain, mixed = (
        vitviz.trace(tiny_model, photo, intervention=Intervention("removed", patches, seed=5))
        for patches in ("in place", "shuffled")
    )
    order = order_of(plain.grid.rows * plain.grid.cols, 5)
    first = len(plain.grid.prefix)
    one, other = (each.source.features()[-1] for each in (plain, mixed))
    np.testing.assert_allclose(other[first:], one[first:][order], atol=1e-4)
    np.testing.assert_allclose(other[:first], one[:first], atol=1e-4)
    said, other = ({each.index for each in both.predictions} for both in (mixed, plain))
    assert said == other


def test_masked_patches_are_grey_and_nothing_else_changes(tiny_model, tiny_trace, photo):
    trace = vitviz.trace(tiny_model, photo, intervention=Intervention(masked=(0, 7)))
    grid, mean = trace.grid, [round(255 * each) for each in tiny_model.preprocess.mean]
    different = (trace.pixels != tiny_trace.pixels).any(-1)
    inside = np.zeros_like(different)
    for patch in (0, 7):
        box = grid.box(patch + len(grid.prefix))
        part = slice(int(box.top), int(box.bottom)), slice(int(box.left), int(box.right))
        assert (trace.pixels[part] == mean).all()
        inside[part] = True
    assert not (different & ~inside).any()


def test_a_masked_head_adds_nothing(tiny_model, photo):
    """Against the projection with that head's columns zero."""
    trace = vitviz.trace(tiny_model, photo, intervention=Intervention(heads=((1, 0),)))
    module = tiny_model.module
    projection = module.blocks[1].attn.proj
    kept = projection.weight.detach().clone()
    width = kept.shape[1] // module.blocks[1].attn.num_heads
    with torch.no_grad():
        projection.weight[:, :width] = 0
    try:
        expected = run(tiny_model, trace)
    finally:
        with torch.no_grad():
            projection.weight.copy_(kept)
    np.testing.assert_allclose(final(tiny_model, trace), expected, atol=1e-5)
    assert not projection._forward_pre_hooks


def test_a_head_that_looks_everywhere_alike_gives_the_mean_of_its_values(tiny_model, photo):
    """Against the same head without queries, whose scores are all 0."""
    trace = vitviz.trace(tiny_model, photo, intervention=Intervention(even=((1, 1),)))
    attention = tiny_model.module.blocks[1].attn
    width = attention.qkv.weight.shape[1] // attention.num_heads
    kept = attention.qkv.weight.detach().clone(), attention.qkv.bias.detach().clone()
    with torch.no_grad():
        attention.qkv.weight[width : 2 * width] = 0
        attention.qkv.bias[width : 2 * width] = 0
    try:
        expected = run(tiny_model, trace)
    finally:
        with torch.no_grad():
            attention.qkv.weight.copy_(kept[0])
            attention.qkv.bias.copy_(kept[1])
    np.testing.assert_allclose(final(tiny_model, trace), expected, atol=1e-5)
    assert not attention.qkv._forward_hooks
    assert not attention.proj._forward_pre_hooks
    assert "looking everywhere alike" in trace.model.notes[-1]


def test_the_picture_itself_is_changed(tiny_model, tiny_trace):
    want = tiny_model.preprocess
    plain = normalised(tiny_trace.pixels, want)

    def changed(**how):
        return changed_picture(plain, want, Intervention(**how))

    dark = normalised((tiny_trace.pixels * 0.5).astype(np.uint8), want)
    np.testing.assert_allclose(changed(darkened=0.5), dark, atol=0.02)
    np.testing.assert_allclose(changed(turned=90.0), torch.rot90(plain, -1, (2, 3)), atol=1e-3)
    rows = plain.shape[2]
    down = changed(moved=(0.25, 0.0))
    np.testing.assert_allclose(down[:, :, rows // 4 :], plain[:, :, : -rows // 4], atol=1e-3)
    assert down[:, :, : rows // 4 - 1].abs().max() < 1e-3, "what comes in is the mean grey"
    point = torch.zeros_like(plain)
    point[:, :, 80, 80] = 1
    spread = changed_picture(point, want, Intervention(blurred=2.0))[0, 0]
    far = torch.arange(160) - 80
    bell = torch.exp(-(far**2) / 8.0)
    np.testing.assert_allclose(spread[80] / spread[80, 80], bell, atol=2e-2)
    assert spread.sum() == pytest.approx(1, abs=1e-4)


def test_a_changed_picture_is_read_and_shown(tiny_model, tiny_trace, photo):
    change = Intervention(turned=90.0, masked=(0,))
    trace = vitviz.trace(tiny_model, photo, intervention=change)
    turned = np.rot90(tiny_trace.pixels, -1)
    assert np.abs(trace.pixels[16:, 16:].astype(int) - turned[16:, 16:]).max() <= 1
    assert "turned by 90°" in change.words
    still = vitviz.trace(tiny_model, photo, intervention=Intervention(blurred=0.0))
    assert still.intervention is None


def test_sines_tell_rows_and_columns_apart():
    grid = TokenGrid(3, 4, (8, 8))
    waves = sines(grid, 16).numpy()
    speed = 10_000.0 ** (-np.arange(4) / 4)
    for patch in range(12):
        row, col = divmod(patch, 4)
        wanted = [
            np.sin(col * speed),
            np.cos(col * speed),
            np.sin(row * speed),
            np.cos(row * speed),
        ]
        np.testing.assert_allclose(waves[patch], np.concatenate(wanted), atol=1e-6)
    with pytest.raises(Unsupported, match="not 6"):
        sines(grid, 6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Intervention(masked=(999,)), "no patch 999"),
        (Intervention(heads=((9, 0),)), "no layer 9"),
        (Intervention(heads=((0, 9),)), "no head 9 in layer 0"),
        (Intervention(even=((0, 9),)), "no head 9 in layer 0"),
    ],
)
def test_what_is_not_there_cannot_be_changed(tiny_model, photo, change, said):
    with pytest.raises(VitvizError, match=said):
        vitviz.trace(tiny_model, photo, intervention=change)


def test_a_model_without_a_table_is_refused(photo):
    model = vitviz.load("test_vit4", pretrained=False, pos_embed="none")
    with pytest.raises(Unsupported, match="no learned table of positions"):
        vitviz.trace(model, photo, intervention=Intervention("removed"))


@pytest.mark.parametrize("inner", ["each word alone", "blocks off"])
def test_a_model_without_words_has_no_inner_blocks_to_change(tiny_model, photo, inner):
    with pytest.raises(Unsupported, match="does not divide its patches into words; take a Transf"):
        vitviz.trace(tiny_model, photo, intervention=Intervention(inner=inner))


def test_a_trace_asks_what_if(tiny_model, tiny_trace, photo):
    change = Intervention("removed")
    found = tiny_trace.source.what_if(change)
    direct = vitviz.trace(tiny_model, photo, intervention=change)
    np.testing.assert_array_equal(found.source.features(), direct.source.features())
    assert found.fit == tiny_trace.fit


OTHERS = {
    "eva02_tiny_patch14_224": {"depth": 2, "img_size": 56},  # a table and rotations
    "vit_small_patch16_dinov3": {"depth": 2, "img_size": 64},
    "vit_small_patch16_rope_mixed_224": {"depth": 2, "img_size": 64},
    "beit_base_patch16_224": {"depth": 2, "img_size": 64, "embed_dim": 48, "num_heads": 3},
    "vit_base_patch16_siglip_224": {"depth": 2, "img_size": 64, "embed_dim": 48, "num_heads": 3},
}
"""Models that tell places apart by rotations, by a bias, or by a table without a class token."""


@pytest.fixture(scope="module", params=OTHERS)
def other(request, photo):
    model = vitviz.load(request.param, pretrained=False, **OTHERS[request.param])
    random = torch.Generator().manual_seed(1)
    for name, parameter in model.module.named_parameters():  # as large as trained ones
        if "relative_position_bias" in name or name == "pos_embed":
            torch.nn.init.normal_(parameter, std=0.5, generator=random)
        elif "gamma" in name:
            torch.nn.init.ones_(parameter)
        elif ".attn." in name and name.endswith("weight"):
            torch.nn.init.normal_(parameter, std=0.1, generator=random)
    return model, vitviz.trace(model, photo)


@pytest.mark.parametrize("positions", ["removed", "shuffled"])
def test_places_are_exchanged_whatever_tells_them(other, photo, positions):
    """Exactly: without positions, or with both mixed alike, patches are only in another order."""
    model, plain = other
    mixed = vitviz.trace(model, photo, intervention=Intervention(positions, "shuffled", seed=5))
    still = (
        vitviz.trace(model, photo, intervention=Intervention(positions))
        if positions == "removed"
        else plain
    )
    order, first = order_of(plain.grid.rows * plain.grid.cols, 5), len(plain.grid.prefix)
    one, two, own = (each.source.features()[-1] for each in (still, mixed, plain))
    np.testing.assert_allclose(two[first:], one[first:][order], atol=1e-4)
    np.testing.assert_allclose(two[:first], one[:first], atol=1e-4)
    alone = vitviz.trace(model, photo, intervention=Intervention(positions, seed=5))
    assert np.abs(alone.source.features()[-1] - own).max() > 1e-5, "places do matter here"
    again = vitviz.trace(model, photo)
    np.testing.assert_array_equal(again.source.features()[-1], own)


def test_waves_cannot_replace_what_is_not_added(photo):
    model = vitviz.load("vit_small_patch16_dinov3", pretrained=False, depth=1, img_size=64)
    with pytest.raises(Unsupported, match="rotations of queries and keys"):
        vitviz.trace(model, photo, intervention=Intervention("sin-cos"))


def test_windows_tell_places_too_and_are_refused(photo):
    model = vitviz.load("swin_tiny_patch4_window7_224", pretrained=False, depths=(1, 1, 1, 1))
    with pytest.raises(Unsupported, match="places of one grid"):
        vitviz.trace(model, photo, intervention=Intervention("removed"))


def test_blocks_in_stages_are_not_counted_as_none(windowed):
    _, trace = windowed
    (panel,) = vitviz.draw(
        "whatif", trace, layer=0, head=1, positions="learned", heads="without the chosen head"
    ).panels
    assert "no head of one is taken out" in panel.layers[0].text
    assert "patches mixed up" in panel.layers[0].hint
    drawing = vitviz.draw("whatif", trace, positions="learned", patches="shuffled")
    assert len(drawing.panels) == 4
