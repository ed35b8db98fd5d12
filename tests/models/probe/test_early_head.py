"""A head that no name tells, applied to the tokens of other layers, beside the same by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from two_towers import saved_towers

import vitviz
from vitviz.core.progress import Unsupported

CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def by_hand(head, tokens):
    """Each token in place of all that the head reads."""
    with torch.no_grad():
        return head(torch.from_numpy(tokens.copy())).numpy()


@pytest.fixture(scope="module")
def torchvisions():
    torch.manual_seed(0)
    module = torchvision.models.VisionTransformer(
        image_size=64,
        patch_size=16,
        num_layers=3,
        num_heads=2,
        hidden_dim=32,
        mlp_dim=64,
        num_classes=5,
    )
    torch.nn.init.normal_(module.heads[0].weight)
    return module.eval()


def test_torchvisions_head_reads_every_layer(torchvisions, photo):
    def head(tokens):
        return torchvisions.heads(torchvisions.encoder.ln(tokens))

    trace = vitviz.trace(vitviz.load(torchvisions), photo)
    features = trace.source.features()
    found = trace.source.logits(features[1])
    np.testing.assert_allclose(found, by_hand(head, features[1]), **CLOSE)
    every = trace.source.readout()
    np.testing.assert_allclose(every[:, :], by_hand(head, features[:, 0]), **CLOSE)
    own = [each.logit for each in sorted(trace.predictions, key=lambda each: each.index)]
    np.testing.assert_allclose(every[-1], own, **CLOSE)
    assert "forward" not in vars(torchvisions.encoder.layers[0]), "the module is as it was"
    assert "would answer" in vitviz.draw("lens", trace).title


@pytest.mark.filterwarnings("ignore")  # transformers' own about its own
def test_prompts_are_compared_with_every_patch(tmp_path, photo):
    own, *_ = saved_towers("clip", tmp_path)
    model = vitviz.load(f"transformers/{tmp_path}", prompts="a red parrot; a rock")
    trace = vitviz.trace(model, photo)
    features = trace.source.features()
    rows = model.module.run.rows.numpy()
    vectors = by_hand(
        lambda x: own.visual_projection(own.vision_model.post_layernorm(x)), features[0]
    )
    cosine = vectors @ rows.T / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = trace.source.logits(features[0])
    np.testing.assert_allclose(found, cosine * float(own.logit_scale.exp()), **CLOSE)
    assert "trained to be compared" in vitviz.draw("lens", trace, label="a rock").caption


def test_a_module_without_a_head_says_so(photo):
    model = vitviz.load("test_vit", pretrained=False, num_classes=0)
    with pytest.raises(Unsupported, match="has no head"):
        vitviz.trace(model, photo).source.readout()
