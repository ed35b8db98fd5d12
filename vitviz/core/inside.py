"""What goes on inside a block and at a model's entrance, measured in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a block: what it is called, the axes of its result, and statistics of all of it."""

    name: str
    axes: str
    shape: tuple[int, ...]
    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One block, step by step, and for every token the lengths of what it receives and adds.

    `before` is the residual stream at the block's entrance, `attention` and `mlp` what the two add to
    it, `after` the stream behind it.
    """

    name: str
    steps: tuple[Step, ...]
    before: Float32[np.ndarray, "token"]
    attention: Float32[np.ndarray, "token"]
    mlp: Float32[np.ndarray, "token"]
    after: Float32[np.ndarray, "token"]


@dataclass(frozen=True, slots=True, eq=False)
class Stem:
    """A patch embedding that is a convolution whose stride is its kernel, and the same as a matrix.

    `difference` is the largest between the convolution's own output and the linear layer over
    rearranged patches, `largest` the largest output. `tokens` is the output.
    """

    kernel: Float32[np.ndarray, "dim rgb row col"]
    bias: Float32[np.ndarray, "dim"] | None
    tokens: Float32[np.ndarray, "patch dim"]
    difference: float
    largest: float
