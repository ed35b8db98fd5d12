"""Which vectors of two sets belong together: each the nearest of the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from vitviz.core.language import _
from vitviz.core.measures.token_pairs import check_pairs


@dataclass(frozen=True, slots=True, eq=False)
class MutualPairs:
    """Pairs of vectors that are each other's nearest, the most alike first."""

    one: Int64[np.ndarray, "pair"]
    other: Int64[np.ndarray, "pair"]
    alike: Float32[np.ndarray, "pair"]


def mutual_nearest(
    one: Float32[np.ndarray, "first dim"], other: Float32[np.ndarray, "second dim"]
) -> MutualPairs:
    """Of vectors of length 1: the pairs in which each is the other's nearest by their cosine.

    Unsupported where there are too many of them.
    """
    check_pairs(_("the likeness of every two patches"), len(one), len(other))
    alike = one @ other.T
    forth, back = alike.argmax(axis=1), alike.argmax(axis=0)
    first = np.flatnonzero(back[forth] == np.arange(len(one)))
    second = forth[first]
    found = alike[first, second]
    order = np.argsort(-found, kind="stable")
    return MutualPairs(first[order], second[order], found[order])
