"""A map against a mark: share inside, pointing game and overlap, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vitviz.core.data.geometry import Box, TokenGrid
from vitviz.core.measures.marks import box_coverage, mark_fit, mask_coverage, quarter_share
from vitviz.core.progress import VitvizError

GRID = TokenGrid(2, 3, (10, 10), ("class",))


def test_a_box_covers_patches_by_their_area():
    covered = box_coverage(Box(0, 5, 10, 20), GRID)
    assert covered.tolist() == [0.5, 1, 0, 0, 0, 0]
    mask = np.zeros((20, 30), bool)
    mask[0:10, 5:20] = True
    assert mask_coverage(mask, GRID).tolist() == covered.tolist()


def test_marks_that_touch_nothing_are_refused():
    with pytest.raises(VitvizError, match="outside"):
        box_coverage(Box(40, 40, 50, 50), GRID)
    with pytest.raises(VitvizError, match="empty"):
        mask_coverage(np.zeros((20, 30), bool), GRID)


def test_how_a_map_lies_to_a_mark():
    covered = np.array([1, 1, 0, 0, 0, 0.0])
    found = mark_fit(np.array([3, 1, -5, 2, 0, 0], np.float32), covered)
    assert found.inside == pytest.approx(4 / 6)  # what is below zero counts for nothing
    assert found.hit
    # {3}: 1 of 2; {3, 2}: 1 of 3; {3, 2, 1}: 2 of 3; more are worse
    assert found.overlap == pytest.approx(2 / 3)
    assert found.threshold == 1
    assert found.by_area == pytest.approx(1 / 3)
    assert "67%" in found.words()


def test_equal_values_are_taken_together():
    found = mark_fit(np.ones(6, np.float32), np.array([1, 0, 0, 0, 0, 0.0]))
    assert found.overlap == pytest.approx(1 / 6)


def test_the_share_in_a_quarter_of_a_mosaic():
    grid = TokenGrid(4, 4, (16, 16))
    values = np.zeros((4, 4), np.float32)
    values[:2, 2:] = 3
    values[3, 3] = 4
    values[0, 0] = -9
    assert quarter_share(values.ravel(), grid, 0, 1) == pytest.approx(12 / 16)
    assert quarter_share(np.zeros(16, np.float32), grid, 0, 1) == 0.25
