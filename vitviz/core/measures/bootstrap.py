"""A mean over pictures with the interval that other pictures would have given it in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """A mean, and the 2.5 and 97.5 per cent ends of the means of pictures drawn again."""

    mean: float
    low: float
    high: float
    count: int


def mean_interval(
    values: Float64[np.ndarray, "picture"], *, draws: int = 2000, seed: int = 0
) -> MeanInterval:
    """The bootstrap's percentile interval over pictures; NaN where there is no number.

    Efron 1979, Bootstrap Methods, Annals of Statistics 7.
    """
    there = values[np.isfinite(values)]
    if not len(there):
        nan = float("nan")
        return MeanInterval(nan, nan, nan, 0)
    drawn = np.random.default_rng(seed).integers(0, len(there), (draws, len(there)))
    low, high = np.quantile(there[drawn].mean(axis=1), (0.025, 0.975))
    return MeanInterval(float(there.mean()), float(low), float(high), len(there))
