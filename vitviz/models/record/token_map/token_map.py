"""Which pixels the tokens of an unknown model read, found and proven by changing the picture.

Stripes that spell row and column numbers bit by bit are laid over a picture of noise; the tokens of the
first attention that change name their own place, in passes that end there. Later calls are over the
same tokens where random halves of the picture change the same ones, in passes in which attention gives
nothing, so that only the network's own shape moves tokens about. Where tokens read more than a cell, or
are windows, or fewer in later stages, the centre of what each reads says where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from einops import rearrange
from jaxtyping import Bool, Float32
from torch import Tensor, nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.progress import Progress, Unsupported, silent
from vitviz.models.record.token_map.call_places import (
    CallPlaces,
    SlotPlaces,
    by_centres,
    prefix_names,
    shapes,
)
from vitviz.models.record.token_map.coded_stripes import Cells, Decoded, decode, stripes
from vitviz.models.record.token_map.leading_axes import LEAST, by_slot, leading_axes
from vitviz.models.record.token_map.noise_pictures import (
    CallSides,
    NoisePictures,
    PictureSides,
    PixelRun,
    blots,
    changes,
)
from vitviz.models.record.token_map.silenced_attention import SilencedCall

HALVES = 3
"""Random halves of the cells by which later calls are compared with the first."""

TRIED = 2
"""Ways to lay so many tokens out in rows and columns that are tried, squarest cells first."""

FINDING = "finding which pixels each token reads"


@dataclass(frozen=True, slots=True, eq=False)
class TokenMap:
    """All calls of a model at one size of picture, in order; `grid` is the one of the first placed.

    `exact`: each token of the first call reads its own cell and nothing else. `passes` is what the
    measurement cost: pictures through the whole model, and through its entrance.
    """

    size: PictureSides
    grid: TokenGrid
    calls: tuple[CallPlaces, ...]
    exact: bool
    passes: tuple[int, int] = (0, 0)


def token_map(
    module: nn.Module,
    run: PixelRun,
    size: PictureSides,
    like: Tensor,
    *,
    channels: int = 3,
    patch: int | None = None,
    prefix: Sequence[str] = (),
    progress: Progress = silent,
) -> TokenMap:
    """Where the tokens of every attention call lie in a picture of `size`, measured and proven.

    `like` has the device and number type of the model. `patch` and `prefix` say what is known already.
    Unsupported, with what was found, where no call's tokens lie in a grid.
    """
    pictures = NoisePictures(module, run, size, like, channels)
    report = partial(progress, total=3, what=FINDING)
    report(0)
    pictures.check_repeats()
    first = _cells(pictures, patch)
    report(1)
    calls = _later(pictures, *first, prefix) if first else by_centres(pictures, prefix)
    report(3)
    grid = next((each.grid for each in calls if each.grid is not None), None)
    if grid is None:
        raise Unsupported(calls[0].why)
    whole, entrance = pictures.passes
    return TokenMap(size, grid, tuple(calls), first is not None, (whole, entrance))


def with_prefix(found: TokenMap, names: Sequence[str]) -> TokenMap:
    """The map with other names for the tokens in front of the patches, where there are so many."""

    def named(grid: TokenGrid) -> TokenGrid:
        return replace(grid, prefix=tuple(names)) if len(grid.prefix) == len(names) else grid

    def placed(side: SlotPlaces | None) -> SlotPlaces | None:
        return None if side is None else replace(side, grid=named(side.grid))

    calls = tuple(
        replace(each, keys=placed(each.keys), asking=placed(each.asking)) for each in found.calls
    )
    return replace(found, grid=named(found.grid), calls=calls)


def _cells(pictures: NoisePictures, patch: int | None) -> tuple[Cells, Decoded] | None:
    """The cells that the first attention's tokens read, one each; None where they read more."""
    for cells in _candidates(pictures, patch):
        _, changed = changes(pictures, stripes(cells, pictures.size), only_first=True)
        keys = changed[0][0]
        if not keys:  # one cell: nothing to tell apart
            continue
        decoded = decode(by_slot(keys, leading_axes(keys)), cells, LEAST)
        if decoded.exact and not decoded.why and _covers(decoded, cells):
            return cells, decoded
    return None


def _covers(found: Decoded, cells: Cells) -> bool:
    """Whether there is one slot for each cell."""
    real = ~(found.nothing | found.everything)
    numbers = (found.row * cells.cols + found.col)[real]
    every = cells.rows * cells.cols
    blurred = found.row_levels or found.col_levels
    return not blurred and len(np.unique(numbers)) == every == len(numbers)


