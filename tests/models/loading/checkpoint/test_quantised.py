"""Weights in few bits are multiplied out exactly, or refused: raw integers are never weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import vitviz
from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.checkpoint import read_checkpoint
from vitviz.models.loading.checkpoint.quantised import dequantised

StateDict = dict[str, Tensor]


@pytest.fixture(scope="module")
def vit() -> StateDict:
    torch.manual_seed(0)
    return dict(timm.create_model("test_vit", num_classes=3).state_dict())


def linear(state: StateDict) -> list[str]:
    return [key for key, tensor in state.items() if key.endswith("weight") and tensor.ndim == 2]


def int8_of_bitsandbytes(state: StateDict) -> StateDict:
    """bitsandbytes' vector-wise int8: rows divided by their largest value, times 127."""
    found = dict(state)
    for key in linear(state):
        largest = state[key].abs().amax(1)
        found[key] = (state[key] / largest[:, None] * 127).round().to(torch.int8)
        found[key.replace("weight", "SCB")] = largest
        found[key.replace("weight", "weight_format")] = torch.tensor(0, dtype=torch.uint8)
    return found


def scaled(name: str, shape: Callable[[Tensor], Tensor]) -> Callable[[StateDict], StateDict]:
    def made(state: StateDict) -> StateDict:
        found = dict(state)
        for key in linear(state):
            scale = shape(state[key])
            found[key.replace("weight", name)] = scale
            found[key] = (state[key] / scale).to(torch.float8_e4m3fn)
        return found

    return made


def of_quanto(state: StateDict) -> StateDict:
    """Whole numbers and a scale under names of their own."""
    found = dict(state)
    for key in linear(state):
        scale = state[key].abs().amax(1, keepdim=True) / 127
        found[f"{key}._data"] = (found.pop(key) / scale).round().to(torch.int8)
        found[f"{key}._scale"] = scale
    return found


KINDS: dict[str, Callable[[StateDict], StateDict]] = {
    "int8": int8_of_bitsandbytes,
    "fp8 of a tensor": scaled("weight_scale", lambda weight: weight.abs().amax().reshape(1) / 448),
    "fp8 of rows": scaled("weight_scale", lambda weight: weight.abs().amax(1, keepdim=True) / 448),
    "fp8 of columns": scaled(
        "weight_scale_inv", lambda weight: weight.abs().amax(0, keepdim=True) / 448
    ),
    "quanto": of_quanto,
    "comfy": scaled("scale_weight", lambda weight: weight.abs().amax() / 448),
}


@pytest.mark.parametrize("kind", KINDS)
def test_stored_numbers_are_multiplied_out(kind: str, vit: StateDict, tmp_path: Path) -> None:
    stored = KINDS[kind](vit)
    save_file(
        {key: value.contiguous() for key, value in stored.items()}, tmp_path / "a.safetensors"
    )
    found = read_checkpoint(tmp_path / "a.safetensors")
    assert set(found.state) == set(vit)
    for key in vit:
        step = 1 / 127 if kind in ("int8", "quanto") else 1 / 16  # what rounding may have changed
        limit = vit[key].abs() * step + vit[key].abs().max() / 100
        assert ((found.state[key] - vit[key]).abs() <= limit).all(), key
        assert found.state[key].dtype == torch.float32
    assert any("multiplied out" in note for note in found.notes)


def test_int8_is_what_bitsandbytes_makes_of_it() -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    torch.manual_seed(1)
    weight = torch.randn(12, 16)
    stored, scale, _ = functional.int8_vectorwise_quant(weight.half())
    theirs = functional.int8_vectorwise_dequant(stored, scale)
    ours = dequantised({"a.weight": stored, "a.SCB": scale}, {}, "a").state["a.weight"]
    torch.testing.assert_close(ours, theirs.float(), rtol=1e-6, atol=1e-7)


