"""Inside a patch: how the words of a sentence look at each other in a TNT, layer by layer.

A *sentence* is a patch, a *word* one of the small patches that it is divided into (Han et al.,
"Transformer in Transformer", arXiv:2103.00112). Sentences are numbered as patches are, in reading
order without prefix tokens; words likewise inside their sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32


@runtime_checkable
class InnerAttention(Protocol):
    """One inner attention call: every word of a sentence looks at the words of the same sentence.

    Rows sum to 1. All results are float32 numpy arrays on the CPU, made when somebody looks.
    """

    @property
    def heads(self) -> int:
        """Number of heads."""

    @property
    def sentences(self) -> int:
        """Number of sentences."""

    @property
    def words(self) -> int:
        """Number of words in each sentence."""

    def maps(self, sentence: int) -> Float32[np.ndarray, "head query key"]:
        """Where every word of one sentence looks. IndexError for a sentence out of range."""

    def received(self, head: int | None = None) -> Float32[np.ndarray, "sentence word"]:
        """What each word is given by the words of its sentence, the mean over those that look; for
        one head, or the mean over heads. Each sentence sums to 1.
        """


@dataclass(frozen=True, slots=True)
class InnerLayer:
    """One recorded inner call; `name` is the module's path, `block` its index in depth."""

    name: str
    block: int
    attention: InnerAttention


@dataclass(frozen=True, slots=True, eq=False)
class InnerWords:
    """The inner level of a TNT's trace.

    `positions` are the word position embeddings, shared by all sentences. `reach` says what the
    words' convolution sees: the whole picture (they see over their patch's edges) or their patch
    alone; `kernel` and `stride` are that convolution's, in model pixels.
    """

    layers: tuple[InnerLayer, ...]
    reach: Literal["picture", "patch"]
    kernel: int
    stride: int
    positions: Float32[np.ndarray, "word dim"] | None = None
