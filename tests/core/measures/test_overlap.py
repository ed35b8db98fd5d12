"""Maps over each other, measured pixel by pixel the slow way, agree with what core says of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitviz.core.data.geometry import Box, Crop, Spot, TokenGrid
from vitviz.core.data.selection import Place, Selection
from vitviz.core.measures.overlap import (
    Seen,
    carried,
    correlation,
    density,
    intersection,
    jensen_shannon,
    overlap,
    pooled,
    resized,
)
from vitviz.core.progress import Unsupported


def seen(rows, cols, patch, *, original=(96, 96), scale=1.0, offset=(0.0, 0.0)):
    model = (rows * patch, cols * patch)
    return Seen(
        TokenGrid(rows, cols, (patch, patch)), Crop(original, model, (scale, scale), offset)
    )


def pixels_of(where, values):
    """The map at every pixel of the original, token by token the slow way; NaN where not seen."""
    rows, cols = where.crop.original
    found = np.full((rows, cols), np.nan)
    for row in range(rows):
        for col in range(cols):
            token = where.grid.at(where.crop.to_model(Spot(row + 0.5, col + 0.5)))
            if token is not None:
                found[row, col] = values[where.grid.place(token)]
    return found


CASES = {
    "patch 16 and 8": (seen(6, 6, 16), seen(12, 12, 8)),
    "patch 16 and 12": (seen(6, 6, 16), seen(8, 8, 12)),
    "another crop": (seen(6, 6, 16), seen(4, 4, 16, offset=(-16, -16))),
    "half the size": (seen(6, 6, 16), seen(6, 6, 8, scale=0.5)),
    "padding": (seen(6, 6, 16), seen(8, 8, 16, offset=(16, 16))),
}


@pytest.mark.parametrize("case", CASES)
def test_numbers_are_those_of_the_pixels(case):
    one, other = CASES[case]
    random = np.random.default_rng(3)
    first, second = (
        random.random((each.grid.rows, each.grid.cols)).astype(np.float32) for each in (one, other)
    )
    shared = overlap(one, other)
    a, b, weights = shared.one(first), shared.other(second), shared.weights
    slow_a, slow_b = pixels_of(one, first), pixels_of(other, second)
    both = np.isfinite(slow_a) & np.isfinite(slow_b)
    p, q = slow_a[both] / slow_a[both].sum(), slow_b[both] / slow_b[both].sum()
    assert shared.share == pytest.approx(both.mean())
    assert correlation(a, b, weights) == pytest.approx(np.corrcoef(p, q)[0, 1], abs=1e-9)
    assert intersection(a, b, weights) == pytest.approx(np.minimum(p, q).sum())
    middle = (p + q) / 2
    information = (p * np.log2(p / middle)).sum() / 2 + (q * np.log2(q / middle)).sum() / 2
    assert jensen_shannon(a, b, weights) == pytest.approx(math.sqrt(information))
    np.testing.assert_allclose((density(a, weights) * weights).sum(), 1)


@pytest.mark.parametrize("case", CASES)
def test_the_drawn_raster_is_the_same_map(case):
    one, other = CASES[case]
    values = np.arange(other.grid.rows * other.grid.cols, dtype=np.float32)
    values = values.reshape(other.grid.rows, other.grid.cols)
    shared = overlap(one, other)
    drawn, box = shared.evenly(shared.other(values)), shared.box(one.crop)
    slow = pixels_of(other, values)
    for row in range(2, 96, 7):
        for col in range(3, 96, 7):
            spot = one.crop.to_model(Spot(row + 0.5, col + 0.5))
            if box.contains(spot):
                down = int((spot.row - box.top) / box.height * drawn.shape[0])
                across = int((spot.col - box.left) / box.width * drawn.shape[1])
                assert drawn[down, across] == slow[row, col]


def test_a_raster_is_as_coarse_as_the_edges_allow():
    shared = overlap(*CASES["patch 16 and 12"])
    assert len(shared.rows.one) == 12
    assert shared.evenly(shared.weights).shape == (24, 24)
    same = overlap(seen(6, 6, 16), seen(6, 6, 16))
    assert same.evenly(same.weights).shape == (6, 6)
    assert same.box(seen(6, 6, 16).crop) == Box(0, 0, 96, 96)


def test_crops_that_do_not_meet_are_refused():
    left = seen(2, 2, 16)
    right = seen(2, 2, 16, offset=(-64, -64))
    with pytest.raises(Unsupported, match="no part of the picture in common"):
        overlap(left, right)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9), st.integers(1, 9), st.floats(0.3, 2), st.floats(-20, 20), st.integers(0, 99)
)
def test_alike_and_unalike(one_rows, other_rows, scale, shift, seed):
    one = seen(one_rows, one_rows, 96 / one_rows)
    other = seen(
        other_rows, other_rows, 96 * scale / other_rows, scale=scale, offset=(shift, shift)
    )
    try:
        shared = overlap(one, other)
    except Unsupported:
        return
    weights = shared.weights
    random = np.random.default_rng(seed)
    a = shared.one(random.random((one_rows, one_rows)).astype(np.float32) + 0.01)
    b = shared.other(random.random((other_rows, other_rows)).astype(np.float32) + 0.01)
    assert weights.sum() == pytest.approx(1)
    assert intersection(a, 7 * a, weights) == pytest.approx(1)
    assert jensen_shannon(a, 7 * a, weights) == pytest.approx(0, abs=1e-6)
    assert 0 <= jensen_shannon(a, b, weights) == pytest.approx(jensen_shannon(b, a, weights))
    assert intersection(a, b, weights) == pytest.approx(intersection(b, a, weights))
    found = correlation(a, b, weights)
    assert math.isnan(found) or -1 - 1e-9 <= found <= 1 + 1e-9
    if len(np.unique(a)) > 1:
        assert correlation(a, 2 * a + 1, weights) == pytest.approx(1)


def test_nothing_in_common():
    weights = np.full((1, 2), 0.5)
    left, right = np.array([[1.0, 0.0]]), np.array([[0.0, 3.0]])
    assert intersection(left, right, weights) == 0
    assert jensen_shannon(left, right, weights) == 1
    assert correlation(left, right, weights) == pytest.approx(-1)
    assert math.isnan(correlation(left, np.ones((1, 2)), weights))


def test_what_is_no_distribution_is_refused():
    weights = np.full((1, 2), 0.5)
    with pytest.raises(Unsupported, match="negative"):
        density(np.array([[1.0, -0.5]]), weights)
    with pytest.raises(Unsupported, match="zero wherever"):
        density(np.zeros((1, 2)), weights)


@pytest.mark.parametrize("case", CASES)
def test_tokens_of_two_grids_are_averaged_by_area_over_the_coarser_one(case):
    one, other = CASES[case]
    shared = overlap(one, other)
    rows = shared.rows.parts(one.grid.rows, other.grid.rows)
    cols = shared.cols.parts(one.grid.cols, other.grid.cols)
    for side, where in enumerate((one, other)):
        values = np.random.default_rng(side).random((where.grid.rows, where.grid.cols))
        features = values.astype(np.float32).reshape(1, -1, 1)
        found = pooled(features, where.grid, rows[side], cols[side])
        assert found.shape == (1, len(rows[0]) * len(cols[0]), 1)
        np.testing.assert_allclose(rows[side].sum(1), 1)
        coarse = one if one.grid.patch[0] / one.crop.scale[0] >= 16 else other
        expected = _mean_by_pixel(pixels_of(where, values), one, other, coarse)
        np.testing.assert_allclose(found.ravel(), expected, atol=1e-5)


def _mean_by_pixel(pixels, one, other, coarse):
    """Means over the pixels of each coarse token that both models saw."""
    numbers = np.arange(coarse.grid.rows * coarse.grid.cols, dtype=float)
    token = pixels_of(coarse, numbers.reshape(coarse.grid.rows, coarse.grid.cols))
    for each in (one, other):
        token[np.isnan(pixels_of(each, np.zeros((each.grid.rows, each.grid.cols))))] = np.nan
    return [pixels[token == number].mean() for number in numbers if (token == number).any()]


def test_many_tokens_are_put_together():
    fine = seen(96, 96, 1)
    shared = overlap(fine, fine)
    rows, _ = shared.rows.parts(96, 96)
    assert rows.shape == (32, 96)
    np.testing.assert_allclose(rows.sum(0), 1 / 3)


def test_a_place_in_another_picture_is_the_same_share_of_it():
    here, there = Crop((100, 200), (64, 64), (1, 1)), Crop((50, 400), (64, 64), (1, 1))
    chosen = Selection(pin=Place(Spot(40, 50)), hover=Place(Spot(100, 200)), depth=0.5, head=1)
    moved = carried(chosen, here, there)
    assert moved.pin == Place(Spot(20, 100))
    assert moved.hover == Place(Spot(50, 400))
    assert (moved.depth, moved.head) == (0.5, 1)
    assert carried(chosen, here, here) is chosen
    seen_there = replace(there, offset=(3.0, -5.0))
    as_here = resized(seen_there, here.original)
    assert as_here.to_model(Spot(40, 50)) == seen_there.to_model(Spot(20, 100))
    named = Selection(pin=Place(prefix="class"))
    assert carried(named, here, there) == named
