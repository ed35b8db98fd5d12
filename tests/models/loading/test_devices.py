"""A GPU's path without a GPU: torch's fake tensors say where every tensor would be.

An operation that mixes devices fails with them as it does on the device itself.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

import vitviz
from vitviz.models.loading.preprocess import normalised
from vitviz.models.record import recorder

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
SMALL_TNT = {
    "img_size": 64,
    "embed_dim": 64,
    "inner_dim": 8,
    "depth": 2,
    "num_heads_outer": 2,
    "num_heads_inner": 2,
}


@pytest.fixture
def faking(monkeypatch):
    """Tensors without numbers; one that becomes an array must be on the CPU, and gives even shares."""
    from_numpy, to_numpy = torch.from_numpy, torch.Tensor.numpy
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    try:
        with mode:
            torch.zeros(1, device="cuda")
    except (RuntimeError, AssertionError) as error:
        pytest.skip(f"this torch knows no CUDA, not even without a GPU: {error}")

    def array(tensor: torch.Tensor) -> np.ndarray:
        if not isinstance(tensor, FakeTensor):
            return to_numpy(tensor)
        assert tensor.device.type == "cpu"
        share = 1 / max(1, tensor.shape[-1]) if tensor.is_floating_point() else 0
        return np.full(tuple(tensor.shape), share, str(tensor.dtype).removeprefix("torch."))

    monkeypatch.setattr(torch.Tensor, "numpy", array)
    monkeypatch.setattr(torch, "from_numpy", lambda given: mode.from_tensor(from_numpy(given)))
    monkeypatch.setattr(FakeTensor, "tolist", lambda tensor: array(tensor.cpu()).tolist())
    number = torch.Tensor.__float__
    monkeypatch.setattr(
        torch.Tensor, "__float__", lambda one: 0.0 if isinstance(one, FakeTensor) else number(one)
    )
    return mode


def put(module: nn.Module, mode: FakeTensorMode, device: str) -> None:
    """The module's weights and buffers, without their numbers, on a device."""
    for part in module.modules():
        for name, weight in part.named_parameters(recurse=False):
            there = mode.from_tensor(weight.data).to(device)
            part._parameters[name] = nn.Parameter(there, requires_grad=False)
        for name, buffer in part.named_buffers(recurse=False):
            part._buffers[name] = mode.from_tensor(buffer).to(device)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("test_vit", {}),
        ("tnt_s_patch16_224", SMALL_TNT),
        ("timm/tnt_s_patch16_224", SMALL_TNT),
        ("eva02_tiny_patch14_224", {"img_size": 56, "depth": 2}),
    ],
)
def test_a_pass_is_recorded_and_looked_at_where_the_model_is(name, sizes, faking):
    model = vitviz.load(name, pretrained=False, **sizes)
    noise = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    with faking:
        put(model.module, faking, "cuda")
        trace = vitviz.trace(model, noise)
        assert trace.model.device.startswith("cuda")
        for layer in trace.layers:
            attention = layer.attention
            assert {tensor.device.type for tensor in attention.tensors} == {"cuda"}
            assert attention.rows(0).shape == (attention.heads, attention.keys)
            attention.columns(1)
            attention.matrix(0)
            attention.flow(np.ones((attention.heads, attention.queries), np.float32))
        for view in ("heads", "rollout", "positions", "predictions", "features"):
            assert vitviz.draw(view, trace).title


def test_what_is_kept_is_verified_on_the_device(faking):
    model = vitviz.load("test_vit", pretrained=False)
    noise = np.zeros((*model.preprocess.size, 3), np.uint8)
    with faking:
        put(model.module, faking, "cuda")
        pixels = normalised(noise, model.preprocess).to("cuda")
        _, made = recorder.record(model.module, pixels)
    assert made
    for call in made:
        assert {tensor.device.type for tensor in (*call.held, *call.error)} == {"cuda"}
