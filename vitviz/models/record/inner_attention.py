"""The inner level of a TNT's pass: words that look at words, kept as q and k, checked like the rest."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Float, Float32
from torch import Tensor, nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.inner_words import InnerLayer, InnerWords
from vitviz.models.record.attention.lazy_attention import one_thread
from vitviz.models.record.attention.tiles import ENTRIES
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.exact_numbers import evaluating
from vitviz.models.record.layers_from_calls import block_indices, merged, refusal
from vitviz.models.record.verify import biased


class RecordedWords:
    """One inner call as `core.words.InnerAttention` promises it; equal only to itself.

    Of a fused call q and k are kept and the softmax is made for what is looked at; an eager one's
    maps are kept as they came.
    """

    def __init__(self, call: AttentionCall) -> None:
        """`call` is (sentence head word word), with its maps or with q and k."""
        self.sentences, self.heads, self.words = call.shape[:3]
        self._maps = call.maps
        self._query, self._key, self._scale = call.query, call.key, call.scale
        self._bias = call.bias
        self._received: Float32[np.ndarray, "head sentence word"] | None = None
        self._lock = threading.Lock()

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What is held, for counting bytes."""
        held = (self._maps, self._query, self._key, self._bias)
        return tuple(tensor for tensor in held if tensor is not None)

    def maps(self, sentence: int) -> Float32[np.ndarray, "head query key"]:
        """Where every word of one sentence looks. IndexError for a sentence that is not there."""
        if not 0 <= sentence < self.sentences:
            raise IndexError(f"sentence {sentence} is out of range, this call has {self.sentences}")
        with evaluating(), one_thread():
            found: np.ndarray = self._made(slice(sentence, sentence + 1))[0].cpu().numpy()
        return found

    def received(self, head: int | None = None) -> Float32[np.ndarray, "sentence word"]:
        """What each word is given, the mean over those that look; made once for all heads.

        IndexError for a head that is not there; None is the mean over all.
        """
        if head is not None and not 0 <= head < self.heads:
            raise IndexError(f"head {head} is out of range, this call has {self.heads}")
        with self._lock:
            if self._received is None:
                self._received = self._all_received()
        if head is not None:
            one: Float32[np.ndarray, "sentence word"] = self._received[head]
            return one
        return reduce(self._received, "head sentence word -> sentence word", "mean")

    def _all_received(self) -> Float32[np.ndarray, "head sentence word"]:
        step = max(1, ENTRIES // (self.heads * self.words * self.words))
        with evaluating():
            parts = [
                reduce(
                    self._made(slice(start, start + step)),
                    "sentence head query key -> head sentence key",
                    "mean",
                )
                for start in range(0, self.sentences, step)
            ]
            found: np.ndarray = torch.cat(parts, dim=1).cpu().numpy()
        found.setflags(write=False)
        return found

    def _made(self, sentences: slice) -> Float32[Tensor, "sentence head query key"]:
        if self._maps is not None:
            return self._maps[sentences].float()
        assert self._query is not None
        assert self._key is not None
        query, key = self._query[sentences].float(), self._key[sentences].float()
        logits = query @ key.mT * self._scale
        if self._bias is not None:
            each = self._bias.ndim == 4 and len(self._bias) > 1
            logits = biased(logits, self._bias[sentences] if each else self._bias)
        return torch.softmax(logits, dim=-1)


def words_grid(grid: TokenGrid, module: nn.Module) -> tuple[int, int] | None:
    """Words of a patch, (down, across); None where they are not of one size."""
    embed: Any = module.pixel_embed
    stride = embed.proj.stride
    down, across = (int(count) for count in embed.new_patch_size)
    return (down, across) if (down * stride[0], across * stride[1]) == grid.patch else None


def read_words(
    module: nn.Module, calls: Sequence[AttentionCall], grid: TokenGrid
) -> tuple[InnerWords | None, tuple[str, ...], float, int]:
    """The inner calls as the words of a trace, why some are not shown, the largest error, and how many
    were compared (of the others the softmax is the module's own).
    """
    layers: list[InnerLayer] = []
    refused: list[tuple[str, str]] = []
    errors, compared = [0.0], 0
    blocks = block_indices(call.name for call in calls)
    for call in calls:
        why = refusal(call) or _misplaced(call, grid)
        if why:
            refused.append((call.name, why))
            continue
        layers.append(InnerLayer(call.name, blocks[call.name], RecordedWords(call)))
        errors.append(call.verified)
        compared += call.kind == "fused"
    found = _words(module, tuple(layers)) if layers else None
    return found, merged(refused), max(errors), compared


def _misplaced(call: AttentionCall, grid: TokenGrid) -> str:
    """Why a call is not among the words of the grid's sentences; "" where it is."""
    if grid.words is None:
        return "its words are not all of one size, so they cannot be laid over their patch"
    words = math.prod(grid.words)
    sentences = grid.rows * grid.cols
    if len(call.shape) == 4 and call.shape[0] == sentences and call.shape[2:] == (words, words):
        return ""
    return (
        f"its map has the shape {tuple(call.shape)}, not one of {words} × {words} words for each of "
        f"{sentences} sentences"
    )


def _words(module: nn.Module, layers: tuple[InnerLayer, ...]) -> InnerWords:
    embed: Any = module.pixel_embed
    table: Any = module.pixel_pos
    with torch.no_grad():
        places = rearrange(table.detach().float().cpu(), "1 dim row col -> (row col) dim")
    return InnerWords(
        layers=layers,
        reach="picture" if embed.legacy else "patch",
        kernel=int(embed.proj.kernel_size[0]),
        stride=int(embed.proj.stride[0]),
        positions=np.array(places.numpy(), np.float32),
    )


def held_tensors(words: InnerWords | None) -> tuple[Float[Tensor, "..."], ...]:
    """What is kept of the inner level, for counting bytes."""
    if words is None:
        return ()
    inner = (layer.attention for layer in words.layers)
    return tuple(t for each in inner if isinstance(each, RecordedWords) for t in each.tensors)
