"""How alike vectors are: position embeddings, features, filters."""

from __future__ import annotations

import numpy as np
from einops import reduce
from jaxtyping import Float32

from vitviz.core.language import _
from vitviz.core.measures.token_pairs import check_pairs


def cosine(vectors: Float32[np.ndarray, "token dim"]) -> Float32[np.ndarray, "token token"]:
    """The cosine of the angle between every two vectors, -1 to 1; 0 with a vector of length 0.

    Unsupported where there are too many of them.
    """
    check_pairs(_("the likeness of every two tokens"), len(vectors), len(vectors))
    unit = directions(vectors)
    alike: Float32[np.ndarray, "token token"] = np.clip(unit @ unit.T, -1, 1)
    return alike


def cosine_with(unit: Float32[np.ndarray, "token dim"], token: int) -> Float32[np.ndarray, "token"]:
    """One row of `cosine`, from however many vectors' `directions`."""
    alike: Float32[np.ndarray, "token"] = np.clip(unit @ unit[token], -1, 1)
    return alike


def directions(vectors: Float32[np.ndarray, "token dim"]) -> Float32[np.ndarray, "token dim"]:
    """The vectors at length 1; one of length 0 stays as it is."""
    length = np.sqrt(reduce(np.square(vectors), "token dim -> token 1", "sum"))
    unit: Float32[np.ndarray, "token dim"] = vectors / np.where(length > 0, length, 1)
    return unit
