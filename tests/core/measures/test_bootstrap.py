"""Intervals over pictures, against what is known of a mean."""

from __future__ import annotations

import numpy as np
import pytest

from vitviz.core.measures.bootstrap import mean_interval


def test_an_interval_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(3, 2, 400)
    found = mean_interval(values)
    assert found.mean == pytest.approx(values.mean())
    half = 1.96 * values.std(ddof=1) / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert found.count == 400


def test_what_is_missing_is_left_out():
    found = mean_interval(np.array([1.0, np.nan, 3.0]))
    assert (found.mean, found.count) == (2.0, 2)
    assert 1 <= found.low <= found.high <= 3
    assert mean_interval(np.array([np.nan])).count == 0
