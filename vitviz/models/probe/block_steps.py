"""One block of a model taken apart while it runs: every step's shape and statistics."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from vitviz.core.data.block_steps import BlockStep, BlockSteps
from vitviz.core.progress import Unsupported
from vitviz.models.families.anatomy import attention_anatomy, block_anatomy
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.recorder import record

AXES = {1: "dim", 2: "token dim", 3: "1 token dim", 4: "1 row col dim"}
WORDS = "sentence word dim"


def block_of(module: nn.Module, name: str, pixels: Tensor, called: str) -> BlockSteps:
    """The block around the attention module of that name, in one pass.

    Unsupported where the block is not x + attention(norm(x)), then + mlp(norm(x)), in a TNT after
    what its words tell each sentence.
    """
    outer = name.rpartition(".")[0]
    block: Any = module.get_submodule(outer)
    parts = _parts(block, module.get_submodule(name))
    if parts is None:
        raise Unsupported(
            f"the blocks of {called} are not norm, attention, norm, MLP one after the other, so their "
            "steps cannot be named"
        )
    seen: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for key, part in parts.items():
            hooks.callback(part.register_forward_hook(_keeper(seen, key)).remove)
        _, calls = record(module, pixels, values=True)
    found = {each.name: each for each in calls}
    _checked(seen, called)
    start, middle, end = seen["block in"], seen["norm2 in"], seen["block out"]
    if start.shape != middle.shape:
        raise Unsupported(
            f"{outer} of {called} turns tokens of {tuple(start.shape[-2:])} into "
            f"{tuple(middle.shape[-2:])}, so what it adds to them cannot be told; choose another layer"
        )
    told = seen["norm1 in"]
    return BlockSteps(
        outer,
        tuple(_steps(seen, found.get(name), found.get(f"{outer}.attn_in"))),
        _lengths(start),
        _lengths(middle - told),
        _lengths(end - middle),
        _lengths(end),
        _lengths(told - start) if "words in" in seen else None,
    )


def _parts(block: Any, attention: Any) -> dict[str, nn.Module] | None:
    """The modules to look at, by the names of the steps; None in a block of another kind."""
    there = block_anatomy(block)
    if there.attention is not attention or not there.is_plain:
        return None
    asked = attention_anatomy(attention)
    wanted = {
        "block": block,
        "norm1": there.norm1,
        "qkv": asked and asked.qkv,
        "outer proj": asked and asked.proj,
        "attn": attention,
        "norm2": there.norm2,
        "fc1": there.fc1,
        "act": there.act,
        "mlp": there.mlp,
        **there.words,
    }
    return {key: part for key, part in wanted.items() if part is not None}


def _keeper(seen: dict[str, Tensor], key: str) -> Any:
    def keep(_module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        if key == "block" and isinstance(output, tuple) and len(given) == len(output) == 2:
            seen["words in"], given, output = given[0].detach().clone(), given[1:], output[1]
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
    if not (alike and whole and torch.equal(_entered(seen), seen["norm1 in"])):
        raise Unsupported(
            f"the blocks of {called} do not add attention and MLP of the normalised stream to it, so "
            "what each adds cannot be told apart"
        )


def _entered(seen: dict[str, Tensor]) -> Tensor:
    """The stream as attention should find it: as it came, in a TNT with what the words tell it."""
    start = seen["block in"]
    told = seen.get("norm2_proj out", seen.get("proj out")) if "words in" in seen else None
    if told is None:
        return start
    return torch.cat([start[:, :1], start[:, 1:] + told], dim=1)


def _words(seen: dict[str, Tensor], call: AttentionCall | None) -> list[BlockStep | None]:
    """What happens among the words of each sentence, and what the sentence is told."""
    if "words in" not in seen:
        return []
    inner = [] if call is None else _inner(call, "sentence ")
    maps = [step for step in inner if step is not None and step.name == "softmax"]
    return [
        _step("words in", seen["words in"], WORDS),
        _step("words, norm", seen.get("norm_in out"), WORDS),
        *(replace(step, name="words, softmax") for step in maps),
        _step("words, attention", seen.get("attn_in out"), WORDS),
        _step("words + attention", seen.get("norm_mlp_in in"), WORDS),
        _step("words, norm", seen.get("norm_mlp_in out"), WORDS),
        _step("words, MLP", seen.get("mlp_in out"), WORDS),
        _step("words side by side, norm", seen.get("proj in"), "1 sentence words"),
        _step("words, projection", seen.get("proj out"), "1 sentence dim"),
        _step("words, norm", seen.get("norm2_proj out"), "1 sentence dim"),
    ]


def _steps(
    seen: dict[str, Tensor], call: AttentionCall | None, words: AttentionCall | None
) -> list[BlockStep]:
    """The steps in the order in which they happen; one that this block has not is left out."""
    found = [
        *_words(seen, words),
        _step("residual stream in", seen.get("block in")),
        _step("stream + words", seen["norm1 in"] if "words in" in seen else None),
        _step("norm", seen.get("norm1 out")),
    ]
    found.append(_step("q, k, v", seen.get("qkv out")))
    if call is not None:
        found += _inner(call)
    found += [
        _step("heads side by side", seen.get("outer proj in")),
        _step("projection", seen.get("outer proj out")),
        _step("stream + attention", seen.get("norm2 in")),
        _step("norm", seen.get("norm2 out")),
        _step("MLP, widened", seen.get("fc1 out")),
        _step("MLP, activation", seen.get("act out")),
        _step("MLP out", seen.get("mlp out")),
        _step("stream + MLP", seen.get("block out")),
    ]
    return [step for step in found if step is not None]


def _inner(call: AttentionCall, each: str = "1 ") -> list[BlockStep | None]:
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
        _step("queries", query, f"{each}head query dim"),
        _step("keys", key, f"{each}head key dim"),
        _step("values", call.values, f"{each}head key dim"),
        _step("scores q·kᵀ/√d", scores if plain else None, f"{each}head query key"),
        _step("softmax", maps if call.before is None else call.before, f"{each}head query key"),
        _step("heads mixed", None if call.before is None else maps, f"{each}head query key"),
        _step("weighted sum of values", mixed, f"{each}head query dim"),
    ]


def _step(name: str, values: Tensor | None, axes: str = "") -> BlockStep | None:
    if values is None:
        return None
    flat = values.float()
    names = axes if axes and len(axes.split()) == values.ndim else AXES.get(values.ndim, "")
    return BlockStep(
        name,
        names,
        tuple(values.shape),
        float(flat.mean()),
        float(flat.std()),
        float(flat.min()),
        float(flat.max()),
    )


def _lengths(stream: Tensor) -> Float32[np.ndarray, "token"]:
    """The length of every token's vector."""
    lengths: Float32[np.ndarray, "token"] = stream.float().flatten(0, -2).norm(dim=-1).cpu().numpy()
    return lengths
