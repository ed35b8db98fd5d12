"""One block of a model taken apart while it runs: every step's shape and statistics."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from vitviz.core.inside import Block, Step
from vitviz.core.progress import Unsupported
from vitviz.models.recorder import Call, record

AXES = {1: "dim", 2: "token dim", 3: "1 token dim", 4: "1 row col dim"}


def block_of(module: nn.Module, name: str, pixels: Tensor, called: str) -> Block:
    """The block around the attention module of that name, in one pass.

    Unsupported where the block is not x + attention(norm(x)), then + mlp(norm(x)).
    """
    outer = name.rpartition(".")[0]
    block: Any = module.get_submodule(outer)
    attention: Any = module.get_submodule(name)
    if not all(
        isinstance(getattr(block, each, None), nn.Module) for each in ("norm1", "norm2", "mlp")
    ):
        raise Unsupported(
            f"the blocks of {called} are not norm, attention, norm, MLP one after the other, so their "
            "steps cannot be named"
        )
    seen: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for key, part in _parts(block, attention).items():
            hooks.callback(part.register_forward_hook(_keeper(seen, key)).remove)
        _, calls = record(module, pixels, values=True)
    call = next((each for each in calls if each.name == name), None)
    _checked(seen, called)
    start, middle, end = seen["block in"], seen["norm2 in"], seen["block out"]
    if start.shape != middle.shape:
        raise Unsupported(
            f"{outer} of {called} turns tokens of {tuple(start.shape[-2:])} into "
            f"{tuple(middle.shape[-2:])}, so what it adds to them cannot be told; choose another layer"
        )
    return Block(
        outer, tuple(_steps(seen, call)), _lengths(start), _lengths(middle - start),
        _lengths(end - middle), _lengths(end),
    )  # fmt: skip


def _parts(block: Any, attention: Any) -> dict[str, nn.Module]:
    """The modules to look at, by the names of the steps."""
    wanted: dict[str, Any] = {
        "block": block, "norm1": block.norm1, "qkv": getattr(attention, "qkv", None),
        "proj": getattr(attention, "proj", None), "attn": attention, "norm2": block.norm2,
        "fc1": getattr(block.mlp, "fc1", None), "act": getattr(block.mlp, "act", None),
        "mlp": block.mlp,
    }  # fmt: skip
    return {key: part for key, part in wanted.items() if isinstance(part, nn.Module)}


def _keeper(seen: dict[str, Tensor], key: str) -> Any:
    def keep(_module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        if given and isinstance(given[0], Tensor):
            seen[f"{key} in"] = given[0].detach().clone()
        if isinstance(output, Tensor):
            seen[f"{key} out"] = output.detach().clone()

    return keep


def _checked(seen: dict[str, Tensor], called: str) -> None:
    """The two branches must read the normalised stream and be added to it."""
    pairs = (("norm1 out", "attn in"), ("norm2 out", "mlp in"))
    alike = all(
        one in seen and other in seen and torch.equal(seen[one].flatten(), seen[other].flatten())
        for one, other in pairs
    )
    whole = {"block in", "norm1 in", "norm2 in", "block out"} <= seen.keys()
    if not (alike and whole and torch.equal(seen["block in"], seen["norm1 in"])):
        raise Unsupported(
            f"the blocks of {called} do not add attention and MLP of the normalised stream to it, so "
            "what each adds cannot be told apart"
        )


def _steps(seen: dict[str, Tensor], call: Call | None) -> list[Step]:
    """The steps in the order in which they happen; one that this block has not is left out."""
    found = [
        _step("residual stream in", seen.get("block in")),
        _step("norm", seen.get("norm1 out")),
    ]
    found.append(_step("q, k, v", seen.get("qkv out")))
    if call is not None:
        found += _inner(call)
    found += [
        _step("heads side by side", seen.get("proj in")),
        _step("projection", seen.get("proj out")),
        _step("stream + attention", seen.get("norm2 in")),
        _step("norm", seen.get("norm2 out")),
        _step("MLP, widened", seen.get("fc1 out")),
        _step("MLP, activation", seen.get("act out")),
        _step("MLP out", seen.get("mlp out")),
        _step("stream + MLP", seen.get("block out")),
    ]
    return [step for step in found if step is not None]


def _inner(call: Call) -> list[Step | None]:
    """Scores, softmax and weighted sum, from what the attention call was given."""
    query, key = call.query, call.key
    scores = None
    if query is not None and key is not None:
        scores = query.float() @ key.float().mT * call.scale
        if call.bias is not None and call.bias.dtype != torch.bool:
            scores = scores + call.bias
    plain = scores is not None and (call.bias is None or call.bias.dtype != torch.bool)
    maps = call.maps
    if maps is None and plain and not call.causal and scores is not None:
        maps = scores.softmax(-1)
    mixed = None if maps is None or call.values is None else maps.float() @ call.values.float()
    return [
        _step("queries", query, "1 head query dim"), _step("keys", key, "1 head key dim"),
        _step("values", call.values, "1 head key dim"),
        _step("scores q·kᵀ/√d", scores if plain else None, "1 head query key"),
        _step("softmax", maps, "1 head query key"),
        _step("weighted sum of values", mixed, "1 head query dim"),
    ]  # fmt: skip


def _step(name: str, values: Tensor | None, axes: str = "") -> Step | None:
    if values is None:
        return None
    flat = values.float()
    names = axes if axes and len(axes.split()) == values.ndim else AXES.get(values.ndim, "")
    return Step(
        name, names, tuple(values.shape), float(flat.mean()), float(flat.std()), float(flat.min()),
        float(flat.max()),
    )  # fmt: skip


def _lengths(stream: Tensor) -> Float32[np.ndarray, "token"]:
    """The length of every token's vector."""
    lengths: Float32[np.ndarray, "token"] = stream.float().flatten(0, -2).norm(dim=-1).cpu().numpy()
    return lengths
