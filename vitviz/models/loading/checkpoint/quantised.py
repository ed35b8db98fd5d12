"""Weights stored in few bits, multiplied out to what they stand for; or refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from einops import repeat
from torch import Tensor

from vitviz.core.progress import BadModel

_EIGHT_BIT_FLOATS = tuple(
    getattr(torch, name)
    for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
    if hasattr(torch, name)
)
_SCALES = (
    "weight_scale_inv",
    "weight_scale",
    "scale_weight",
    "weight.scale_inv",
    "scale_inv",
    "weight._scale",
    "weight.scale",
)
"""What the factor of a weight is called: weight = stored × factor in all of them."""
_BESIDE = ("input_scale", "weight_format", "scale_input", "output_scale", "activation_scale")
"""What stands beside a quantised weight and is for arithmetic in few bits alone."""
_PACKED = ("qweight", "qzeros", "g_idx", "weight.absmax", "weight.quant_map", "weight_packed")
"""Several numbers in one: GPTQ, AWQ, bitsandbytes' 4 bit, compressed-tensors' packed ones."""
_TABLES = ("index", "position_ids", "num_batches_tracked", "mask", "coords", "_ids", "bias_idxs")
"""How tables of places and counters end: they are whole numbers and no weights."""
_BLOCK = 128
_PLAUSIBLE = 100.0
"""No weight of a transformer is larger; 8-bit floats that are scaled go up to 240, 448 or 57,344."""


@dataclass(frozen=True, slots=True)
class Dequantised:
    """The tensors as floating-point numbers; `note` says what was done, "" where nothing had to be."""

    state: dict[str, Tensor]
    note: str = ""


def dequantised(state: Mapping[str, Tensor], config: Mapping[str, Any], name: str) -> Dequantised:
    """Stored integers and 8-bit floats times their scales, in float32.

    Known are bitsandbytes' int8 (SCB) and one scale for a tensor, for each row, column or block;
    `config` (a config.json) may say the block's sides. BadModel for whole numbers and for 8-bit floats
    without their scale, and for packed ones: they would be taken for weights.
    """
    packed = next((key for key in state if key.endswith(_PACKED)), None)
    if packed is not None:
        raise BadModel(
            f"{name} has weights packed in 4 bit ({packed[:80]}), which are not unpacked here; save it "
            "dequantised (transformers: model.dequantize(), then save_pretrained)"
        )
    if any(_is_packed_by_torch(key, state) for key in state):
        raise BadModel(
            f"{name} is quantised by torch, which keeps its weights in a form of its own that is not "
            "opened here; save the tensors of the network as it was before"
        )
    found: dict[str, Tensor] = {}
    used: set[str] = set()
    kinds: set[str] = set()
    for key, tensor in state.items():
        if tensor.is_quantized:
            found[key] = tensor.dequantize()
            kinds.add(str(tensor.dtype).removeprefix("torch."))
        elif tensor.dtype in _EIGHT_BIT_FLOATS or tensor.dtype in (torch.int8, torch.uint8):
            scale = _scale_of(key, state)
            if scale is not None:
                found[key.removesuffix("._data")] = _multiplied(
                    tensor, key, scale, state, config, name
                )
                used.add(scale)
                kinds.add(_kind(tensor, scale))
            elif tensor.dtype in _EIGHT_BIT_FLOATS:
                found[key] = _unscaled(tensor, key, name)
                kinds.add(str(tensor.dtype).removeprefix("torch.") + " without a scale")
            else:
                found[key] = tensor
        else:
            found[key] = tensor
    if used:
        found = {key: tensor for key, tensor in found.items() if key not in used}
        found = {key: tensor for key, tensor in found.items() if not key.endswith(_BESIDE)}
    _refuse_whole_numbers(found, name)
    note = (
        f"its weights are stored as {', '.join(sorted(kinds))} and multiplied out" if kinds else ""
    )
    return Dequantised(found, note)


def _is_packed_by_torch(key: str, state: Mapping[str, Tensor]) -> bool:
    """Whether it is of a layer of torch.ao.quantization, whose weight is no tensor in the file."""
    stem = key.removesuffix("zero_point")
    return stem != key and f"{stem}scale" in state and f"{stem}weight" not in state


def _unscaled(tensor: Tensor, key: str, name: str) -> Tensor:
    """8-bit floats that are the weights themselves. BadModel where a scale must have gone missing."""
    found = tensor.float()
    largest = float(found.abs().max()) if found.numel() else 0.0
    if largest > _PLAUSIBLE:
        raise BadModel(
            f"{name}: {key[:80]} holds {str(tensor.dtype).removeprefix('torch.')} up to {largest:g}, "
            "which are no weights until they are scaled, and nothing in the file says by what; save it "
            "dequantised"
        )
    return found


def _scale_of(key: str, state: Mapping[str, Tensor]) -> str | None:
    """The name of the tensor that a stored weight is multiplied with."""
    if key.endswith("_data"):  # quanto: weight._data and weight._scale
        beside = key.removesuffix("_data") + "_scale"
        return beside if beside in state else None
    stem = key.removesuffix("weight")
    if stem != key and f"{stem}SCB" in state:
        return f"{stem}SCB"
    for scale in _SCALES:
        if stem != key and f"{stem}{scale}" in state:
            return f"{stem}{scale}"
    for ending in ("_scale_inv", "_scale"):
        if f"{key}{ending}" in state:
            return f"{key}{ending}"
    return None


def _kind(tensor: Tensor, scale: str) -> str:
    kind = str(tensor.dtype).removeprefix("torch.")
    return f"{kind} with {scale.rpartition('.')[2]}"


def _multiplied(
    tensor: Tensor,
    key: str,
    scale: str,
    state: Mapping[str, Tensor],
    config: Mapping[str, Any],
    name: str,
) -> Tensor:
    if any(f"{key}{ending}" in state for ending in ("_zero_point", ".zero_point")):
        raise BadModel(
            f"{name}: {key[:80]} is quantised with a zero point, which is not undone here; save it "
            "dequantised"
        )
    factor = state[scale].float()
    if scale.endswith("SCB"):
        _check_row_format(key, state, name)
        factor = factor / 127
    return tensor.float() * _spread(factor, tensor, key, config, name)


def _check_row_format(key: str, state: Mapping[str, Tensor], name: str) -> None:
    """BadModel where bitsandbytes has stored the rows in an order of its own (col32, col_turing)."""
    stored = state.get(f"{key}_format", state.get(f"{key.removesuffix('weight')}weight_format"))
    if stored is not None and stored.numel() == 1 and int(stored) != 0:
        raise BadModel(
            f"{name}: {key[:80]} is stored in an order of bitsandbytes' own ({int(stored)}); save it "
            "again with a newer bitsandbytes, or dequantised"
        )


def _spread(
    factor: Tensor, tensor: Tensor, key: str, config: Mapping[str, Any], name: str
) -> Tensor:
    """A scale in a shape that multiplies the weight: of all, of each row, column or block."""
    if factor.numel() == 1:
        return factor.reshape(())
    rows, cols = tensor.shape[0], tensor.numel() // max(1, tensor.shape[0])
    of_rows = factor.numel() == rows and (factor.ndim == 1 or factor.shape[0] == rows)
    if of_rows and tensor.ndim >= 2:
        return factor.reshape(rows, *(1,) * (tensor.ndim - 1))
    if tensor.ndim == 2 and tuple(factor.shape) == (1, cols):
        return factor
    if tensor.ndim == 2 and factor.ndim == 2:
        high, wide = _block_sides(factor, tensor, key, config, name)
        return repeat(factor, "row col -> (row high) (col wide)", high=high, wide=wide)[
            :rows, :cols
        ]
    raise BadModel(
        f"{name}: the scale of {key[:80]} has the shape {tuple(factor.shape)} and the weight "
        f"{tuple(tensor.shape)}, which fit in no way that is known; save it dequantised"
    )


def _block_sides(
    factor: Tensor, tensor: Tensor, key: str, config: Mapping[str, Any], name: str
) -> tuple[int, int]:
    """Rows and columns of a block: said by the config, or the only ones that the two shapes allow."""
    said = _said_sides(config)
    sides = []
    for axis in (0, 1):
        length, count = tensor.shape[axis], factor.shape[axis]
        block = said[axis] if said else _BLOCK
        if count and not said and length % count == 0 and length // count != _BLOCK:
            block = length // count if -(-length // _BLOCK) != count or count == 1 else 0
        if not block or -(-length // block) != count:
            raise BadModel(
                f"{name}: the scale of {key[:80]} is for blocks of a size that nothing says "
                f"({tuple(factor.shape)} for {tuple(tensor.shape)}); put config.json with "
                "weight_block_size beside it, or save it dequantised"
            )
        sides.append(block)
    return sides[0], sides[1]


def _said_sides(config: Mapping[str, Any]) -> tuple[int, int] | None:
    """The sides of a block that a config.json names."""
    said = config.get("quantization_config")
    match said.get("weight_block_size") if isinstance(said, dict) else None:
        case [int(high), int(wide)] if high > 0 and wide > 0:
            return high, wide
    return None


def _refuse_whole_numbers(state: Mapping[str, Tensor], name: str) -> None:
    """BadModel where a weight is of whole numbers, and nothing says what they stand for."""
    for key, tensor in state.items():
        is_weight = key.endswith(("weight", "bias", "kernel", "_token", "pos_embed", "_data"))
        if is_weight and not tensor.is_floating_point() and not key.endswith(_TABLES):
            raise BadModel(
                f"{name}: {key[:80]} holds {str(tensor.dtype).removeprefix('torch.')}, and nothing in "
                "the file says what these numbers stand for (no scale, no SCB); save it dequantised"
            )
