"""What goes on inside a block and at a model's entrance, measured in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True, slots=True)
class BlockStep:
    """One step of a block: what it is called, the axes of its result, and statistics of all of it."""

    name: str
    axes: str
    shape: tuple[int, ...]
    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class BlockSteps:
    """One block, step by step, and for every token the lengths of what it receives and adds.

    `before` is the residual stream at the block's entrance, `attention` and `mlp` what the two add to
    it, `after` the stream behind it; `words` is what a TNT's words add before attention.
    """

    name: str
    steps: tuple[BlockStep, ...]
    before: Float32[np.ndarray, "token"]
    attention: Float32[np.ndarray, "token"]
    mlp: Float32[np.ndarray, "token"]
    after: Float32[np.ndarray, "token"]
    words: Float32[np.ndarray, "token"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PatchStem:
    """The convolution that the pixels meet first, and the same as a matrix over its windows.

    `difference` is the largest between the convolution's own output and the linear layer over the
    windows, `largest` the largest output. `tokens` is the output, a row for each window. `step` and
    `padding` are its own (rows, columns).
    """

    kernel: Float32[np.ndarray, "dim rgb row col"]
    bias: Float32[np.ndarray, "dim"] | None
    tokens: Float32[np.ndarray, "window dim"]
    difference: float
    largest: float
    step: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    @property
    def patches(self) -> bool:
        """Whether the windows are patches: beside each other, none overlapping another."""
        return self.step == self.kernel.shape[2:] and self.padding == (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class LayerVectors:
    """What meets in a layer's attention: its rows are softmax(`scale` · query keyᵀ), plus a bias.

    `biased` says whether something is added to the scores, by place or as a mask; `bias` is what,
    None where it is no numbers (a mask) or nothing.
    """

    query: Float32[np.ndarray, "head token dim"]
    key: Float32[np.ndarray, "head token dim"]
    value: Float32[np.ndarray, "head token dim"]
    scale: float
    biased: bool
    bias: Float32[np.ndarray, "head token key"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SequenceStart:
    """What the first block reads: learned tokens, then the patches, plus a vector for each place.

    `prefix` are the learned vectors by the names of the grid's prefix tokens, in its order, `patches`
    what the patch embedding gives, `positions` what is added to every token (zeros where nothing is),
    None where the model adds no such table. `tokens` is what the first block (or the norm before it)
    is given, `difference` the largest difference of the sum from it, `largest` its largest number.
    """

    prefix: Float32[np.ndarray, "prefix dim"]
    patches: Float32[np.ndarray, "patch dim"]
    positions: Float32[np.ndarray, "token dim"] | None
    tokens: Float32[np.ndarray, "token dim"]
    difference: float
    largest: float

    @property
    def joined(self) -> Float32[np.ndarray, "token dim"]:
        """Prefix tokens and patches in one sequence, before anything is added."""
        return np.concatenate([self.prefix, self.patches])
