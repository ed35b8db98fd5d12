"""Where the queries and keys of a call lie in the picture, by the centres of what each reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from einops import rearrange
from jaxtyping import Bool, Float32, Int

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.windows import PADDING
from vitviz.models.record.token_map.leading_axes import LEAST, LeadingAxes, by_slot, leading_axes
from vitviz.models.record.token_map.noise_pictures import (
    CallSides,
    Magnitudes,
    NoisePictures,
    PictureSides,
    blots,
    changes,
    measured,
)
from vitviz.models.record.token_map.reading_centres import centres, energy, ranked, small_changes
from vitviz.models.record.token_map.silenced_attention import SilencedCall

FLAT = 0.02
"""Spread of centres, in shares of the picture, below which they are all the same place."""

LONGEST = 4
"""How many times longer than wide the part of the picture that a token stands for may be."""

UNSEEN = 1e-20
"""A share of attention below which a mask keeps two tokens apart."""


@dataclass(frozen=True, slots=True, eq=False)
class SlotPlaces:
    """Where the slots of one side of a call (its queries, or its keys) are on a grid.

    `tokens` has their numbers group by group, `PADDING` for a slot that is no token.
    """

    grid: TokenGrid
    tokens: Int[np.ndarray, "group slot"]

    @property
    def in_order(self) -> bool:
        """Whether they are one sequence: the prefix, then the patches in reading order."""
        alone = len(self.tokens) == 1
        return alone and bool((self.tokens[0] == np.arange(self.tokens.size)).all())

    def same(self, other: SlotPlaces) -> bool:
        """Whether both sides are the same tokens."""
        return self.grid == other.grid and np.array_equal(self.tokens, other.tokens)


@dataclass(frozen=True, slots=True, eq=False)
class CallPlaces:
    """Where one call's queries and keys are, or in `why` what was found instead.

    `asking` is None where queries are the model's own and read no place. `regions` as in `Windows`.
    `queries_seen`: whether the queries themselves were measured, not only taken to be where the keys
    are. `width` is the length of one head's values.
    """

    name: str
    shape: tuple[int, ...]
    axes: LeadingAxes
    keys: SlotPlaces | None = None
    asking: SlotPlaces | None = None
    regions: Int[np.ndarray, "group slot"] | None = None
    queries_seen: bool = False
    why: str = ""
    width: int = 0

    @property
    def heads(self) -> int:
        """Number of heads."""
        sizes = zip(self.shape[:-2], self.axes.heads, strict=False)
        return math.prod(size for size, head in sizes if head) * self.axes.merged

    @property
    def grid(self) -> TokenGrid | None:
        """The grid of the tokens that look, else of those looked at; None for one that is on none."""
        side = self.asking or self.keys
        return None if side is None else side.grid


def by_centres(pictures: NoisePictures, prefix: Sequence[str]) -> list[CallPlaces]:
    """Every call's places, whatever the shape of what its tokens read."""
    calls, blotted = changes(pictures, blots(pictures.size), only_first=False)
    small = small_changes(pictures.noise)
    _, moved = measured(pictures, small, energy, only_first=False)
    return [
        _centred(call, changed, energies, pictures.size, prefix)
        for call, changed, energies in zip(calls, blotted, moved, strict=True)
    ]


def _centred(
    call: SilencedCall,
    changed: CallSides,
    moved: CallSides,
    size: PictureSides,
    prefix: Sequence[str],
) -> CallPlaces:
    axes = leading_axes(changed[0])
    seen, width = changed[1] is not None, call.values.shape[-1]
    found = CallPlaces(call.name, call.shape, axes, queries_seen=seen, width=width)
    looked_at = _places(changed[0], moved[0], axes, size, prefix)
    if isinstance(looked_at, str):
        return replace(found, why=looked_at)
    queries, keys = call.shape[-2:]
    if changed[1] is None or moved[1] is None:
        if queries != keys:
            why = f"where its {queries} queries are, which are not its {keys} keys, was not seen"
            return replace(found, why=why)
        return replace(found, keys=looked_at, asking=looked_at, regions=regions_of(call, axes))
    if not (by_slot(changed[1], axes) >= LEAST).any():
        return replace(found, keys=looked_at)
    looking = _places(changed[1], moved[1], axes, size, prefix)
    if isinstance(looking, str):
        return replace(found, why=looking)
    regions = regions_of(call, axes) if looking.same(looked_at) else None
    return replace(found, keys=looked_at, asking=looking, regions=regions)


