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
    progress, ones = watched(), torch.ones(heads, 1, 0, device=device)
    for tile in tiles:
        progress(tile.queries.stop, queries, "walking over the attention")
        if ones.shape[2] != tile.maps.shape[1]:
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
    found: Tensor
    if tile.logs is not None:
        # A forbidden key's logarithm is -inf, and 0 * log 0 is 0.
        product = tile.logs.mul_(tile.maps)
        found = product.sum(-1).mul_(-math.log(2))
        if found.isnan().any():
            found = product.nan_to_num_(0.0).sum(-1).mul_(-math.log(2))
        return found
    found = torch.special.entr(tile.maps.clamp(min=0.0)).sum(-1)
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
        """`places` are in model pixels, `sizes` those of the call: heads, queries, keys."""
        heads, queries, _ = sizes
        self._queries = torch.from_numpy(places.queries).to(device)
        self._nowhere = self._queries.isnan().any(dim=1)
        self._queries = self._queries.nan_to_num(0.0)
        self._factors = torch.empty(0, device=device)
        self._across = torch.empty(0, device=device)
        keys = torch.from_numpy(places.keys).to(device)
        self._seen = (~keys.isnan().any(dim=1)).float()
        self._keys = rearrange(keys.nan_to_num(0.0), "key side -> side key")
        self.among = torch.empty(heads, queries, device=device)
        self.reached = torch.empty(heads, queries, device=device)

    def add(self, tile: AttentionTile) -> None:
        """Takes a tile in: one product for each query, of all its heads with both sums' factors."""
        here = self._queries[tile.queries]
        if len(self._factors) < len(here):  # the first tile is the largest
            self._factors = torch.empty(len(here), 2, len(self._seen), device=here.device)
            self._factors[:, 0] = self._seen
            self._across = torch.empty(len(here), len(self._seen), device=here.device)
        factors, across = self._factors[: len(here)], self._across[: len(here)]
        apart = factors[:, 1]
        torch.sub(here[:, 1, None], self._keys[1], out=across)
        torch.sub(here[:, 0, None], self._keys[0], out=apart)
        apart.square_().addcmul_(across, across).sqrt_().mul_(self._seen)
        maps = rearrange(tile.maps, "head query key -> query head key")
        found = rearrange(torch.bmm(maps, factors.mT), "query head sum -> sum head query")
        self.among[:, tile.queries] = found[0]
        self.reached[:, tile.queries] = found[1].masked_fill(self._nowhere[tile.queries], torch.nan)
