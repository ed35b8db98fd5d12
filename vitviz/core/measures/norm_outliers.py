"""Which tokens' vectors are much longer than those of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

NORMAL = 1.4826
"""The median distance from the median, times this, is the standard deviation of a normal spread."""


@dataclass(frozen=True, slots=True, eq=False)
class NormOutliers:
    """What sticks out of so many lengths."""

    which: Bool[np.ndarray, "patch"]
    median: float
    spread: float

    @property
    def count(self) -> int:
        """How many do."""
        return int(self.which.sum())


def norm_outliers(lengths: Float32[np.ndarray, "patch"], threshold: float) -> NormOutliers:
    """Those longer than the median by more than `threshold` deviations, both robust, so that outliers
    do not set the measure by which they are judged.
    """
    median = float(np.median(lengths))
    spread = float(NORMAL * np.median(np.abs(lengths - median)))
    which = lengths > median + threshold * spread if spread > 0 else np.zeros(len(lengths), bool)
    return NormOutliers(which, median, spread)
