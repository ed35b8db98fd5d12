"""Attention inside windows, put back among the tokens of the whole picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Float32, Int
from torch import Tensor

from vitviz.core.data.windows import PADDING, TokenWindows
from vitviz.models.record.attention.lazy_attention import LazyAttention
from vitviz.models.record.attention.tiles import ENTRIES, add_bias


class WindowedAttention(LazyAttention):
    """One call of many windows, as one map over all tokens: zero outside a token's own window.

    Held as the model made it: no map of all tokens is made but for `matrix`. What a token gives to a
    window's padding is on no token, so such rows sum to less than 1; where windows overlap and their
    results are added, as in VOLO, a row is the sum over the windows that the token is in.
    """

    def __init__(
        self,
        windows: TokenWindows,
        queries: int,
        keys: int,
        *,
        maps: Float[Tensor, "window head query key"] | None = None,
        query: Float[Tensor, "window head query dim"] | None = None,
        key: Float[Tensor, "window head key dim"] | None = None,
        bias: Tensor | None = None,
        scale: float = 1.0,
    ) -> None:
        """Either `maps`, or `query` and `key`; `queries` and `keys` count the tokens of all windows."""
        one = maps if maps is not None else query
        assert one is not None
        super().__init__(one.shape[1], queries, keys)
        self.windows = windows
        self._maps, self._query, self._key, self._bias, self._scale = maps, query, key, bias, scale

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The maps, or q, k and the bias."""
        kept = (self._maps, self._query, self._key, self._bias)
        return tuple(tensor for tensor in kept if tensor is not None)

    def inside(self, windows: slice) -> Float32[Tensor, "window head query key"]:
        """The maps of some windows, over their own slots. Must not be written to."""
        if self._maps is not None:
            return self._maps[windows].float()
        assert self._query is not None
        assert self._key is not None
        logits = (self._query[windows].float() * self._scale) @ self._key[windows].float().mT
        if self._bias is not None:
            shared = self._bias.ndim < 4 or self._bias.shape[0] == 1
            add_bias(logits, self._bias if shared else self._bias[windows])
        return torch.softmax(logits, dim=-1)

    def tile(self, heads: slice, queries: slice) -> Float32[Tensor, "head query key"]:
        """The maps of some heads and queries over all keys."""
        first, last, _ = queries.indices(self.queries)
        size = len(range(self.heads)[heads])
        found = torch.zeros(size, last - first, self.keys, device=self.tensors[0].device)
        wanted = (self.windows.queries >= first) & (self.windows.queries < last)
        for window in np.flatnonzero(wanted.any(axis=1)):
            maps = self.inside(slice(window, window + 1))[0, heads]
            slots = np.flatnonzero(wanted[window])
            tokens = self.windows.queries[window, slots] - first
            real = np.flatnonzero(self.windows.keys[window] != PADDING)
            keys = self.windows.keys[window, real]
            part = maps[:, slots][:, :, real]
            found[:, tokens[:, None], keys[None]] += part
        return found

    def column(self, key: int) -> Float32[Tensor, "head query"]:
        """What every query gives to one key."""
        found = torch.zeros(self.heads, self.queries, device=self.tensors[0].device)
        for window, slot in self.windows.key_slots(key):
            maps = self.inside(slice(window, window + 1))[0, :, :, slot]
            real = np.flatnonzero(self.windows.queries[window] != PADDING)
            found[:, self.windows.queries[window, real]] += maps[:, real]
        return found

    @property
    def _in_parts(self) -> bool:
        """Always: window by window is less work than over all tokens."""
        return True

    def _flow(
        self, weight: Float32[Tensor, "token head query"]
    ) -> Float32[Tensor, "token head key"]:
        moved = torch.zeros(*weight.shape[:2], self.keys + 1)
        for windows in self._several():
            maps = self.inside(windows).cpu()
            slots = _slots(self.windows.queries[windows], self.queries)
            # One more query and key take what is padding.
            padded = torch.nn.functional.pad(weight, (0, 1))
            given = rearrange(
                padded[..., slots], "token head window query -> window head token query"
            )
            part = rearrange(given @ maps, "window head token key -> token head (window key)")
            keys = _slots(self.windows.keys[windows], self.keys)
            moved.index_add_(2, rearrange(keys, "window key -> (window key)"), part)
        return moved[..., :-1].contiguous()

    def _several(self) -> Iterator[slice]:
        """Windows whose maps are made at once."""
        count, slots = self.windows.queries.shape
        step = max(1, ENTRIES // (self.heads * slots * self.windows.keys.shape[1]))
        for start in range(0, count, step):
            yield slice(start, min(start + step, count))


def _slots(tokens: Int[np.ndarray, "window slot"], end: int) -> Int[Tensor, "window slot"]:
    """Tokens as indices; padding is the one past the end."""
    return torch.from_numpy(np.where(tokens == PADDING, end, tokens))
