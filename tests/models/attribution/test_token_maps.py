"""Class activation maps over tokens equal those of the grad-cam library on the same model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from einops import rearrange

from vitviz.core.data.attribution import AttributionQuery
from vitviz.core.data.target import Target
from vitviz.models.attribution.token_maps import grad_cam, layer_cam


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("method", "theirs"), [("Grad-CAM", "GradCAM"), ("LayerCAM", "LayerCAM")])
@pytest.mark.parametrize("layer", [0, None])
def test_as_the_library_draws_them(asked, of_class, method, theirs, layer):
    library = pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    module, grid = asked.model.module, asked.grid
    target = module.blocks[-1 if layer is None else layer].norm1

    def maps(tokens):
        return rearrange(tokens[:, 1:], "1 (row col) dim -> 1 dim row col", row=grid.rows)

    with getattr(library, theirs)(module, [target], reshape_transform=maps) as cam:
        cam(asked.pixels.clone().requires_grad_(), [ClassifierOutputTarget(3)])
        activations = cam.activations_and_grads.activations[0].numpy()
        gradients = cam.activations_and_grads.gradients[0].numpy()
        expected = cam.get_cam_image(
            asked.pixels, target, [ClassifierOutputTarget(3)], activations, gradients, False
        )[0]
    score, found = of_class
    made = asked.map(AttributionQuery(Target("class", index=3), method, layer=layer), score, found)
    np.testing.assert_allclose(
        made.patches, np.maximum(expected, 0).ravel(), rtol=1e-3, atol=1e-6 * np.abs(expected).max()
    )


def test_by_hand():
    tokens = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    gradients = torch.tensor([[1.0, -1.0], [3.0, 2.0]])
    # mean gradients (2, 0.5): 1 * 2 + 2 * 0.5 = 3 and 3 * 2 - 1 * 0.5 = 5.5
    assert grad_cam(tokens, gradients).tolist() == [3.0, 5.5]
    # (1 * 1 + 2 * 0, 3 * 3 - 1 * 2)
    assert layer_cam(tokens, gradients).tolist() == [1.0, 7.0]
    assert grad_cam(-tokens, gradients).tolist() == [0.0, 0.0]