def _candidates(pictures: NoisePictures, patch: int | None) -> list[Cells]:
    """Ways to cut the picture into as many cells as the first attention has tokens of the picture."""
    calls, changed = changes(pictures, blots(pictures.size), only_first=True)
    if not calls:
        raise Unsupported("it made no attention call that could be seen")
    keys = changed[0][0]
    slots = by_slot(keys, leading_axes(keys))[0]
    if patch is not None:
        return [_given(patch, pictures.size)]
    count = int((slots >= LEAST).sum())
    # A "class" token pooled from the picture changes with everything: one more than the grid has.
    fitting = [*shapes(count, pictures.size)[:TRIED], *shapes(count - 1, pictures.size)[:1]]
    rows, cols = pictures.size
    return [Cells(down, across, rows // down, cols // across) for down, across in fitting]


def _given(patch: int, size: PictureSides) -> Cells:
    """The cells that somebody says there are."""
    if not 0 < patch <= min(size):
        raise Unsupported(f"a patch of {patch} pixels does not fit into {size[0]} × {size[1]}")
    return Cells(size[0] // patch, size[1] // patch, patch, patch)


def _later(
    pictures: NoisePictures, cells: Cells, first: Decoded, prefix: Sequence[str]
) -> list[CallPlaces]:
    """Every call's places: those of the first where random halves of the cells say so."""
    calls, changed = changes(pictures, _halves(cells, pictures.size), only_first=False)
    sequence = _sequence(first, cells, prefix)
    own = np.stack([_seen_by(first, each) for each in _chosen(cells)])
    found = [
        _as_first(call, sides, own, sequence) for call, sides in zip(calls, changed, strict=True)
    ]
    if all(each is not None for each in found):
        return [each for each in found if each is not None]
    centred = by_centres(pictures, prefix)
    return [each or other for each, other in zip(found, centred, strict=True)]


def _chosen(cells: Cells) -> Bool[np.ndarray, "half row col"]:
    chance = np.random.default_rng(0)
    return np.less(chance.random((HALVES, cells.rows, cells.cols)), 0.5)


def _halves(cells: Cells, size: PictureSides) -> Bool[np.ndarray, "half row col"]:
    """Random halves of the cells, as pixels."""
    found = np.zeros((HALVES, *size), np.bool_)
    grown = _chosen(cells).repeat(cells.height, axis=1).repeat(cells.width, axis=2)
    found[:, : grown.shape[1], : grown.shape[2]] = grown
    return found


def _seen_by(found: Decoded, chosen: Bool[np.ndarray, "row col"]) -> Bool[np.ndarray, "slot"]:
    """Which slots of the first call must change when the chosen cells do."""
    rows, cols = chosen.shape
    read = chosen[np.clip(found.row, 0, rows - 1), np.clip(found.col, 0, cols - 1)]
    seen: Bool[np.ndarray, "slot"] = (read & ~found.nothing) | found.everything
    return seen


def _sequence(found: Decoded, cells: Cells, prefix: Sequence[str]) -> SlotPlaces:
    """The tokens of the first call by their numbers, behind what reads no cell of its own."""
    names = prefix_names(found.nothing, found.everything, prefix)
    grid = TokenGrid(cells.rows, cells.cols, (float(cells.height), float(cells.width)), names)
    tokens = found.row * cells.cols + found.col + len(names)
    tokens[found.nothing | found.everything] = np.arange(len(names))
    return SlotPlaces(grid, rearrange(tokens, "slot -> 1 slot"))


def _as_first(
    call: SilencedCall, sides: CallSides, own: Bool[np.ndarray, "half slot"], sequence: SlotPlaces
) -> CallPlaces | None:
    """A call over the same sequence as the first one; None where it is another."""
    axes = leading_axes(sides[0])
    queries, keys = call.shape[-2:]
    if keys != own.shape[1] or not _agree(by_slot(sides[0], axes), own):
        return None
    seen, width = sides[1] is not None, call.values.shape[-1]
    found = CallPlaces(call.name, call.shape, axes, sequence, queries_seen=seen, width=width)
    if sides[1] is None:
        return None if queries != keys else replace(found, asking=sequence)
    asked = by_slot(sides[1], axes)
    if not (asked >= LEAST).any():
        return found  # queries of the model's own
    return replace(found, asking=sequence) if _agree(asked, own) else None


def _agree(flat: Float32[np.ndarray, "half slot"], own: Bool[np.ndarray, "half slot"]) -> bool:
    """Whether the slots that must change do, and no others."""
    return flat.shape == own.shape and bool(((flat >= LEAST) == own).all())
