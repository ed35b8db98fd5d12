"""A prepared tensor is read as it is, so that other code and vitviz see the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitviz
from vitviz import Intervention
from vitviz.core.notation import shown_number
from vitviz.core.progress import BadImage
from vitviz.models.loading.preprocess import normalised


@pytest.fixture(scope="module")
def batch():
    return torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(3))


def softmaxes(module, values):
    """Every layer's attention as the model's own unfused code makes it."""
    found = []
    for block in module.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _m, _g, out: found.append(out[0]))
    try:
        with torch.no_grad():
            answer = module(values)
    finally:
        for block in module.blocks:
            block.attn.fused_attn = True
            block.attn.attn_drop._forward_hooks.clear()
    return found, answer


def test_a_batch_gives_a_tuple_and_each_trace_is_of_its_own_numbers(tiny_model, batch):
    traces = vitviz.trace(tiny_model, batch)
    assert len(traces) == 2
    for values, trace in zip(batch, traces, strict=True):
        maps, answer = softmaxes(tiny_model.module, values[None])
        for layer, own in zip(trace.layers, maps, strict=True):
            np.testing.assert_allclose(layer.attention.matrix(), own.mean(0).numpy(), atol=1e-6)
        assert trace.predictions[0].index == int(answer.argmax())


def test_one_picture_without_the_batch_axis_is_one_trace(tiny_model, batch):
    alone, (one, _) = vitviz.trace(tiny_model, batch[0]), vitviz.trace(tiny_model, batch)
    assert alone.predictions == one.predictions
    assert len(vitviz.trace(tiny_model, batch[:1])) == 1
    assert "prepared tensor" in alone.picture.note


def test_it_is_shown_with_its_normalisation_taken_off(tiny_model, tiny_trace):
    values = normalised(tiny_trace.pixels, tiny_model.preprocess)
    trace = vitviz.trace(tiny_model, values[0])
    np.testing.assert_array_equal(trace.pixels, tiny_trace.pixels)
    np.testing.assert_array_equal(
        trace.layers[0].attention.rows(0), tiny_trace.layers[0].attention.rows(0)
    )


def test_asked_again_and_changed_it_is_still_the_tensor(tiny_model, batch):
    trace = vitviz.trace(tiny_model, batch[0])
    with torch.no_grad():
        own = tiny_model.module.forward_intermediates(
            batch[:1], norm=False, output_fmt="NLC", intermediates_only=True
        )
    np.testing.assert_allclose(
        trace.source.features()[-1][trace.grid.patches], own[-1][0].numpy(), atol=1e-5
    )
    masked = trace.source.what_if(Intervention(masked=(0,)))
    changed = batch[:1].clone()
    changed[..., :16, :16] = 0
    (expected,) = vitviz.trace(tiny_model, changed)
    assert masked.predictions == expected.predictions


def test_masked_patches_are_exactly_the_mean_that_the_caption_names(tiny_model, photo):
    change = Intervention(masked=(5,))
    trace = vitviz.trace(tiny_model, photo, intervention=change)
    values = normalised(vitviz.trace(tiny_model, photo).pixels, tiny_model.preprocess)
    row, col = divmod(5, trace.grid.cols)
    values[..., 16 * row : 16 * row + 16, 16 * col : 16 * col + 16] = 0
    (expected,) = vitviz.trace(tiny_model, values)
    for one, other in zip(trace.layers, expected.layers, strict=True):
        np.testing.assert_array_equal(one.attention.rows(0), other.attention.rows(0))
    before = vitviz.trace(tiny_model, photo)
    drawing = vitviz.draw(
        "whatif", before, token=(row, col), positions="learned", masked="the pinned patch"
    )
    assert "exactly the mean" in drawing.caption
    assert shown_number(tiny_model.preprocess.mean[0], 4) in drawing.caption


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.zeros(3, 160, 160, dtype=torch.uint8), "holds floats, and this one uint8"),
        (
            torch.zeros(1, 3, 96, 160),
            r"\(1, 3, 96, 160\), and this model reads \(pictures, 3, 160, 1",
        ),
        (torch.zeros(1, 1, 160, 160), r"reads \(pictures, 3,"),
        (torch.zeros(0, 3, 160, 160), r"\(0, 3, 160, 160\)"),
        (torch.zeros(160, 160), "2 axes"),
        (torch.full((3, 160, 160), torch.nan), "not finite"),
    ],
)
def test_what_the_model_cannot_read_is_said_with_the_numbers(tiny_model, wrong, said):
    with pytest.raises(BadImage, match=said):
        vitviz.trace(tiny_model, wrong)


def test_the_published_formula_of_rollout_on_the_same_tensor(tiny_model, batch):
    """vit-explain's formula over the model's own softmaxes is what the preset draws of this tensor."""
    trace = vitviz.trace(tiny_model, batch[0])
    maps, _ = softmaxes(tiny_model.module, batch[:1])
    result = torch.eye(trace.grid.tokens)
    for own in maps:
        fused = own.amax(0)
        flat = fused.flatten()
        lowest = flat.topk(int(len(flat) * 0.9), largest=False).indices
        flat[lowest[lowest != 0]] = 0
        mixed = (flat.view_as(fused) + torch.eye(len(fused))) / 2
        result = mixed / mixed.sum(-1) @ result
    expected = result[0, 1:] / result[0, 1:].max()
    options = {"preset": "vit-explain", "fuse": "max", "discard": 0.9}
    drawing = vitviz.draw("rollout", trace, **options)
    heat = next(each for each in drawing.panels[0].layers if hasattr(each, "scale"))
    np.testing.assert_allclose(heat.values.ravel(), expected.numpy(), atol=1e-5)
