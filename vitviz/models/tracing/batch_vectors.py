"""Vectors of many pictures' tokens in one pass: what blocks give on, queries, keys, values, heads.

A pass over many pictures is compared once with one over the first picture alone; where they differ
pictures are run one by one, which is slower and gives the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.trace import Trace
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.models.loading.model import Model
from vitviz.models.probe.model_probe import _blocks
from vitviz.models.tracing.batch_tracing import AGREE, AGREE_HALF, Ready

VectorKind = Literal["tokens", "queries", "keys", "values", "heads", "qkv"]
"""Tokens after a block before the final norm; q, k or v of all heads side by side as they meet in the
attention, or all three one after the other; or the length of each head's output (softmax(q k^T) v,
before it is projected)."""

Vectors = Float32[np.ndarray, "token dim"]


class _PassEnded(Exception):
    """The last block that is wanted has run."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureVectors:
    """What one pass gave for one picture.

    `layers` has the asked layers in order; `logits` the head's answer, None where there is none of
    one number a class, or where the pass ended before it.
    """

    layers: Float32[np.ndarray, "layer token dim"]
    logits: Float32[np.ndarray, "label"] | None


class BatchVectors:
    """The vectors of `kind` at some `layers` (None: all) of a model; `trace` is any trace by it.

    Unsupported, with the reason, for a layer whose tokens are not those of the picture's one grid or
    whose attention is not a fused call. VitvizError for a layer that is not there.
    """

    def __init__(
        self,
        model: Model,
        trace: Trace,
        kind: VectorKind = "tokens",
        layers: Sequence[int] | None = None,
    ) -> None:
        """Layers count from 0, or backwards from -1. VitvizError for one that is not there."""
        self.model, self.kind, self.grid = model, kind, trace.grid
        names = [layer.name for layer in trace.layers]
        self._blocks = _blocks(model, names) if kind == "tokens" else []
        count = len(self._blocks) if kind == "tokens" else len(names)
        self.layers = tuple(
            range(count) if layers is None else (_layer(at, count) for at in layers)
        )
        self._ends = layers is not None and kind == "tokens"
        self.batched: bool | None = None

    def of(self, batch: Sequence[Ready]) -> list[PictureVectors]:
        """Of each picture, in order.

        Unsupported where layers cannot be told apart, or give other tokens than those of one grid.
        """
        if len(batch) > 1 and self.batched is None:
            found = self._pass(batch)
            self.batched = self._agree(found[0], self._pass(batch[:1])[0])
            if self.batched:
                return found
        if self.batched or len(batch) == 1:
            return self._pass(batch)
        return [self._pass([one])[0] for one in batch]

    def _agree(self, among: PictureVectors, alone: PictureVectors) -> bool:
        """Whether a picture's vectors among others are those that it has alone."""
        limit = AGREE if self.model.info.precision == "fp32" else AGREE_HALF
        scale = max(float(np.abs(alone.layers).max()), 1e-12)
        return bool(np.abs(among.layers - alone.layers).max() <= limit * scale)

    def _pass(self, batch: Sequence[Ready]) -> list[PictureVectors]:
        module = self.model.module
        with self.model.lock, torch.inference_mode(False), torch.no_grad():
            parameter = next(module.parameters())
            pixels = torch.cat([each[2] for each in batch]).to(parameter.device, parameter.dtype)
            found, answer = self._watched(module, pixels)
        answers = self._logits(answer, len(batch))
        return [
            PictureVectors(np.stack([layer[at] for layer in found]), answers[at])
            for at in range(len(batch))
        ]

    def _watched(
        self, module: nn.Module, pixels: Tensor
    ) -> tuple[list[Float32[np.ndarray, "picture token dim"]], Any]:
        answer = None
        try:
            if self.kind == "tokens":
                found: dict[int, Tensor] = {}
                with ExitStack() as hooks:
                    for at, block in enumerate(self._blocks):
                        hook = self._keeping(found, at, len(pixels))
                        hooks.callback(block.register_forward_hook(hook).remove)
                    answer = self._until_last(module, pixels)
                layers = [found[at] for at in self.layers]
            else:
                tap = _FusedCalls(self.grid.tokens, self.kind)
                with tap:
                    answer = module(pixels)
                layers = [tap.calls[at] for at in self._called(tap)]
        except torch.OutOfMemoryError as error:
            raise VitvizError(
                f"{self.model.info.called} has too little memory for {len(pixels)} pictures at once; "
                "take a smaller --batch"
            ) from error
        return [each.cpu().numpy() for each in layers], answer

    def _until_last(self, module: nn.Module, pixels: Tensor) -> Any:
        try:
            return module(pixels)
        except _PassEnded:
            return None

    def _keeping(self, found: dict[int, Tensor], at: int, pictures: int) -> Any:
        last = max(self.layers) if self._ends else -1

        def keep(_module: nn.Module, _given: Any, output: Any) -> None:
            if at in self.layers:
                found[at] = _tokens(output, self.grid, pictures, self.model.info.called)
            if at == last:
                raise _PassEnded

        return keep

    def _called(self, tap: _FusedCalls) -> Sequence[int]:
        """The numbers of the wanted calls. Unsupported where calls and layers do not match."""
        uneven = len({each.shape for each in tap.calls}) > 1
        if len(tap.calls) != tap.seen or max(self.layers, default=0) >= len(tap.calls) or uneven:
            raise Unsupported(
                f"{self.model.info.called} has {tap.seen} fused attention calls of which "
                f"{len(tap.calls)} are alike and over its {self.grid.tokens} tokens, so its "
                f"{self.kind} cannot be told apart layer by layer; take --of tokens, or a plain ViT"
            )
        return self.layers

    def _logits(self, answer: Any, pictures: int) -> list[Float32[np.ndarray, "label"] | None]:
        shape = (pictures, self.model.info.classes)
        if self.model.info.classes == 0 or not isinstance(answer, Tensor) or answer.shape != shape:
            return [None] * pictures
        return list(answer.float().cpu().numpy())


