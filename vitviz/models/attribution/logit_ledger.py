"""A logit as an account: what each head of each layer took from each token, each MLP, and the rest.

With the scale of the last norm held at its value a pre-norm model's logit is linear in what its blocks
added to the stream, so it is exactly the sum of these entries. Elhage et al. 2021, A Mathematical
Framework for Transformer Circuits; for vision Gandelsman et al. 2024, arXiv:2310.05916.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Float, Float64
from torch import Tensor, nn

from vitviz.core.data.attribution import LogitLedger
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Layer
from vitviz.core.progress import Progress, Unsupported, silent
from vitviz.models.attribution.attention_gradients import add_to, pieces, with_gradient
from vitviz.models.attribution.block_tokens import block_list
from vitviz.models.attribution.gradient_ready import ready_for_gradients
from vitviz.models.attribution.stage_streams import (
    SeenStep,
    TokenStream,
    directs,
    fixed_scales,
    seen_by_heads,
    spread,
    watch_steps,
)
from vitviz.models.attribution.target_score import TargetScore
from vitviz.models.families import anatomy_of
from vitviz.models.families.anatomy import attention_anatomy, block_anatomy
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.recorder import record

LINEAR = 1e-4
"""Largest difference, over the largest number met, for which a sum is the same."""

ROUNDING = 1e-5
"""The same for what a branch adds to the stream, over the stream's largest number."""

LayerReader = Callable[[list[AttentionCall]], Sequence[Layer]]


@dataclass(eq=False)
class BlockSeen:
    """A block's stream: as it came, between attention and MLP, as it went; `joined` are the heads'
    outputs side by side, in front of their projection.
    """

    start: TokenStream
    middle: TokenStream
    end: TokenStream
    joined: Float[Tensor, "window token heads"]


def logit_ledger(
    module: nn.Module,
    pixels: Float[Tensor, "1 rgb row col"],
    score: TargetScore,
    target: Target,
    read: LayerReader,
    *,
    called: str,
    progress: Progress = silent,
) -> LogitLedger:
    """The account of a target. `read` lays recorded calls out as layers.

    Unsupported, with the reason, where the model's blocks are not norm, attention and MLP one after
    the other, or its head is not linear behind the last norm's scale.
    """
    blocks = block_list(module, called)
    if score.reading.vector is not None or score.reading.readout == "lens":
        raise Unsupported(
            "an account needs a number that is linear in the answer: a class or output"
        )
    with ready_for_gradients(module):
        seen, calls, answers, steps = _seen_pass(module, blocks, pixels, score, called, progress)
        value = float(score.score(answers)[0])
        last, constant = _direct(module, seen[-1].end, score, value, called)
        ends, starts = [each.end for each in seen], [each.start for each in seen]
        every, between = directs(last, ends, starts, steps, called)
        given: list[float] = []
        for number, (block, stream) in enumerate(zip(blocks, seen, strict=True)):
            own = [c for c in calls if _in(c, module, block)]
            given.append(_entries_of(block, stream, every[number], own, called))
            progress(number + 1, len(blocks), "writing the account")
    return _sum_up(
        target, score, value, seen, every, given, constant + between, read(calls), called
    )


