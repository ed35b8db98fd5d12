"""Vectors of many pictures at once are those that the model itself gives for each alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

import vitviz
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.models.tracing.batch_tracing import BatchTracing
from vitviz.models.tracing.batch_vectors import BatchVectors


@pytest.fixture(scope="module")
def pictures(tiny_model, photo):
    several = BatchTracing(tiny_model)
    return [several.ready(np.roll(photo, 9 * at, axis=1)) for at in range(3)]


def test_tokens_of_all_layers_are_those_of_each_picture_alone(
    tiny_model, tiny_trace, pictures
) -> None:
    found = BatchVectors(tiny_model, tiny_trace).of(pictures)
    for one, vectors in zip(pictures, found, strict=True):
        alone = vitviz.trace(tiny_model, one[0])
        np.testing.assert_allclose(vectors.layers, alone.source.features(), atol=1e-4)
        with torch.no_grad():
            expected = tiny_model.module(one[2])[0].numpy()
        np.testing.assert_allclose(vectors.logits, expected, atol=1e-5)


def test_one_layer_ends_the_pass_and_is_the_same(tiny_model, tiny_trace, pictures) -> None:
    later = []
    hook = tiny_model.module.blocks[3].register_forward_hook(lambda *_: later.append(1))
    one = BatchVectors(tiny_model, tiny_trace, layers=[2]).of(pictures[:1])[0]
    hook.remove()
    assert later == []
    assert one.logits is None
    np.testing.assert_allclose(
        one.layers[0], vitviz.trace(tiny_model, pictures[0][0]).source.features()[2], atol=1e-5
    )


def test_queries_keys_and_heads_are_what_the_module_reckons(
    tiny_model, tiny_trace, pictures
) -> None:
    """Against timm's own arithmetic, written out for one block."""
    block = tiny_model.module.blocks[1]
    given = []
    hook = block.attn.register_forward_hook(lambda _module, args, _out: given.append(args[0]))
    with torch.no_grad():
        tiny_model.module(torch.cat([each[2] for each in pictures]))
        hook.remove()
        x, attn = given[0], block.attn
        packed = functional.linear(x, attn.qkv.weight, attn.qkv.bias)
        q, k, v = packed.reshape(*x.shape[:2], 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
        q, k = attn.q_norm(q), attn.k_norm(k)
        out = torch.softmax(q @ k.mT * attn.scale, -1) @ v
    expected = {"queries": q, "keys": k, "values": v}
    for kind, tensor in expected.items():
        found = BatchVectors(tiny_model, tiny_trace, kind, [1]).of(pictures)
        joined = tensor.permute(0, 2, 1, 3).reshape(*x.shape[:2], -1).numpy()
        np.testing.assert_allclose([each.layers[0] for each in found], joined, atol=1e-5)
    heads = BatchVectors(tiny_model, tiny_trace, "heads", [1]).of(pictures)
    np.testing.assert_allclose(
        [each.layers[0] for each in heads], out.norm(dim=-1).permute(0, 2, 1).numpy(), atol=1e-5
    )


def test_a_layer_that_is_not_there_and_a_model_of_stages_are_refused(photo, tiny_model, tiny_trace):
    with pytest.raises(VitvizError, match="there is no layer 9"):
        BatchVectors(tiny_model, tiny_trace, layers=[9])
    sizes = {
        "img_size": 64,
        "depths": (1, 1),
        "embed_dim": 16,
        "num_heads": (2, 2),
        "window_size": 4,
    }
    swin = vitviz.load("swin_tiny_patch4_window7_224", pretrained=False, **sizes)
    trace = vitviz.trace(swin, photo)
    with pytest.raises(Unsupported, match="take --of tokens, or a plain ViT"):
        BatchVectors(swin, trace, "keys", [0]).of([BatchTracing(swin).ready(photo)])