def test_blocks_are_those_of_the_config_or_the_only_ones_that_fit() -> None:
    weight = torch.randn(256, 310).to(torch.float8_e4m3fn)
    scale = torch.rand(2, 3) + 0.5
    found = dequantised({"a.weight": weight, "a.weight_scale_inv": scale}, {}, "a").state[
        "a.weight"
    ]
    for row, col in ((0, 0), (130, 129), (255, 309)):
        expected = float(weight[row, col]) * float(scale[row // 128, col // 128])
        assert float(found[row, col]) == pytest.approx(expected, rel=1e-6)
    small = {"a.weight": weight[:, :256], "a.weight_scale_inv": torch.rand(4, 4)}
    config: dict[str, Any] = {"quantization_config": {"weight_block_size": [64, 64]}}
    assert dequantised(small, config, "a").state["a.weight"].shape == (256, 256)
    odd = {"a.weight": weight[:130, :130], "a.weight_scale_inv": torch.rand(2, 2)}
    with pytest.raises(BadModel, match="blocks of a size that nothing says"):
        dequantised(odd, {}, "a")


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor", "ignore:TypedStorage is deprecated")
def test_torchs_own_quantised_tensors_are_multiplied_out(vit: StateDict, tmp_path: Path) -> None:
    key = "blocks.0.attn.proj.weight"
    quantised = torch.quantize_per_tensor(vit[key], 0.01, 0, torch.qint8)
    torch.save(vit | {key: quantised}, tmp_path / "a.pth")
    assert read_checkpoint(tmp_path / "a.pth").state[key].equal(quantised.dequantize())


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"blocks.0.attn.proj.weight": torch.zeros(64, 64, dtype=torch.int8)}, "no scale, no SCB"),
        ({"blocks.0.attn.proj.qweight": torch.zeros(8, 64, dtype=torch.int32)}, "packed in 4 bit"),
        (
            {
                "blocks.0.attn.proj.weight": torch.zeros(64, 64, dtype=torch.int8),
                "blocks.0.attn.proj.SCB": torch.ones(64),
                "blocks.0.attn.proj.weight_format": torch.tensor(2, dtype=torch.uint8),
            },
            "an order of bitsandbytes' own",
        ),
        (
            {
                "blocks.0.attn.proj.weight": torch.zeros(64, 64, dtype=torch.int8),
                "blocks.0.attn.proj.weight_scale": torch.ones(5),
            },
            "fit in no way that is known",
        ),
    ],
)
def test_what_cannot_be_multiplied_out_is_refused(
    more: StateDict, says: str, vit: StateDict, tmp_path: Path
) -> None:
    torch.save(vit | more, tmp_path / "a.pth")
    with pytest.raises(BadModel, match=says):
        read_checkpoint(tmp_path / "a.pth")


def test_attention_of_eight_bit_weights_is_that_of_the_whole_ones(
    vit: StateDict, tmp_path: Path, photo: Any
) -> None:
    torch.save(vit, tmp_path / "test_vit.whole.pth")
    torch.save(int8_of_bitsandbytes(vit), tmp_path / "test_vit.int8.pth")
    whole, eight = (
        vitviz.trace(vitviz.load(tmp_path / f"test_vit.{kind}.pth"), photo)
        for kind in ("whole", "int8")
    )
    one, two = (trace.layers[-1].attention.rows(0) for trace in (whole, eight))
    assert abs(one - two).max() < 0.01


def test_eight_bit_floats_whose_scale_is_gone_are_no_weights(vit: StateDict) -> None:
    stored = KINDS["fp8 of a tensor"](vit)
    alone = {key: value for key, value in stored.items() if not key.endswith("weight_scale")}
    with pytest.raises(BadModel, match=r"up to 4\d\d, which are no weights until they are scaled"):
        dequantised(alone, {}, "a.safetensors")
    cast = {key: value.to(torch.float8_e4m3fn) for key, value in vit.items()}
    found = dequantised(cast, {}, "a.safetensors").state
    assert all(torch.equal(found[key], cast[key].float()) for key in vit)


def test_a_network_that_torch_quantised_is_named_for_it(vit: StateDict, tmp_path: Path) -> None:
    model = timm.create_model("test_vit", num_classes=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch moves its quantisation to another package
        packed = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
        torch.save(packed.state_dict(), tmp_path / "a.pth")
    with pytest.raises(BadModel, match="quantised by torch, which keeps its weights in a form"):
        read_checkpoint(tmp_path / "a.pth")