def _sum_up(
    target: Target,
    score: TargetScore,
    value: float,
    seen: Sequence[BlockSeen],
    every: Sequence[TokenStream],
    given: Sequence[float],
    constant: float,
    layers: Sequence[Layer],
    called: str,
) -> LogitLedger:
    if len(layers) != len(seen):
        raise Unsupported(
            f"{called} has {len(seen)} blocks but {len(layers)} maps among its tokens, so its heads "
            "cannot be told apart block by block"
        )
    both = list(zip(every, seen, strict=True))
    mlps = [_product(direct, each.end - each.middle) for direct, each in both]
    own = [_head_entries(layer, called) for layer in layers]
    for layer, entries, product in zip(layers, own, given, strict=True):
        if abs(entries.sum() - product) > LINEAR * max(abs(product), abs(value), 1e-6):
            raise Unsupported(
                f"what the heads of {layer.name} of {called} took from its tokens sums to "
                f"{entries.sum():.5f}, not to the {product:.5f} that they gave: some of it is on no "
                "token, such as the padding of windows"
            )
    finest = layers[0].keys
    heads = [
        spread(each, layer.keys, finest, called) for each, layer in zip(own, layers, strict=True)
    ]
    wide = max(len(each) for each in heads)
    entries = np.full((len(heads), wide, heads[0].shape[1]), 0, np.float64)
    for at, each in enumerate(heads):
        entries[at, : len(each)] = each
    branches = [_product(direct, each.middle - each.start) for direct, each in both]
    biases = [branch - float(each.sum()) for branch, each in zip(branches, heads, strict=True)]
    return LogitLedger(
        target,
        score.reading.name,
        value,
        entries.astype(np.float32),
        np.array(mlps, np.float32),
        np.array(biases, np.float32),
        _product(every[0], seen[0].start),
        constant,
    )


def _head_entries(layer: Layer, called: str) -> Float64[np.ndarray, "head token"]:
    """sum over queries of A * (p v^T), with p what the target sees of each query's head."""
    attention = with_gradient(layer, called)
    found = torch.zeros(attention.heads, attention.keys, dtype=torch.float64)
    for piece in pieces(attention):
        given = reduce(
            (piece.maps * piece.gradients).double(), "w head query key -> w head key", "sum"
        )
        for head in range(attention.heads):
            add_to(found[head], piece.keys, given[:, head].cpu())
    entries: Float64[np.ndarray, "head token"] = found.numpy()
    return entries


def _product(direct: TokenStream, added: TokenStream) -> float:
    return float((direct.double() * added.double()).sum())


def _in(call: AttentionCall, module: nn.Module, block: nn.Module) -> bool:
    own = {id(part) for part in block.modules()}
    return id(module.get_submodule(call.name)) in own


def _seen_pass(
    module: nn.Module,
    blocks: Sequence[nn.Module],
    pixels: Tensor,
    score: TargetScore,
    called: str,
    progress: Progress,
) -> tuple[list[BlockSeen], list[AttentionCall], Tensor, list[SeenStep]]:
    kept: list[dict[str, Tensor]] = [{} for _ in blocks]
    with ExitStack() as hooks:
        steps = watch_steps(module, blocks, hooks)
        for block, found in zip(blocks, kept, strict=True):
            for name, part in _parts(block, called).items():
                hooks.callback(part.register_forward_hook(partial(_keep, found, name)).remove)
        answers, calls = record(
            _Answering(module, score), pixels, expected=len(blocks), values=True, progress=progress
        )
    for call in calls:
        call.name = call.name.removeprefix("module.")
        call.given = {name.removeprefix("module."): each for name, each in call.given.items()}
    return [_stream(found, called) for found in kept], calls, answers, steps


class _Answering(nn.Module):
    """The model as it answers for a target."""

    def __init__(self, module: nn.Module, score: TargetScore) -> None:
        super().__init__()
        self.module, self.score = module, score

    def forward(self, pixels: Tensor) -> Tensor:
        return self.score.answers(self.module, pixels)


def _parts(block: Any, called: str) -> dict[str, nn.Module]:
    """The modules whose inputs and outputs tell what a block adds."""
    parts = block_anatomy(block)
    attention = attention_anatomy(parts.attention)
    wanted = {
        "block": block,
        "norm1": parts.norm1,
        "norm2": parts.norm2,
        "proj": attention and attention.proj,
    }
    found = {name: part for name, part in wanted.items() if part is not None}
    if found.keys() < wanted.keys():
        raise Unsupported(
            f"the blocks of {called} are not norm, attention, norm, MLP one after the other, so what "
            "each adds to the answer cannot be told apart"
        )
    return found


