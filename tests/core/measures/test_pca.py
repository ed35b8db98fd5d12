"""Principal components against numpy's covariance, with signs that do not move."""

from __future__ import annotations

import numpy as np
import pytest

from vitviz.core.measures.pca import components, projected, threshold


@pytest.fixture(scope="module")
def samples():
    random = np.random.default_rng(1)
    return (random.standard_normal((60, 5)) * [5, 3, 1, 0.5, 0.1] + 7).astype(np.float32)


def test_they_are_the_eigenvectors_of_the_covariance(samples):
    found, mean, shares = components(samples, 3)
    values, vectors = np.linalg.eigh(np.cov(samples.astype(np.float64).T))
    for index in range(3):
        assert abs(found[index] @ vectors[:, -1 - index]) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(shares, values[::-1][:3] / values.sum(), rtol=1e-6)
    np.testing.assert_allclose(mean, samples.mean(0), rtol=1e-5)
    spread = projected(samples, found, mean).var(axis=0, ddof=1)
    np.testing.assert_allclose(spread, values[::-1][:3], rtol=1e-6)


def test_signs_stay_whatever_the_order_of_the_samples(samples):
    one, *_ = components(samples, 3)
    other, *_ = components(samples[::-1].copy(), 3)
    np.testing.assert_allclose(one, other, atol=1e-8)
    assert all(each[np.abs(each).argmax()] > 0 for each in one)


def test_only_the_kept_ones_are_fitted(samples):
    kept = np.arange(60) % 2 == 0
    found, mean, _ = components(samples, 2, kept)
    alone, own, _ = components(samples[kept], 2)
    np.testing.assert_allclose(found, alone)
    np.testing.assert_allclose(mean, own)


def test_too_few_samples_have_fewer_components():
    found, _, shares = components(np.array([[1.0, 2.0]], np.float32), 3)
    assert found.shape == (3, 2)
    assert not found[1:].any()
    assert np.isfinite(shares).all()


def test_the_threshold_parts_two_heaps():
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(0, 0.3, 40), random.normal(5, 0.3, 20)])
    assert 1 < threshold(values) < 4
    assert threshold(np.ones(4)) == 1


@pytest.mark.parametrize("shape", [(9, 40), (40, 9)])
def test_few_and_many_samples_agree_with_the_singular_values(shape):
    random = np.random.default_rng(3)
    samples = (random.standard_normal(shape) * np.linspace(3, 1, shape[1])).astype(np.float32)
    found, _, shares = components(samples, 4)
    apart = samples.astype(np.float64) - samples.astype(np.float64).mean(0)
    _, lengths, own = np.linalg.svd(apart, full_matrices=False)
    np.testing.assert_allclose(np.abs(np.sum(found * own[:4], axis=1)), 1, atol=1e-9)
    np.testing.assert_allclose(shares, np.square(lengths[:4]) / np.square(lengths).sum())
