"""LeViT's biases are a bias over places: without queries and keys they alone make the attention."""

from __future__ import annotations

import numpy as np
import torch

import vitviz

SMALL = {"embed_dim": (32, 48, 64), "num_heads": (2, 3, 4), "depth": (1, 1, 1), "key_dim": 8}


def test_the_bias_alone_is_the_attention_where_scores_are_nothing(photo):
    model = vitviz.load("levit_128s", pretrained=False, **SMALL)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, values in model.module.named_parameters():
            if "attention_biases" in name:
                values.copy_(torch.randn(values.shape, generator=generator))
            if name.endswith(("qkv.bn.weight", "qkv.bn.bias", "q.ln.bn.weight", "q.ln.bn.bias")):
                values.zero_()
    trace = vitviz.trace(model, photo)
    assert "bias for the distance" in trace.positions_note
    for index in (0, len(trace.layers) - 1):
        bias = trace.source.position_bias(index).astype(np.float64)
        shares = np.exp(bias) / np.exp(bias).sum(-1, keepdims=True)
        for head in range(len(bias)):
            matrix = trace.layers[index].attention.matrix(head)
            np.testing.assert_allclose(matrix, shares[head], atol=1e-6)
