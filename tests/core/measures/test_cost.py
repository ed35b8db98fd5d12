"""What a patch size costs, counted by hand, and what does not fit said with what does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vitviz.core.measures.cost import (
    ModelDimensions,
    check_divides,
    cost,
    divisors,
    note,
    patch_sizes,
)
from vitviz.core.progress import Unsupported

TINY = ModelDimensions("tiny", 16, (224, 224), 12, 192, 1, 12 * 12 * 192**2, (16,))


def test_tokens_and_compute_by_hand():
    own, fine = cost(TINY), cost(TINY, 8)
    assert (own.tokens, own.grid, own.relative) == (197, (14, 14), 1)
    assert (fine.tokens, fine.grid) == (785, (28, 28))
    by_hand = [
        3 * 192 * 224**2 + tokens * 12 * 12 * 192**2 + 2 * 12 * tokens**2 * 192
        for tokens in (197, 785)
    ]
    assert (own.compute, fine.compute) == tuple(by_hand)
    assert fine.relative == pytest.approx(by_hand[1] / by_hand[0])
    assert cost(TINY, 8, (112, 112)).tokens == 197
    assert cost(TINY, 8, (64, 112)).grid == (8, 14)


def test_what_does_not_divide_is_refused_with_what_does():
    with pytest.raises(
        Unsupported, match=r"take patch 4, 7, 8, 14, 16.*a picture of 216 or 228 pixels"
    ):
        cost(TINY, 12)
    with pytest.raises(Unsupported, match="take patch none, or a picture of 14 pixels"):
        check_divides(7, (13, 13))


def test_patch_sizes_divide_both_sides():
    assert divisors((96, 96)) == (4, 6, 8, 12, 16, 24, 32, 48)
    assert divisors((64, 96)) == (4, 8, 16, 32)
    assert patch_sizes(TINY, (240, 240))[-3:] == (60, 80, 120)
    stuck = replace(TINY, fixed="its patches stay")
    assert patch_sizes(stuck) == (16,)
    assert patch_sizes(stuck, (100, 100)) == ()
    with pytest.raises(Unsupported, match="its patches stay"):
        cost(stuck, 8)


def test_what_was_not_trained_is_said():
    assert note(TINY, 16) == ""
    assert note(TINY, 8) == "patch 8 resampled from 16, not trained at this size"
    flexible = replace(TINY, trained=(8, 16, 32))
    assert note(flexible, 32) == ""
    assert "7 was not among the trained ones (8, 16, 32)" in note(flexible, 7)
