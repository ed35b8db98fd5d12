"""The overlap of what was painted with a map, by sets at every threshold."""

from __future__ import annotations

import numpy as np
import pytest

from vitviz.core.measures.painted_overlap import painted_overlap


@pytest.mark.parametrize("seed", range(5))
def test_the_best_threshold_is_found(seed):
    random = np.random.default_rng(seed)
    weights = random.integers(0, 8, 30) / 8 + 0.01  # with many equal ones
    painted = random.random(30) < 0.3
    painted[0] = True
    found = painted_overlap(weights, painted)
    best = {}
    for level in np.unique(weights):
        above = weights >= level
        best[level] = (above & painted).sum() / (above | painted).sum()
    assert found.iou == pytest.approx(max(best.values()))
    assert best[found.threshold] == pytest.approx(found.iou)
    assert found.above == (weights >= found.threshold).sum()
    assert found.share == pytest.approx(weights[painted].sum() / weights.sum())
    assert found.even == painted.mean()


def test_who_paints_just_the_map_has_all_of_it():
    weights = np.array([0.4, 0.4, 0.0, 0.0, 0.2])
    found = painted_overlap(weights, weights > 0)
    assert (found.share, found.iou, found.above) == (pytest.approx(1), 1.0, 3)


def test_nothing_painted_is_no_overlap():
    with pytest.raises(ValueError, match="nothing is painted"):
        painted_overlap(np.ones(4), np.zeros(4, bool))
