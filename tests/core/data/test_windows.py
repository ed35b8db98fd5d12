"""Windows as lists of tokens: shifted, padded, spread; and as rectangles in the picture."""

from __future__ import annotations

import numpy as np
import pytest

from vitviz.core.data.geometry import Box, TokenGrid
from vitviz.core.data.windows import PADDING, TokenWindows, boxes_of, combs, shifted, squares, whole


def test_every_token_is_in_one_window_with_its_neighbours():
    windows = squares(whole(6, 8), (3, 4))
    assert sorted(windows.ravel()) == list(range(48))
    for window in windows:
        rows, cols = np.divmod(window, 8)
        assert (np.ptp(rows), np.ptp(cols)) == (2, 3)


def test_what_reaches_over_the_edge_is_padding():
    windows = squares(whole(5, 5), (4, 4))
    assert windows.shape == (4, 16)
    assert (windows == PADDING).sum() == 64 - 25


def test_a_shifted_window_does_not_join_opposite_edges():
    windows = shifted(whole(8, 8), (4, 4), (2, 2))
    corner = windows.seen_from(0)
    assert list(corner) == [0, 1, 8, 9]
    assert list(windows.seen_from(63)) == [54, 55, 62, 63]
    assert len(windows.seen_from(8 * 3 + 3)) == 16
    for token in range(64):
        for other in windows.seen_from(token):
            assert token in windows.seen_from(other)
            assert token in windows.seeing(other)


def test_a_comb_takes_tokens_at_equal_steps():
    windows = combs(whole(6, 4), (3, 2))
    for window in windows:
        rows, cols = np.divmod(np.sort(window), 4)
        assert set(np.diff(np.unique(rows))) == {2}
        assert set(np.diff(np.unique(cols))) == {2}


def test_pooled_queries_and_their_keys_find_each_other():
    windows = TokenWindows(np.array([[0, 1], [2, 3]]), np.array([[0, 1, 2, 3], [4, 5, 6, 7]]))
    assert list(windows.seen_from(1)) == [0, 1, 2, 3]
    assert list(windows.seeing(6)) == [2, 3]
    assert list(windows.seen_from(9)) == []


@pytest.mark.parametrize(
    ("tokens", "boxes"),
    [
        ([0, 1, 4, 5], (Box(0, 0, 20, 20),)),
        ([0, 1, 4, 5, 6], (Box(0, 0, 10, 20), Box(10, 0, 20, 30))),
        ([0, 2, 8], (Box(0, 0, 10, 10), Box(0, 20, 10, 30), Box(20, 0, 30, 10))),
        ([0, 8], (Box(0, 0, 10, 10), Box(20, 0, 30, 10))),
        ([], ()),
    ],
)
def test_tokens_are_outlined_by_few_rectangles(tokens, boxes):
    assert boxes_of(tokens, TokenGrid(3, 4, (10, 10))) == boxes


def test_rectangles_leave_prefix_tokens_out():
    grid = TokenGrid(2, 2, (8, 4), ("class",))
    assert boxes_of([0, 1, 3], grid) == (Box(0, 0, 16, 4),)
