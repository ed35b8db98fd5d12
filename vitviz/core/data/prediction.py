"""What a model's head says of a class: its number, its printed name, its logit and what that means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

Scores = Literal["softmax", "sigmoid", "cosine"]
"""How answers are read: one class of several, each class yes or no by itself, or as they are."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class and what the head says of it.

    A class is its `index` in the head, whatever it is called: two may share a name. `name` is for
    printing alone. `share` is the softmax over all classes, or this logit's sigmoid
    (`ModelInfo.scores`).
    """

    index: int
    name: str
    share: float
    logit: float


def scored(
    logits: Float[np.ndarray, "*more label"], scores: Scores
) -> Float32[np.ndarray, "*more label"]:
    """Logits as probabilities: over all classes together, or each by itself; cosines as they are."""
    values = np.asarray(logits, np.float32)
    if scores == "sigmoid":
        # By the tanh: neither end overflows.
        each: Float32[np.ndarray, "*more label"] = 0.5 + 0.5 * np.tanh(0.5 * values)
        return each
    if scores == "cosine":
        return values
    shifted = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Float32[np.ndarray, "*more label"] = shifted / shifted.sum(axis=-1, keepdims=True)
    return shares


@lru_cache(maxsize=16)
def distinct_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Class names of which none is another's: shared ones get their number behind them."""
    counted = Counter(names)
    return tuple(
        name if counted[name] == 1 else f"{name} (class {index})"
        for index, name in enumerate(names)
    )


def synset_names(synsets: Sequence[str]) -> tuple[str, ...]:
    """The first word of each synset ("maillot, tank suit"); a shared one gets the second behind it,
    where that tells them apart, else its number.
    """
    words = [tuple(part.strip() for part in synset.split(",")) for synset in synsets]
    counted = Counter(each[0] for each in words)
    told = [
        f"{first} ({rest[0]})" if counted[first] > 1 and rest else first for first, *rest in words
    ]
    return distinct_names(tuple(told))


def class_name(names: Sequence[str], index: int) -> str:
    """What to print for a class; its number where nobody named it."""
    return names[index] if index < len(names) else f"class {index}"


def share_words(prediction: Prediction, classes: int, scores: Scores) -> str:
    """A prediction's probability, with its logit where one class is all there is to choose; a cosine
    as it is.
    """
    if scores == "cosine":
        return f"cosine {prediction.share:.3f}"
    share = percent(prediction.share)
    if classes > 1:
        return share
    return f"logit {prediction.logit:.2f}, sigmoid {share}"


def percent(share: float) -> str:
    """A probability with as many digits as tell it from nothing."""
    if share < 0.0001:
        return "< 0.01%"
    return f"{share:.1%}" if share >= 0.01 else f"{share:.2%}"
