"""Features, early answers, blocks, lengths and stems as drawn are the model's own numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import vitviz
from vitviz.core.data.drawing import Heat, Message, Outlines, Raster, RasterTiles, aim
from vitviz.core.data.plots import Plot, Table
from vitviz.core.data.prediction import whole_percent
from vitviz.core.progress import Unsupported
from vitviz.models.loading.preprocess import normalised
from vitviz.views.answers import lens
from vitviz.views.shared import picture_layers

NAMES = ("features", "lens", "block", "norms", "embedding")


def layer_of(panel, kind):
    return next(layer for layer in panel.layers if isinstance(layer, kind))


@pytest.fixture(scope="module")
def trace(tiny_trace):
    return tiny_trace


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("token", ["class", (0, 0)])
def test_they_are_drawn_from_any_token_and_layer(trace, name, token):
    for layer in (0, -1):
        drawing = vitviz.draw(name, trace, token=token, layer=layer, head=1)
        assert drawing.title
        for panel in drawing.panels:
            assert panel.title
            for row in np.linspace(panel.extent.top, panel.extent.bottom, 7):
                for col in np.linspace(panel.extent.left, panel.extent.right, 7):
                    aim(panel, row, col)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_is_gone_is_said(trace, name):
    gone, said = replace(trace, source=None), ""
    try:
        drawing = vitviz.draw(name, gone)
    except vitviz.VitvizError as error:
        said = str(error)
    else:
        layers = [layer for panel in drawing.panels for layer in panel.layers]
        said = " ".join(each.text for each in layers if isinstance(each, Message))
    assert "can no longer be asked" in said


def test_the_map_is_the_cosine_of_the_features(trace):
    heat = layer_of(vitviz.draw("features", trace, token=(1, 2), layer=3).panels[0], Heat)
    found = trace.source.features()[3].astype(np.float64)
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    token = trace.grid.token(1, 2)
    wanted = (unit @ unit[token])[trace.grid.patches].reshape(trace.grid.rows, -1)
    np.testing.assert_allclose(heat.values, wanted, atol=1e-5)


def test_one_colour_means_the_same_in_all_pictures(tiny_model, trace, photo):
    other = vitviz.trace(tiny_model, photo[:, ::-1].copy())
    one = vitviz.draw("features", trace, more=[other])
    two = vitviz.draw("features", other, more=[trace])
    colors = [layer_of(each.panels[1], Raster).pixels.astype(int) for each in (one, two)]
    features = [each.source.features()[-1, each.grid.patches] for each in (trace, other)]
    joined = np.concatenate(features).astype(np.float64)
    joined /= np.linalg.norm(joined, axis=1, keepdims=True)
    centred = joined - joined.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    for channel in range(3):
        along = centred @ vectors[:, -1 - channel]
        wanted = 255 * np.clip(0.5 + along / (5 * along.std()), 0, 1)
        found = np.concatenate([each[..., channel].ravel() for each in colors])
        assert min(np.abs(found - each).max() for each in (wanted, 255 - wanted)) <= 1
    alone = vitviz.draw("features", trace, more=[other], fitted="this picture")
    assert np.abs(layer_of(alone.panels[1], Raster).pixels - colors[0]).max() > 0


def test_the_last_early_answer_of_the_class_token_is_the_prediction(trace):
    drawing = vitviz.draw("lens", trace)
    table = drawing.panels[2].layers[0]
    assert isinstance(table, Table)
    best = trace.predictions[0]
    name, share = best.name, best.share
    assert table.rows[-1][2] == f"{name[:20]} {whole_percent(share)}"
    way = layer_of(drawing.panels[0], Plot)
    probability = next(each for each in way.curves if each.name.startswith("probability"))
    assert probability.y[-1] == pytest.approx(share, abs=1e-5)
    near = way.curves[0].y
    found = trace.source.features()[:, 0].astype(np.float64)
    wanted = [one @ found[-1] / np.linalg.norm(one) / np.linalg.norm(found[-1]) for one in found]
    np.testing.assert_allclose(near, wanted, atol=1e-6)


def test_all_that_the_head_reads_ends_with_the_models_answer(photo):
    model = vitviz.load("test_vit", pretrained=False, global_pool="avg", class_token=False)
    trace = vitviz.trace(model, photo)
    drawing = vitviz.draw("lens", trace, read="all that the head reads")
    best = trace.predictions[0]
    name, share = best.name, best.share
    assert drawing.panels[2].layers[0].rows[-1][2] == f"{name[:20]} {whole_percent(share)}"
    alone = layer_of(vitviz.draw("lens", trace, token=(0, 0)).panels[0], Plot)
    read = next(each for each in alone.curves if each.name.endswith("all that the head reads"))
    own = layer_of(drawing.panels[0], Plot).curves[1]
    np.testing.assert_allclose(read.y, own.y)
    assert read.y[-1] == pytest.approx(share, abs=1e-5)


def test_a_class_is_chosen_by_number_and_one_that_is_not_there_is_said(trace):
    title = vitviz.draw("lens", trace, label="7").panels[1].title
    assert title.startswith("“class 7”")
    with pytest.raises(vitviz.VitvizError, match="0 to 999"):
        vitviz.draw("lens", trace, label="unicorn")


def test_a_class_is_its_number_where_two_share_a_name(tiny_model, photo):
    best = vitviz.trace(tiny_model, photo).predictions[0].index
    other = (best + 1) % 1000
    labels = tuple("crane" if index in (best, other) else f"kind {index}" for index in range(1000))
    trace = vitviz.trace(replace(tiny_model, labels=labels), photo)
    assert trace.predictions[0].name == f"crane (class {best})"
    for label in ("", str(best), f"class {best}", f"crane (class {best})"):
        drawing = vitviz.draw("lens", trace, layer=-1, label=label)
        curve = layer_of(drawing.panels[0], Plot).curves[1]
        assert curve.y[-1] == pytest.approx(trace.predictions[0].share, abs=1e-5)
    with pytest.raises(vitviz.VitvizError, match=f"2 classes; say which.*{max(best, other)}"):
        vitviz.draw("lens", trace, label="crane")
    assert (
        f"still crane (class {best})"
        in vitviz.draw(
            "whatif",
            trace,
            positions="learned",
            patches="in place",
            seed=1,
            masked="the pinned patch",
            token=(0, 0),
        ).title
    )


def test_a_long_name_is_cut_where_it_is_not_what_tells_it_apart():
    assert lens._short("a name of more than twenty letters") == "a name of more than…"
    assert lens._short("hammerhead shark (class 517)") == "hammerh… (class 517)"


@pytest.mark.parametrize("classes", [1, 5])
def test_early_answers_of_a_sigmoid_head_end_with_its_sigmoid(photo, classes):
    model = vitviz.load("test_vit", pretrained=False, num_classes=classes, multi_label=classes > 1)
    trace = vitviz.trace(model, photo)
    with torch.no_grad():
        logits = model.module(normalised(trace.pixels, model.preprocess))[0]
    assert trace.predictions[0].share == pytest.approx(float(logits.max().sigmoid()), abs=1e-6)
    assert trace.predictions[0].logit == pytest.approx(float(logits.max()), abs=1e-6)
    curve = layer_of(vitviz.draw("lens", trace).panels[0], Plot).curves[1]
    assert curve.y[-1] == pytest.approx(trace.predictions[0].share, abs=1e-5)
    said = vitviz.draw("predictions", trace)
    assert ("logit" in said.title) == (classes == 1)
    assert "sigmoid" in said.caption


def test_without_a_head_the_way_is_still_drawn(photo):
    trace = vitviz.trace(vitviz.load("test_vit", pretrained=False, num_classes=0), photo)
    way, message = vitviz.draw("lens", trace).panels
    assert isinstance(way.layers[0], Plot)
    assert layer_of(message, Message).text.startswith("test_vit has no head")


def test_a_models_name_is_written_as_it_is():
    assert picture_layers.sentence(Unsupported("vit_tiny has no head")) == "vit_tiny has no head."
    assert (
        picture_layers.sentence(Unsupported("the patches have no words"))
        == "The patches have no words."
    )


def test_the_softmax_row_is_in_numbers(trace):
    row = vitviz.draw("block", trace, token=(2, 1), layer=1, head=0, keys=5).panels[1]
    table = row.layers[0]
    values = trace.layers[1].attention.rows(trace.grid.token(2, 1))[0]
    best = np.argsort(-values)[:5]
    entries = [entry for line in table.rows for entry in zip(line[::3], line[1::3], strict=True)]
    assert [name for name, _ in entries[:5]] == [trace.grid.name(int(key)) for key in best]
    assert [float(share) for _, share in entries[:5]] == pytest.approx(values[best], abs=6e-5)
    assert dict(entries)["sum"] == "1.0000"
    others = float(dict(entries)[f"the other {len(values) - 5}"])
    assert others == pytest.approx(1 - values[best].sum(), abs=6e-5)


def test_lengths_and_outliers_are_those_of_numpy(trace):
    drawing = vitviz.draw("norms", trace, layer=2, threshold=1.0)
    lengths = np.linalg.norm(trace.source.features()[2], axis=1)[trace.grid.patches]
    heat = layer_of(drawing.panels[0], Heat)
    np.testing.assert_allclose(heat.values.ravel(), lengths, rtol=1e-5)
    middle = np.median(lengths)
    high = lengths > middle + 1.4826 * np.median(np.abs(lengths - middle))
    outlined = next(
        each
        for each in drawing.panels[0].layers
        if isinstance(each, Outlines) and each.role == "seen"
    )
    assert len(outlined.boxes) == high.sum() > 0
    assert drawing.title.startswith(f"{high.sum()} of")


def test_what_a_block_adds_is_drawn_too(trace):
    heat = layer_of(vitviz.draw("norms", trace, layer=1, of="added by the MLP").panels[0], Heat)
    wanted = trace.source.block(1).mlp[trace.grid.patches]
    np.testing.assert_allclose(heat.values.ravel(), wanted, rtol=1e-6)


def test_filters_are_the_models_own(tiny_model, trace):
    tiles = layer_of(vitviz.draw("embedding", trace, filters="all filters").panels[1], RasterTiles)
    kernel = tiny_model.module.patch_embed.proj.weight.detach().numpy()[3]
    wanted = 255 * (kernel - kernel.min()) / (kernel.max() - kernel.min())
    across = tiles.pixels.shape[1]
    found = tiles.pixels[3 // across, 3 % across]
    assert np.abs(found - wanted.transpose(1, 2, 0)).max() <= 1
    assert tiles.count == 64


def test_windows_that_overlap_are_no_patches(photo):
    drawing = vitviz.draw(
        "embedding", vitviz.trace(vitviz.load("pvt_v2_b0", pretrained=False), photo)
    )
    assert drawing.title.startswith("Windows of 7 × 7 × 3 = 147")
    assert "overlap" in drawing.caption
    numbers = dict(layer_of(drawing.panels[0], Table).rows)
    assert numbers["windows"] == "7 × 7"
    assert (numbers["steps of"], numbers["padded by"]) == ("4 × 4", "3 × 3")
    assert float(numbers["difference / output"]) < 1e-5


def test_the_words_of_a_patch_are_joined_by_a_matrix(photo):
    model = vitviz.load(
        "tnt_s_patch16_224",
        pretrained=False,
        depth=1,
        embed_dim=24,
        inner_dim=8,
        num_heads_outer=2,
        img_size=64,
    )
    trace = vitviz.trace(model, photo)
    numbers = dict(layer_of(vitviz.draw("embedding", trace).panels[0], Table).rows)
    assert numbers["words of a patch"] == "4 × 4 = 16"
    assert numbers["side by side"] == "16 · 8 = 128"
    steps = layer_of(vitviz.draw("block", trace).panels[0], Table)
    assert "words, softmax" in [row[0] for row in steps.rows]
    drawn = vitviz.draw("norms", trace, of="added by the words of a TNT").panels[0]
    told = trace.source.block(0).words[trace.grid.patches]
    np.testing.assert_allclose(layer_of(drawn, Heat).values.ravel(), told)


def test_another_stem_is_said(photo):
    model = vitviz.load("vit_tiny_r_s16_p8_224", pretrained=False)
    (panel,) = vitviz.draw("embedding", vitviz.trace(model, photo)).panels
    assert "vit_tiny_r_s16_p8_224" in layer_of(panel, Message).text


def test_a_whole_word_of_a_class_comes_before_a_part_of_one():
    names = ["catamaran, sailing boat", "wildcat", "tabby, tabby cat", "cat flap"]
    ranked = sorted(names, key=lambda name: lens._fits(name, "cat", names.index(name)))
    assert ranked == ["cat flap", "tabby, tabby cat", "catamaran, sailing boat", "wildcat"]
    assert lens._fits("hedgehog", "cat", 0) is None