def _places(
    changed: Magnitudes,
    moved: Magnitudes,
    axes: LeadingAxes,
    size: PictureSides,
    prefix: Sequence[str],
) -> SlotPlaces | str:
    """Slots on the grid that the centres of their reading make, or why they are on none."""
    everything = by_slot(changed, axes)[0]
    groups = everything.size // changed[0].shape[-1]
    down, across = centres([axes.summed(each).reshape(-1) for each in moved])
    nothing = everything < LEAST
    real = ~nothing
    lines = _lines(down[real], across[real], size)
    if lines is None:
        if not real.any():
            return "its tokens are made by attention alone: without it nothing tells where they are"
        if max(down[real].std(), across[real].std()) < FLAT:
            return "each of its keys reads the whole picture, so it lies nowhere in it"
        return f"the centres of what its {int(real.sum())} tokens read make no rows and columns"
    row, col = lines
    rows, cols = int(row.max()) + 1, int(col.max()) + 1
    names = prefix_names(nothing, np.zeros_like(nothing), prefix) if groups == 1 else ()
    grid = TokenGrid(rows, cols, (size[0] / rows, size[1] / cols), names)
    tokens = np.full(len(nothing), PADDING)
    tokens[real] = row * cols + col + len(names)
    if groups == 1:
        tokens[nothing] = np.arange(len(names))
    return SlotPlaces(grid, rearrange(tokens, "(group slot) -> group slot", group=groups))


def _lines(
    down: Float32[np.ndarray, "slot"], across: Float32[np.ndarray, "slot"], size: PictureSides
) -> tuple[Int[np.ndarray, "slot"], Int[np.ndarray, "slot"]] | None:
    """Row and column of every slot, each pair once; None where the centres make no such lines."""
    count = len(down)
    for rows, cols in shapes(count, size):
        row, col = ranked(down, rows), ranked(across, cols)
        if row is not None and col is not None and len(np.unique(row * cols + col)) == count:
            return row, col
    return None


def shapes(count: int, size: PictureSides) -> list[tuple[int, int]]:
    """Numbers of rows and columns that make so many cells, those with the squarest cells first."""
    rows, cols = size
    pairs = [(each, count // each) for each in range(1, min(count, rows) + 1) if count % each == 0]
    longer = {(down, across): abs(math.log(rows / down * across / cols)) for down, across in pairs}
    fitting = [each for each in pairs if each[1] <= cols and longer[each] <= math.log(LONGEST)]
    return sorted(fitting, key=longer.__getitem__)


def prefix_names(
    nothing: Bool[np.ndarray, "slot"], everything: Bool[np.ndarray, "slot"], prefix: Sequence[str]
) -> tuple[str, ...]:
    """What the tokens are called that read no cell of their own."""
    loose = np.flatnonzero(nothing | everything)
    given = list(prefix[: len(loose)])
    for slot in loose[len(given) :]:
        kind = "whole picture" if everything[slot] else "prefix"
        given.append(f"{kind} {len(given) + 1}")
    return tuple(given)


def regions_of(call: SilencedCall, axes: LeadingAxes) -> Int[np.ndarray, "group slot"] | None:
    """Which slots of each window a mask lets see each other; None where all do."""
    if call.maps is None or call.maps.shape[-1] != call.maps.shape[-2]:
        return None
    seen = (axes.apart(call.maps) > UNSEEN).any(dim=1).cpu().numpy()
    if len(seen) == 1 or seen.all():
        return None
    regions: Int[np.ndarray, "group slot"] = seen.argmax(axis=-1)
    return regions
