"""Principal components whose signs do not depend on chance."""

from __future__ import annotations

import numpy as np
from einops import rearrange, reduce
from jaxtyping import Bool, Float32, Float64

SampleMatrix = Float32[np.ndarray, "sample dim"]


def components(
    samples: SampleMatrix, count: int, kept: Bool[np.ndarray, "sample"] | None = None
) -> tuple[
    Float64[np.ndarray, "component dim"], Float64[np.ndarray, "dim"], Float64[np.ndarray, "share"]
]:
    """The directions in which samples (only those `kept`) vary most, around which mean, and the share
    of the variance of each.

    A direction's sign is such that its largest entry is positive, so that colours stay the same.
    Components that the samples do not have are zero.
    """
    used = (samples if kept is None else samples[kept]).astype(np.float64)
    mean = reduce(used, "sample dim -> dim", "mean")
    apart = used - mean
    found, squares = _directions(apart, count)
    largest = np.take_along_axis(found, np.abs(found).argmax(1)[:, None], axis=1)
    found = found * np.where(largest < 0, -1.0, 1.0)
    missing = max(count - len(found), 0)
    padded = np.pad(found, ((0, missing), (0, 0)))
    shares = np.pad(squares / (np.square(apart).sum() or 1.0), (0, missing))
    return padded, mean, shares


def _directions(
    apart: Float64[np.ndarray, "sample dim"], count: int
) -> tuple[Float64[np.ndarray, "component dim"], Float64[np.ndarray, "component"]]:
    """The first directions of samples around 0, with the sum of squares along each.

    From the eigenvectors of the smaller of both products, which is many times faster than the
    singular values of all samples.
    """
    few = apart.shape[0] < apart.shape[1]
    squares, vectors = np.linalg.eigh(apart @ apart.T if few else apart.T @ apart)
    squares, vectors = squares[::-1][:count], vectors[:, ::-1][:, :count]
    real = squares > 1e-12 * max(squares[0], 0.0)
    found = rearrange(apart.T @ vectors if few else vectors, "dim component -> component dim")
    found = found[real]
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.where(length > 0, length, 1.0), squares[real]


def projected(
    samples: SampleMatrix,
    directions: Float64[np.ndarray, "component dim"],
    mean: Float64[np.ndarray, "dim"],
) -> Float64[np.ndarray, "sample component"]:
    """Where samples lie along the directions."""
    found: Float64[np.ndarray, "sample component"] = (samples - mean) @ rearrange(
        directions, "component dim -> dim component"
    )
    return found


def threshold(values: Float64[np.ndarray, "sample"]) -> float:
    """The value that parts samples into two groups whose means lie apart most (Otsu 1979)."""
    ordered = np.sort(values)
    count = len(ordered)
    if count < 2 or ordered[0] == ordered[-1]:
        return float(ordered[0]) if count else 0.0
    below = np.arange(1, count)
    sums = np.cumsum(ordered)
    low, high = sums[:-1] / below, (sums[-1] - sums[:-1]) / (count - below)
    between = below * (count - below) * np.square(high - low)
    best = int(np.argmax(between))
    return float((ordered[best] + ordered[best + 1]) / 2)
