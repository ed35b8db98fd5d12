"""How alike vectors are: position embeddings, features, filters."""

from __future__ import annotations

import numpy as np
from einops import reduce
from jaxtyping import Float32


def cosine(vectors: Float32[np.ndarray, "token dim"]) -> Float32[np.ndarray, "token token"]:
    """The cosine of the angle between every two vectors, -1 to 1; 0 with a vector of length 0."""
    length = np.sqrt(reduce(np.square(vectors), "token dim -> token 1", "sum"))
    unit = vectors / np.where(length > 0, length, 1)
    alike: Float32[np.ndarray, "token token"] = np.clip(unit @ unit.T, -1, 1)
    return alike
