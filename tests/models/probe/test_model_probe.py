"""What a model gives when it is asked again is what it computed the first time."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import timm
import torch

import vitviz
from vitviz.core.progress import Cancelled, Unsupported, VitvizError, watching
from vitviz.models.loading.preprocess import normalised
from vitviz.models.probe import model_probe


def test_features_are_the_residual_stream_after_each_block(tiny_model, tiny_trace):
    found = tiny_trace.source.features()
    assert found.shape == (6, tiny_trace.grid.tokens, 64)
    pixels = normalised(tiny_trace.pixels, tiny_model.preprocess)
    with torch.no_grad():
        final = tiny_model.module.norm(torch.from_numpy(found[-1:].copy()))
        expected = tiny_model.module.forward_features(pixels)
        stream = tiny_model.module.get_intermediate_layers(
            pixels, n=range(6), return_prefix_tokens=True
        )
    np.testing.assert_allclose(final, expected, atol=1e-6)
    for layer, (patches, prefix) in zip(found, stream, strict=True):
        np.testing.assert_allclose(layer, torch.cat([prefix, patches], 1)[0], atol=1e-6)


def test_features_are_remembered_and_let_go(tiny_model, photo, monkeypatch):
    first, second = (vitviz.trace(tiny_model, photo).source for _ in range(2))
    features = first.features()
    assert first.features() is features
    monkeypatch.setattr(model_probe, "BUDGET", int(1.5 * features.nbytes))
    kept = weakref.ref(features)
    del features
    second.features()
    gc.collect()
    assert kept() is None
    assert second.features() is second.features()


def test_nothing_stays_hooked(tiny_model, tiny_trace):
    tiny_trace.source.features()
    assert all(not block._forward_hooks for block in tiny_model.module.modules())


def test_a_trace_keeps_no_trained_model_alive(tiny_checkpoint, photo):
    model = vitviz.load(tiny_checkpoint)
    trace = vitviz.trace(model, photo)
    expected = vitviz.trace(model, photo).source.features()
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    np.testing.assert_array_equal(trace.source.features(), expected)


def test_a_file_that_changed_is_not_taken_for_the_same(tmp_path, photo):
    from safetensors.torch import save_file

    file = tmp_path / "test_vit.safetensors"
    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), str(file))
    trace = vitviz.trace(vitviz.load(file), photo)
    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), str(file))
    gc.collect()
    with pytest.raises(VitvizError, match="no longer the file"):
        trace.source.features()


@pytest.mark.parametrize(
    ("name", "arguments", "tokens"),
    [
        ("cait_xxs24_224", {"depth": 2, "embed_dim": 48, "num_heads": 2, "img_size": 64}, 16),
        ("test_vit3", {}, None),
        ("xcit_nano_12_p16_224", {"depth": 2, "embed_dim": 32, "num_heads": 2, "img_size": 64}, 16),
        (
            "samvit_base_patch16",
            {
                "depth": 2,
                "embed_dim": 24,
                "num_heads": 2,
                "img_size": 64,
                "global_attn_indexes": (0, 1),
            },
            16,
        ),
    ],
)
def test_other_families(name, arguments, tokens, photo):
    trace = vitviz.trace(vitviz.load(name, pretrained=False, **arguments), photo)
    found = trace.source.features()
    assert found.shape[1] == trace.grid.tokens == (tokens or trace.grid.tokens)
    assert np.isfinite(found).all()


def test_a_tnt_gives_its_sentences(photo):
    arguments = {"depth": 2, "embed_dim": 24, "inner_dim": 8, "num_heads_outer": 2, "img_size": 64}
    model = vitviz.load("tnt_s_patch16_224", pretrained=False, **arguments)
    trace = vitviz.trace(model, photo)
    assert trace.source.features().shape == (2, 17, 24)


def test_blocks_of_several_sizes_are_refused(photo):
    model = vitviz.load("levit_128s", pretrained=False)
    with pytest.raises(Unsupported, match=r"196, 49, 16 tokens"):
        vitviz.trace(model, photo).source.features()


def test_another_pass_reports_and_can_be_stopped(tiny_checkpoint, photo):
    trace = vitviz.trace(vitviz.load(tiny_checkpoint), photo)
    told = []

    def stop(done, total, what=""):
        told.append((done, total))
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled), watching(stop):
        trace.source.features()
    blocks = len(trace.layers)
    assert told == [(1, blocks), (2, blocks)]
    with watching(lambda done, total, what="": told.append((done, total))):
        assert len(trace.source.features()) == blocks
    assert told[-1] == (blocks, blocks)
    told.clear()
    trace.source.block(0)
    assert told == [], "outside nobody listens"
