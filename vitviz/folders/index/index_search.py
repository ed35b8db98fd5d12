"""Questions to an index: where else is this, and which pictures excite this head or feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from einops import einsum, rearrange, reduce
from jaxtyping import Float32, Int64

from vitviz.core.progress import VitvizError
from vitviz.folders.index.vector_index import IndexEntry, VectorIndex

_EXACT_AT_ONCE = 256
"""Pictures whose tokens are compared in full precision at once."""

Vector = Float32[np.ndarray, "dim"]


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """The best place of one picture: its token, and how good it is."""

    entry: IndexEntry
    token: int
    score: float


def direction_of(
    wanted: Sequence[Vector], unwanted: Sequence[Vector] = ()
) -> Float32[np.ndarray, "dim"]:
    """What is looked for: the mean direction of some vectors, less that of those not wanted.

    VitvizError where nothing is left.
    """
    pointed = _mean_direction(wanted)
    if unwanted:
        pointed = pointed - _mean_direction(unwanted)
    length = float(np.linalg.norm(pointed))
    if length < 1e-6:
        raise VitvizError(
            "what is looked for and what is not point the same way; choose other patches"
        )
    found: Float32[np.ndarray, "dim"] = (pointed / length).astype(np.float32)
    return found


def _mean_direction(vectors: Sequence[Vector]) -> Vector:
    each = np.stack(vectors)
    unit = each / np.maximum(np.linalg.norm(each, axis=-1, keepdims=True), 1e-12)
    found: Vector = reduce(unit, "vector dim -> dim", "mean")
    return found


def most_alike(
    index: VectorIndex, query: Vector, count: int, among: range | None = None
) -> list[FoundPlace]:
    """The pictures whose best token points most the way of `query` (of length 1), best first.

    `among` are the tokens that are looked at; all patches without. Exact: a first look in half
    precision leaves no picture out that could be among the best, and these are compared in 32 bits.
    VitvizError for an index that keeps no directions.
    """
    if index.about.by_length:
        raise VitvizError(
            "an index of heads says how strongly each head speaks, not what about; make one with "
            "--of tokens to look for a patch"
        )
    from vitviz.models.record.half_scores import SPREAD, half_scores

    tokens = among or range(len(index.about.prefix), index.about.grid.tokens)
    if not len(index.vectors):
        return []
    flat = rearrange(index.vectors, "picture token dim -> (picture token) dim")
    scores = rearrange(
        half_scores(flat, query), "(picture token) -> picture token", token=index.about.grid.tokens
    )
    best = scores[:, tokens.start : tokens.stop].max(axis=1)
    rows = np.array(sorted({entry.vectors for entry in index.entries}))
    few = _candidates(best[rows], count, 2 * SPREAD)
    return _exact(index, query, rows[few], tokens, count)


def _candidates(
    best: Float32[np.ndarray, "picture"], count: int, spread: float
) -> Int64[np.ndarray, "candidate"]:
    """Every picture that may be among the best, when each number is off by half of `spread`."""
    if len(best) <= count:
        return np.arange(len(best))
    least = np.partition(best, len(best) - count)[len(best) - count]
    return np.flatnonzero(best >= least - spread)


def _exact(
    index: VectorIndex,
    query: Vector,
    rows: Int64[np.ndarray, "candidate"],
    tokens: range,
    count: int,
) -> list[FoundPlace]:
    """These pictures' best tokens in 32 bits, best first."""
    scores, places = [], []
    for start in range(0, len(rows), _EXACT_AT_ONCE):
        block = index.vectors[rows[start : start + _EXACT_AT_ONCE], tokens.start : tokens.stop]
        found = einsum(block.astype(np.float32), query, "picture token dim, dim -> picture token")
        scores.append(found.max(axis=1))
        places.append(found.argmax(axis=1) + tokens.start)
    return _named(index, rows, np.concatenate(scores), np.concatenate(places), count)


def most_excited(
    index: VectorIndex, column: int, count: int, among: range | None = None
) -> list[FoundPlace]:
    """The pictures in which one head (of an index of heads) or one number of the vectors is largest.

    `among` are the tokens that are looked at; all patches without. VitvizError for a column that is
    not there.
    """
    about = index.about
    if not 0 <= column < about.dim:
        what = "head" if about.by_length else "feature"
        raise VitvizError(f"there is no {what} {column}; this index has 0 to {about.dim - 1}")
    tokens = among or range(len(about.prefix), about.grid.tokens)
    if not len(index.vectors):
        return []
    values = index.vectors[:, tokens.start : tokens.stop, column].astype(np.float32)
    if not about.by_length:
        values = values * index.lengths[:, tokens.start : tokens.stop]
    rows = np.array(sorted({entry.vectors for entry in index.entries}))
    scores, places = values[rows].max(axis=1), values[rows].argmax(axis=1) + tokens.start
    return _named(index, rows, scores, places, count)


def _named(
    index: VectorIndex,
    rows: Int64[np.ndarray, "candidate"],
    scores: Float32[np.ndarray, "candidate"],
    places: Int64[np.ndarray, "candidate"],
    count: int,
) -> list[FoundPlace]:
    """The best of them, by picture; equal pixels under several names are several pictures."""
    order = np.argsort(-scores, kind="stable")[:count]
    named: dict[int, list[IndexEntry]] = {}
    for entry in index.entries:
        named.setdefault(entry.vectors, []).append(entry)
    found = [
        FoundPlace(entry, int(places[at]), float(scores[at]))
        for at in order
        for entry in named[int(rows[at])]
    ]
    return found[:count]
