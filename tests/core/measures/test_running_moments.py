"""Means and variances that were never held together equal numpy's over all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from vitviz.core.measures.running_moments import no_moments


def of(samples):
    found = no_moments(samples.shape[1:])
    for each in samples:
        found = found.with_values(each)
    return found


@given(
    some.lists(some.integers(0, 40), min_size=1, max_size=6),
    some.floats(-1e6, 1e6),
    some.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_parts_put_together_are_numpys_mean_and_variance(sizes, offset, seed):
    random = np.random.default_rng(seed)
    parts = [offset + random.normal(size=(size, 2, 3)) for size in sizes]
    every = np.concatenate(parts)
    found = no_moments((2, 3))
    for part in parts:
        found = found.merged(of(part))
    if len(every):
        np.testing.assert_allclose(found.average, every.mean(0), rtol=1e-12, atol=1e-9)
    if len(every) > 1:
        np.testing.assert_allclose(found.variance, every.var(0, ddof=1), rtol=1e-6)
        np.testing.assert_allclose(
            found.standard_error, every.std(0, ddof=1) / np.sqrt(len(every)), rtol=1e-6
        )


def test_an_entry_without_a_number_is_left_out_of_its_own_mean_only():
    found = of(np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.inf]]))
    np.testing.assert_array_equal(found.count, [2, 1, 0])
    np.testing.assert_array_equal(found.average, [2.0, 5.0, np.nan])
    np.testing.assert_array_equal(found.variance, [2.0, np.nan, np.nan])


def test_a_far_mean_does_not_eat_the_variance():
    """The sum of squares minus the square of the sum would be 0 or negative here."""
    samples = 1e9 + np.array([[0.0], [1.0], [2.0], [3.0]])
    np.testing.assert_allclose(of(samples).variance, [5 / 3], rtol=1e-9)


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"measured \(2,\), but so far it was \(3,\)"):
        no_moments((3,)).with_values(np.zeros(2))
    with pytest.raises(ValueError, match="another"):
        no_moments((3,)).merged(no_moments((2,)))