def _keep(found: dict[str, Tensor], name: str, _module: nn.Module, given: Any, output: Any) -> None:
    found[f"{name} in"] = given[0].detach().clone()
    if isinstance(output, Tensor):
        found[f"{name} out"] = output.detach().clone()


def _stream(found: dict[str, Tensor], called: str) -> BlockSeen:
    there = {"block in", "block out", "norm1 in", "norm2 in", "proj in"} <= found.keys()
    if (
        not there
        or found["norm2 in"].numel() != found["block in"].numel()
        or found["block out"].shape != found["block in"].shape
        or not torch.equal(found["block in"], found["norm1 in"])
    ):
        raise Unsupported(
            f"the blocks of {called} do not add attention and MLP of the normalised stream to it, so "
            "its answer is no sum of what they add"
        )
    middle = found["norm2 in"].reshape(found["block in"].shape)
    return BlockSeen(found["block in"], middle, found["block out"], found["proj in"])


def _direct(
    module: nn.Module, last: TokenStream, score: TargetScore, value: float, called: str
) -> tuple[TokenStream, float]:
    """d target / d stream behind the last block, with the last norm's scale held; and the constant."""
    anatomy = anatomy_of(module)
    norms = {"norm": anatomy.norm, "fc_norm": anatomy.closing_norm}
    with fixed_scales(list(norms.values())):
        with torch.enable_grad():
            leaf = last.clone().requires_grad_()
            found = score.score(_answers_of_tokens(module, leaf, score, called))[0]
            (direct,) = torch.autograd.grad(found, leaf)
            target = float(found.detach())
        with torch.no_grad():
            doubled = float(score.score(_answers_of_tokens(module, 2 * last, score, called))[0])
    product = _product(direct, last)
    size = max(abs(value), abs(product), 1e-6)
    if abs(target - value) > 1e-3 * size:
        raise Unsupported(
            f"norm and head alone give {target:.4f} of the last tokens, not the {value:.4f} of "
            f"{called} itself, so its answer is no account of them"
        )
    if abs(doubled - target - product) > LINEAR * size:
        raise Unsupported(
            f"the head of {called} is not linear behind its last norm, so its answer is no sum of what "
            "the blocks add"
        )
    return direct, target - product


def _answers_of_tokens(module: Any, tokens: TokenStream, score: TargetScore, called: str) -> Tensor:
    if not anatomy_of(module).reads_tokens:
        raise Unsupported(f"{called} has no norm and head that read tokens, so there is no account")
    early = score.reading.readout == "embedding"
    found: Tensor = module.forward_head(
        module.norm(tokens), **({"pre_logits": True} if early else {})
    )
    return found


def _entries_of(
    block: Any, stream: BlockSeen, direct: TokenStream, calls: Sequence[AttentionCall], called: str
) -> float:
    """Gives the block's call the part of the target that each query's head output is seen with; the
    product of both, which all entries of the block sum to.
    """
    parts = block_anatomy(block)
    attention = attention_anatomy(parts.attention)
    assert attention is not None
    assert attention.proj is not None
    assert parts.norm2 is not None
    seen, middle, linear = seen_by_heads(block, attention.proj, parts.norm2, stream.start, direct)
    apart = float((middle - stream.middle).abs().max())
    alike = apart <= ROUNDING * float(stream.middle.abs().max())
    if not (alike and linear) or not attention.is_joined or seen.shape != stream.joined.shape:
        raise Unsupported(
            f"the attention of {called} is not its heads side by side behind one projection, so what "
            "each head adds cannot be told apart"
        )
    if len(calls) != 1:
        raise Unsupported(
            f"a block of {called} makes {len(calls)} attention calls, so what one head adds cannot be "
            "told apart"
        )
    heads = calls[0].shape[-3]
    calls[0].gradient = rearrange(
        seen, "window token (head dim) -> window head token dim", head=heads
    )
    return _product(seen, stream.joined)
