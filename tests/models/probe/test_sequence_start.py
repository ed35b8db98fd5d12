"""What the first block reads is the model's own modules' output, put together by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitviz
from vitviz.core.progress import Unsupported
from vitviz.models.loading.preprocess import normalised


def entered(model, trace):
    """What the first block of a model is given, by a hook of the test's own."""
    found = []
    module = model.module
    first = module.norm_pre if hasattr(module, "norm_pre") else module.blocks[0]
    hook = first.register_forward_pre_hook(lambda _m, given: found.append(given[-1]))
    pixels = normalised(trace.pixels, model.preprocess)
    with torch.no_grad():
        module(pixels)
    hook.remove()
    return found[0][0].numpy()


def test_the_sequence_of_a_vit(tiny_model, tiny_trace):
    start = tiny_trace.source.sequence()
    module = tiny_model.module
    with torch.no_grad():
        own = module.patch_embed(normalised(tiny_trace.pixels, tiny_model.preprocess))[0]
    np.testing.assert_array_equal(start.patches, own.reshape(100, 64).numpy())
    np.testing.assert_array_equal(start.prefix, module.cls_token.detach()[0].numpy())
    np.testing.assert_array_equal(start.positions, module.pos_embed.detach()[0].numpy())
    np.testing.assert_allclose(start.tokens, entered(tiny_model, tiny_trace), atol=1e-6)
    np.testing.assert_allclose(start.joined + start.positions, start.tokens, atol=1e-5)
    assert start.difference < 1e-5 < start.largest


@pytest.mark.parametrize(
    ("name", "arguments", "prefix", "added"),
    [
        ("test_vit", {"class_token": False, "global_pool": "avg", "reg_tokens": 2}, 2, 102),
        ("test_vit", {"reg_tokens": 3, "no_embed_class": True}, 4, 100),
        ("deit_tiny_distilled_patch16_224", {"depth": 1, "img_size": 64}, 2, 18),
        ("vit_base_patch16_clip_224", {"depth": 1, "embed_dim": 48, "img_size": 64}, 1, 17),
        ("tnt_s_patch16_224", {"depth": 1, "embed_dim": 48, "img_size": 64}, 1, 17),
        ("test_vit4", {"pos_embed": "none"}, 1, None),
    ],
)
def test_other_sequences(name, arguments, prefix, added, photo):
    model = vitviz.load(name, pretrained=False, **arguments)
    trace = vitviz.trace(model, photo)
    start = trace.source.sequence()
    assert len(start.prefix) == prefix == len(trace.grid.prefix)
    np.testing.assert_allclose(start.tokens, entered(model, trace), atol=1e-6)
    if added is None:
        assert start.positions is None
        np.testing.assert_allclose(start.joined, start.tokens, atol=1e-6)
    else:
        assert np.abs(start.positions).sum(1).astype(bool).sum() == added
        np.testing.assert_allclose(start.joined + start.positions, start.tokens, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("xcit_nano_12_p16_224", {"depth": 1, "img_size": 64}, "start of its sequence"),
        (
            "samvit_base_patch16",
            {"depth": 1, "embed_dim": 48, "num_heads": 2, "img_size": 128},
            "start of",
        ),
        ("hiera_tiny_224", {"stages": (1, 1, 1, 1)}, "added up|vectors of"),
    ],
)
def test_a_model_of_another_kind_is_refused(name, arguments, why, photo):
    trace = vitviz.trace(vitviz.load(name, pretrained=False, **arguments), photo)
    with pytest.raises(Unsupported, match=why):
        trace.source.sequence()
