"""A whole trace: what it holds, its names, and what happens when memory ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import vitviz
from vitviz.core.data.lazy_field import Later, as_given
from vitviz.core.progress import BadImage, VitvizError
from vitviz.models.families import families, family, family_of

SMALL = {"embed_dim": 32, "depth": 2, "num_heads": 2, "img_size": 64}
CASES = {
    "test_vit": ({}, ("class",)),
    "test_vit2": ({}, ("register 1",)),
    "deit_tiny_distilled_patch16_224": (SMALL, ("class", "distillation")),
    "vit_small_patch14_reg4_dinov2": (
        {**SMALL, "img_size": 56},
        ("class", "register 1", "register 2", "register 3", "register 4"),
    ),
    "vit_medium_patch16_reg4_gap_256": (
        SMALL,
        ("register 1", "register 2", "register 3", "register 4"),
    ),
    "vit_base_patch16_siglip_224": (SMALL, ()),
    "deit3_small_patch16_224": (SMALL, ("class",)),
    "beit_base_patch16_224": (SMALL, ("class",)),
    "flexivit_small": (SMALL, ("class",)),
    "vit_small_patch16_dinov3": (
        {**SMALL, "embed_dim": 64},
        ("class", "register 1", "register 2", "register 3", "register 4"),
    ),
    "tnt_s_patch16_224": ({"img_size": 64, "depth": 2}, ("class",)),
    "cait_xxs24_224": ({"img_size": 64, "depth": 2}, ()),
}


@pytest.mark.parametrize("name", CASES)
def test_prefix_tokens_have_their_true_names(name, photo):
    arguments, prefix = CASES[name]
    trace = vitviz.trace(vitviz.load(name, pretrained=False, **arguments), photo)
    assert trace.grid.prefix == prefix
    assert trace.refused == ()
    assert len(trace.layers) == trace.model.depth
    for layer in trace.layers:
        attention = layer.attention
        assert (attention.queries, attention.keys) == (trace.grid.tokens, trace.grid.tokens)
        if name != "cait_xxs24_224":
            np.testing.assert_allclose(attention.rows(1).sum(-1), 1, atol=1e-5)
    has_table = not name.startswith(("beit", "vit_small_patch16_dinov3"))
    assert (trace.positions is not None) == has_table
    if trace.positions is None:
        assert "no table" in trace.positions_note or "not a table" in trace.positions_note
    else:
        assert trace.positions.shape == (trace.grid.rows * trace.grid.cols, trace.model.dim)


def test_positions_are_those_that_were_added(tiny_model, tiny_trace):
    table = tiny_model.module.pos_embed[0, 1:].numpy()
    np.testing.assert_array_equal(tiny_trace.positions, table)


def test_every_kind_of_picture_gives_the_same_trace(tiny_model, photo, tmp_path):
    file = tmp_path / "photo.png"
    Image.fromarray(photo).save(file)
    ways = [photo, str(file), file, file.read_bytes(), Image.fromarray(photo)]
    traces = [vitviz.trace(tiny_model, way) for way in ways]
    assert len({trace.picture.key for trace in traces}) == 1
    for trace in traces:
        np.testing.assert_array_equal(
            trace.layers[0].attention.rows(0), traces[0].layers[0].attention.rows(0)
        )
    with pytest.raises(BadImage, match=r"nothing\.png was not found"):
        vitviz.trace(tiny_model, tmp_path / "nothing.png")


def test_predictions_are_the_models_own(tiny_model, tiny_trace):
    pixels = tiny_trace.pixels.astype(np.float32) / 255
    want = tiny_model.preprocess
    read = ((pixels - want.mean) / want.std).astype(np.float32).transpose(2, 0, 1)
    with torch.no_grad():
        shares = tiny_model.module(torch.from_numpy(read)[None]).softmax(-1)[0]
    assert len(tiny_trace.predictions) == 10
    best = tiny_trace.predictions[0]
    label, share = best.name, best.share
    assert label == f"class {int(shares.argmax())}"
    assert share == pytest.approx(float(shares.max()), abs=1e-6)


def test_progress_counts_the_calls_there_will_be(photo):
    for name, calls in (("tnt_s_patch16_224", 4), ("vit_small_patch16_224", 2)):
        model = vitviz.load(name, pretrained=False, img_size=64, depth=2)
        seen = []
        vitviz.trace(model, photo, progress=lambda *it, seen=seen: seen.append(it[:2]))
        assert seen == [(done + 1, calls) for done in range(calls)]


def test_no_head_is_said(photo):
    trace = vitviz.trace(vitviz.load("test_vit", pretrained=False, num_classes=0), photo)
    assert trace.predictions == ()
    assert "no head" in trace.predictions_note


def test_what_is_shown_of_the_picture_is_made_at_the_first_look(photo):
    trace = vitviz.trace(vitviz.load("test_vit", pretrained=False), photo, fit="pad")
    assert isinstance(as_given(trace, "seen"), Later)
    assert trace.fit == "pad"
    assert trace.seen.shape[2] == 3
    assert trace.seen is trace.seen


def test_seen_pixels_and_bytes(tiny_trace):
    assert tiny_trace.pixels.shape == (160, 160, 3)
    assert tiny_trace.seen.shape == (160, 160, 3)
    every = 3 * 101 * 64 + tiny_trace.heads * 101  # q, k, v and each query's log-sum-exp
    assert tiny_trace.held_bytes == 6 * every * 4
    assert tiny_trace.seconds > 0


class Full:
    """A forward hook of a device whose memory ends for so many passes."""

    def __init__(self, times):
        self.times = times

    def __call__(self, module, given):
        if self.times > 0:
            self.times -= 1
            raise torch.OutOfMemoryError("no memory left")


def test_when_memory_ends_it_runs_on_the_cpu(photo):
    model = vitviz.load("test_vit", pretrained=False, precision="bf16")
    hook = model.module.register_forward_pre_hook(Full(1))
    trace = vitviz.trace(model, photo)
    assert len(trace.layers) == 6
    assert (trace.model.device, trace.model.precision) == ("cpu", "fp32")
    assert "too little memory" in trace.model.notes[-1]
    hook.remove()
    again = vitviz.trace(model, photo)
    assert "too little memory" in again.model.notes[-1]


def test_when_the_cpus_memory_ends_too_it_is_said(photo):
    model = vitviz.load("test_vit", pretrained=False)
    model.module.register_forward_pre_hook(Full(2))
    with pytest.raises(VitvizError, match="does not fit in this computer's memory"):
        vitviz.trace(model, photo)


def test_families_find_themselves_and_never_share_a_name(tiny_model):
    assert {"vit", "tnt", "cait", "generic"} <= set(families())
    assert list(families())[-1] == "generic"
    assert family_of(tiny_model.module)[0] == "vit"
    with pytest.raises(ValueError, match="'vit' is in"):

        @family("vit")
        class Another:
            pass


def test_real_weights_see_what_is_there(data_folder):
    photos = data_folder / "photos"
    weights = data_folder / "weights"
    vit = vitviz.load(weights / "vit_tiny_patch16_224.augreg_in21k_ft_in1k.fp16.safetensors")
    trace = vitviz.trace(vit, photos / "koala.webp")
    assert trace.predictions[0].name == "koala"
    assert trace.predictions[0].share > 0.9
    tnt = vitviz.load(weights / "tnt_ti_patch16_224.outer_only.fp16.safetensors")
    best = vitviz.trace(tnt, photos / "panda.webp").predictions[0]
    assert best.index == 388  # the giant panda: nothing says that its classes are those of ImageNet
