"""Received attention, entropy and distance of all heads by one walk over the tiles."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float32
from torch import Tensor

from vitviz.core.data.attention import AttentionPlaces, AttentionSurvey
from vitviz.core.progress import watched
from vitviz.models.record.attention.tiles import AttentionTile

_LEAST_LOG = -149.0
"""The logarithm of the least float32 above zero; 0 * log 0 is 0."""
_NO_SHARE = -1e-6
"""An entry below this is no share of a whole: a difference of two softmaxes is not."""


def surveyed(
    tiles: Iterable[AttentionTile],
    sizes: tuple[int, int, int],
    places: AttentionPlaces | None,
    device: torch.device,
) -> AttentionSurvey:
    """The sums over tiles of a call with so many heads, queries and keys."""
    heads, queries, keys = sizes
    received = torch.zeros(heads, 1, keys, device=device)
    entropy = torch.empty(heads, queries, device=device)
    reaching = None if places is None else TileDistances(places, sizes, device)
    progress = watched()
    for tile in tiles:
        progress(tile.queries.stop, queries, "walking over the attention")
        ones = torch.ones(heads, 1, tile.maps.shape[1], device=device)
        torch.baddbmm(received, ones, tile.maps, out=received)
        entropy[:, tile.queries] = _entropy(tile)
        if reaching is not None:
            reaching.add(tile)
    none = np.empty((heads, 0), np.float32)
    return AttentionSurvey(
        received[:, 0].cpu().numpy(),
        _where_shares(entropy),
        none if reaching is None else reaching.among.cpu().numpy(),
        none if reaching is None else reaching.reached.cpu().numpy(),
    )


def _entropy(tile: AttentionTile) -> Float32[Tensor, "head query"]:
    """-sum A ln A of each row; NaN for rows with entries below zero."""
    if tile.logs is not None:
        tile.logs.clamp_(min=_LEAST_LOG).mul_(tile.maps)
        return tile.logs.sum(-1).mul_(-math.log(2))
    found: Tensor = torch.special.entr(tile.maps.clamp(min=0.0)).sum(-1)
    found.masked_fill_(tile.maps.amin(-1) < _NO_SHARE, torch.nan)
    return found


def _where_shares(entropy: Float32[Tensor, "head query"]) -> Float32[np.ndarray, "head query"]:
    """A head with one row that holds no shares has no entropy at all."""
    wrong = entropy.isnan().any(dim=1, keepdim=True)
    found: np.ndarray = entropy.masked_fill(wrong, torch.nan).cpu().numpy()
    return found


class TileDistances:
    """How far rows reach, tile by tile: the distances of a tile are made for it and forgotten."""

    def __init__(
        self, places: AttentionPlaces, sizes: tuple[int, int, int], device: torch.device
    ) -> None:
        heads, queries, _ = sizes
        self._queries = torch.from_numpy(places.queries).to(device)
        keys = torch.from_numpy(places.keys).to(device)
        self._seen = (~keys.isnan().any(dim=1)).float()
        self._keys = keys.nan_to_num(0.0)
        self.among = torch.empty(heads, queries, device=device)
        self.reached = torch.empty(heads, queries, device=device)
        self._product: Tensor | None = None

    def add(self, tile: AttentionTile) -> None:
        """Takes a tile in."""
        apart = torch.cdist(
            self._queries[tile.queries].nan_to_num(0.0),
            self._keys,
            compute_mode="donot_use_mm_for_euclid_dist",
        ).mul_(self._seen)
        flat = rearrange(tile.maps, "head query key -> (head query) key")
        heads = tile.maps.shape[0]
        self.among[:, tile.queries] = rearrange(
            torch.mv(flat, self._seen), "(head query) -> head query", head=heads
        )
        if self._product is None or self._product.shape != tile.maps.shape:
            self._product = torch.empty_like(tile.maps)
        torch.mul(tile.maps, apart, out=self._product)
        nowhere = self._queries[tile.queries].isnan().any(dim=1)
        self.reached[:, tile.queries] = self._product.sum(-1).masked_fill_(nowhere, torch.nan)
