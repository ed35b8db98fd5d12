"""CKA as the papers define it, written out with n x n matrices, and what must be true of it."""

from __future__ import annotations

import numpy as np
import pytest

from vitviz.core.data.geometry import Crop, TokenGrid
from vitviz.core.measures.cka import SampleBatch, cka, picture_batch, token_batch
from vitviz.core.measures.overlap import Seen
from vitviz.core.progress import Unsupported


def plain_hsic(x, y):
    """Song et al.'s unbiased estimate, straight from the formula in float64."""
    n = len(x)
    k, l = x @ x.T, y @ y.T  # noqa: E741
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    one = np.ones(n)
    value = np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2))
    return (value - 2 / (n - 2) * (one @ k @ l @ one)) / (n * (n - 3))


def plain_cka(pairs):
    """Means over the pairs before the ratio."""
    pairs = [(x.astype(np.float64), y.astype(np.float64)) for x, y in pairs]
    across = np.mean([plain_hsic(x, y) for x, y in pairs])
    first = np.mean([plain_hsic(x, x) for x, _ in pairs])
    second = np.mean([plain_hsic(y, y) for _, y in pairs])
    return across / np.sqrt(first * second)


def features(seed, layers, samples, dim):
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((layers, dim, dim)) / np.sqrt(dim)
    shared = random.standard_normal((samples, dim))
    return (shared @ mixing + random.standard_normal((layers, 1, dim))).astype(np.float32)


def rotation(seed, dim):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))[0]


def test_every_pair_of_layers_is_the_formula():
    batches = [SampleBatch(features(s, 3, 20, 8), features(s + 9, 2, 20, 5)) for s in range(3)]
    found = cka(batches)
    assert found.shape == (3, 2)
    for layer in range(3):
        for other in range(2):
            pairs = [(batch.one[layer], batch.other[other]) for batch in batches]
            assert found[layer, other] == pytest.approx(plain_cka(pairs), abs=1e-5)


def test_the_average_is_taken_before_the_ratio():
    batches = [
        SampleBatch(features(s, 1, 12, 6) * (1 + 3 * s), features(s + 5, 1, 12, 6))
        for s in range(2)
    ]
    together = cka(batches)[0, 0]
    apart = np.mean([cka([batch])[0, 0] for batch in batches])
    assert abs(together - apart) > 1e-3


def test_rotation_scale_and_shift_change_nothing():
    x = features(0, 2, 50, 16)
    y = 3 * (x @ rotation(1, 16).astype(np.float32)) + 7
    np.testing.assert_allclose(np.diag(cka([SampleBatch(x, y)])), 1, atol=1e-5)


def test_a_mean_that_dwarfs_the_rest_loses_no_digits():
    x = features(0, 1, 60, 16)
    found = cka([SampleBatch(x + 300, features(4, 1, 60, 16))])
    assert found[0, 0] == pytest.approx(
        cka([SampleBatch(x, features(4, 1, 60, 16))])[0, 0], abs=1e-4
    )


def test_what_is_independent_has_nothing_in_common():
    random = np.random.default_rng(0)
    found = [
        cka([SampleBatch(*random.standard_normal((2, 1, 40, 64)).astype(np.float32))])[0, 0]
        for _ in range(20)
    ]
    assert abs(np.mean(found)) < 0.02, "the biased estimate would be about 0.6 here"


def test_too_few_samples_are_refused():
    with pytest.raises(Unsupported, match="at least 4 samples, and there are 3"):
        cka([SampleBatch(features(0, 1, 3, 4), features(1, 1, 3, 4))])
    with pytest.raises(Unsupported, match="there are none"):
        cka([])


def test_a_layer_that_says_the_same_of_all_has_no_number():
    constant = np.ones((1, 9, 4), np.float32) * 0.3
    assert np.isnan(cka([SampleBatch(constant, features(1, 1, 9, 4))])).all()


def seen(rows, patch, prefix=("class",)):
    model = (rows * patch, rows * patch)
    return Seen(TokenGrid(rows, rows, (patch, patch), prefix), Crop(model, model, (1, 1)))


def test_tokens_are_the_samples_of_one_picture():
    where = seen(6, 16), seen(6, 16, ("class", "register 1"))
    one, other = features(0, 2, 37, 8), features(1, 3, 38, 5)
    batch = token_batch(one, other, where)
    assert (batch.one == one[:, 1:]).all()
    assert (batch.other == other[:, 2:]).all()
    finer = token_batch(one, features(2, 3, 145, 5), (where[0], seen(12, 8)))
    assert finer.one.shape == (2, 36, 8)
    assert finer.other.shape == (3, 36, 5)
    np.testing.assert_allclose(finer.one, one[:, 1:], atol=1e-5)


def test_the_coarse_half_of_the_same_tokens_is_the_same():
    fine = features(3, 2, 145, 8)
    laid = fine[:, 1:].reshape(2, 6, 2, 6, 2, 8).mean((2, 4)).reshape(2, 36, 8)
    coarse = np.concatenate([fine[:, :1], laid], axis=1)
    batch = token_batch(fine, coarse, (seen(12, 8), seen(6, 16)))
    np.testing.assert_allclose(batch.one, batch.other, atol=1e-5)


def test_pictures_are_samples_by_the_mean_of_their_patches():
    where = [(seen(6, 16), seen(4, 24))] * 5
    ones = [features(s, 2, 37, 8) for s in range(5)]
    others = [features(s + 7, 3, 17, 6) for s in range(5)]
    batch = picture_batch(ones, others, where)
    assert batch.one.shape == (2, 5, 8)
    assert batch.other.shape == (3, 5, 6)
    np.testing.assert_allclose(batch.one[1, 3], ones[3][1, 1:].mean(0), atol=1e-6)
