"""The gradient with respect to a TNT's words, against the slope measured by moving a word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import vitviz
from vitviz.core.progress import Unsupported, VitvizError

TINY = {
    "img_size": 32,
    "embed_dim": 24,
    "inner_dim": 8,
    "depth": 2,
    "num_heads_inner": 2,
    "num_heads_outer": 3,
    "num_classes": 5,
}


@pytest.fixture(scope="module", params=["tnt_s_patch16_224", "timm/tnt_s_legacy_patch16_224"])
def model(request):
    torch.manual_seed(1)
    model = vitviz.load(request.param, pretrained=False, **TINY)
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter += torch.randn_like(parameter) * 0.1
    return model


@pytest.fixture(scope="module")
def trace(model, photo):
    return vitviz.trace(model, photo)


def logits_with(model, trace, change):
    """The answer in double precision when `change` is added to the words of the pixel embedding."""
    pixels = (trace.pixels.astype(np.float64) / 255 - model.preprocess.mean) / model.preprocess.std
    hook = model.module.pixel_embed.register_forward_hook(lambda *it: it[2] + change)
    model.module.double()
    try:
        with torch.no_grad():
            return model.module(torch.from_numpy(pixels.transpose(2, 0, 1))[None])[0]
    finally:
        hook.remove()
        model.module.float()


@pytest.mark.parametrize("label", [3, None])
def test_it_is_the_measured_slope(model, trace, label):
    """Finite differences along every direction of two words; the norm of the slopes is the map."""
    found = trace.source.word_gradient(label)
    assert found.shape == (4, 16)
    still = torch.zeros(4, 16, 8, dtype=torch.float64)
    chosen = int(logits_with(model, trace, still).argmax()) if label is None else label
    step = 1e-5
    for sentence, word in ((0, 0), (2, 13)):
        slopes = []
        for dim in range(8):
            moved = still.clone()
            moved[sentence, word, dim] = step
            ahead, behind = (logits_with(model, trace, way * moved)[chosen] for way in (1, -1))
            slopes.append(float(ahead - behind) / (2 * step))
        assert found[sentence, word] == pytest.approx(np.linalg.norm(slopes), rel=1e-3)


def test_no_batch_norm_lies_on_a_gradients_way(model):
    """torch's CPU gradient of a BatchNorm2d in evaluation is wrong where what comes back to it has
    the layout of a sequence; words are never read through one."""
    assert not [part for part in model.module.modules() if isinstance(part, torch.nn.BatchNorm2d)]


def test_whoever_else_asks_for_gradients_is_ready_for_that_batch_norm():
    """`ready_for_gradients` keeps clear of it for gradients of any other network."""
    package = Path(vitviz.__file__).parent
    texts = {file.name: file.read_text(encoding="utf-8") for file in package.rglob("*.py")}
    asking = {name for name, text in texts.items() if "enable_grad" in text}
    ready = {name for name, text in texts.items() if "ready_for_gradients" in text}
    assert asking - ready == {"word_gradient.py"}


def test_the_model_is_left_as_it_was(model, trace):
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    trace.source.word_gradient(1)
    for name, parameter in model.module.named_parameters():
        assert parameter.grad is None
        assert not parameter.requires_grad
        assert torch.equal(parameter, before[name])
    assert not model.module.pixel_embed._forward_hooks


def test_it_is_computed_once(trace):
    assert trace.source.word_gradient(2) is trace.source.word_gradient(2)


def test_what_cannot_be_asked_is_said(trace, tiny_trace, photo):
    with pytest.raises(VitvizError, match="has no class 5; its 5 classes count from 0"):
        trace.source.word_gradient(5)
    with pytest.raises(Unsupported, match="has no words inside its patches"):
        tiny_trace.source.word_gradient()
    headless = vitviz.load("tnt_s_patch16_224", pretrained=False, **{**TINY, "num_classes": 0})
    with pytest.raises(Unsupported, match="has no head"):
        vitviz.trace(headless, photo).source.word_gradient()


def test_inside_inference_mode_everything_is_as_outside(photo: np.ndarray) -> None:
    """Scripts work in it out of habit; there torch counts no writes and takes no gradients."""

    def seen() -> tuple[float, np.ndarray, np.ndarray]:
        torch.manual_seed(0)
        model = vitviz.load("tnt_s_legacy_patch16_224", pretrained=False, input_size=64)
        trace = vitviz.trace(model, photo)
        return trace.verified, trace.layers[3].attention.rows(0), trace.source.word_gradient(3)

    outside = seen()
    with torch.inference_mode():
        inside = seen()
    for one, other in zip(inside, outside, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
