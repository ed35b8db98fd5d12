"""How well patches that somebody painted meet a map: the share inside, and the best intersection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True, slots=True)
class PaintedOverlap:
    """Painted patches against the weights of all patches.

    `share` is what of the weights lies inside the painted patches, `even` what would if all were
    equal. `iou` is the largest intersection over union with the patches at or above a threshold,
    over all thresholds; that of `threshold`, above which `above` patches lie.
    """

    share: float
    even: float
    iou: float
    threshold: float
    above: int


def painted_overlap(
    weights: Float[np.ndarray, "patch"], painted: Bool[np.ndarray, "patch"]
) -> PaintedOverlap:
    """Compares them. ValueError where nothing is painted or the weights sum to nothing.

    >>> import numpy as np
    >>> from vitviz.core.measures.painted_overlap import painted_overlap
    >>> found = painted_overlap(np.array([0.5, 0.3, 0.1, 0.1]), np.array([True, False, True, False]))
    >>> round(found.share, 2), found.even, round(found.iou, 2), found.above
    (0.6, 0.5, 0.5, 1)
    """
    total, count = float(weights.sum()), int(painted.sum())
    if not count or total <= 0:
        raise ValueError("nothing is painted, or there is no weight to be inside of it")
    order = np.argsort(-weights, kind="stable")
    falling, hit = weights[order], painted[order]
    inside = np.cumsum(hit)
    size = np.arange(1, len(order) + 1)
    ious = inside / (size + count - inside)
    ends = np.append(
        falling[1:] < falling[:-1], True
    )  # equal weights lie above a threshold together
    best = int(np.argmax(np.where(ends, ious, -1.0)))
    return PaintedOverlap(
        float(weights[painted].sum()) / total,
        count / len(weights),
        float(ious[best]),
        float(falling[best]),
        best + 1,
    )