class _FusedCalls(TorchFunctionMode):
    """Keeps one kind of vector of each fused call over the picture's tokens."""

    def __init__(self, tokens: int, kind: VectorKind) -> None:
        super().__init__()
        self._tokens, self._kind = tokens, kind
        self.calls: list[Float32[Tensor, "picture token dim"]] = []
        self.seen = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Runs what was called, and keeps what is wanted of a fused call."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func is functional.scaled_dot_product_attention:
            given = dict(zip(("query", "key", "value"), args, strict=False)) | kwargs
            self._called(given["query"], given["key"], given["value"], result)
        return result

    def _called(self, query: Tensor, key: Tensor, value: Tensor, result: Tensor) -> None:
        if query.shape[-2] == 1:
            return  # a pool: one query of its own that no token asks
        self.seen += 1
        if query.ndim != 4 or not query.shape[-2] == key.shape[-2] == self._tokens:
            return
        if self._kind == "qkv" and not query.shape == key.shape == value.shape:
            return
        if self._kind == "heads":
            lengths = torch.linalg.vector_norm(result.float(), dim=-1)
            self.calls.append(rearrange(lengths, "picture head token -> picture token head"))
            return
        every = {"queries": query, "keys": key, "values": value}
        kept = [query, key, value] if self._kind == "qkv" else [every[self._kind]]
        pattern = "picture head token dim -> picture token (head dim)"
        self.calls.append(torch.cat([rearrange(each.float(), pattern) for each in kept], dim=-1))


def _layer(at: int, count: int) -> int:
    if not -count <= at < count:
        raise VitvizError(
            f"there is no layer {at}; the {count} layers are 0 to {count - 1}, or -1 for the last"
        )
    return at % count


def _tokens(
    output: Any, grid: TokenGrid, pictures: int, name: str
) -> Float[Tensor, "picture token dim"]:
    """A block's tokens of every picture, whatever it gives on beside them."""
    if isinstance(output, tuple) and output and isinstance(output[-1], Tensor):
        output = output[-1]  # TNT: (words, sentences)
    if isinstance(output, Tensor) and output.shape[:-1] == (pictures, grid.rows, grid.cols):
        output = rearrange(output, "picture row col dim -> picture (row col) dim")
    shape = (pictures, grid.tokens)
    if not isinstance(output, Tensor) or output.ndim != 3 or output.shape[:2] != shape:
        kind = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise Unsupported(
            f"the blocks of {name} give {kind} and not the {grid.tokens} tokens of one grid, so what "
            "they say cannot be kept token by token; take a model with one grid, such as a ViT"
        )
    return output.detach().to(torch.float32, copy=True)
