"""Mean and variance of any number of measurements, with only the mean and the squares held.

Welford 1962, "Note on a method for calculating corrected sums of squares and products"; parts put
together as in Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance", eq. 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

Entries = Float64[np.ndarray, "*entry"]


@dataclass(frozen=True, slots=True, eq=False)
class RunningMoments:
    """What is known of each entry after some pictures: how many had a number there, and its spread.

    `squares` is the sum of squared distances from the mean. An entry that no picture has a number
    for has a count of 0 and is NaN in every result.
    """

    count: Int64[np.ndarray, "*entry"]
    mean: Entries
    squares: Entries

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the entries."""
        return self.mean.shape

    @property
    def average(self) -> Entries:
        """The mean of each entry; NaN without a number."""
        return _where(self.count > 0, self.mean)

    @property
    def variance(self) -> Entries:
        """The unbiased variance over pictures; NaN below two of them."""
        return _where(self.count > 1, self.squares / np.maximum(self.count - 1, 1))

    @property
    def standard_error(self) -> Entries:
        """How far the mean may be off: the standard deviation over the root of the count."""
        found: Entries = np.sqrt(self.variance / np.maximum(self.count, 1))
        return found

    def with_values(self, values: Float64[np.ndarray, "*entry"]) -> RunningMoments:
        """The same after one more measurement; entries that are not finite have none.

        ValueError for another shape.
        """
        if values.shape != self.shape:
            raise ValueError(f"measured {values.shape}, but so far it was {self.shape}")
        there = np.isfinite(values)
        count = self.count + there
        apart = np.where(there, values - self.mean, 0.0)
        mean = self.mean + apart / np.maximum(count, 1)
        squares = self.squares + apart * np.where(there, values - mean, 0.0)
        return RunningMoments(count, mean, squares)

    def merged(self, other: RunningMoments) -> RunningMoments:
        """Of both parts together. ValueError for another shape."""
        if other.shape != self.shape:
            raise ValueError(f"one part measured {self.shape}, another {other.shape}")
        count = self.count + other.count
        safe = np.maximum(count, 1)
        apart = other.mean - self.mean
        mean = self.mean + apart * (other.count / safe)
        both = self.squares + other.squares + np.square(apart) * (self.count * (other.count / safe))
        return RunningMoments(count, mean, both)


def no_moments(shape: tuple[int, ...]) -> RunningMoments:
    """Before the first measurement of this shape."""
    return RunningMoments(np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape))


def _where(there: np.ndarray, values: Entries) -> Entries:
    found: Entries = np.where(there, values, np.nan)
    return found
