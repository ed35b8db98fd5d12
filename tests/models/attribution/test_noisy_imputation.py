"""ROAD's imputation and number equal the published code's on the same tensor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from eager_reference import attributor_of

import vitviz
from vitviz.core.data.target import Target
from vitviz.core.measures.faithfulness import road_of, road_sets
from vitviz.models.attribution.hidden_patches import owners
from vitviz.models.attribution.noisy_imputation import NOISE, imputed

published = pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
"""The published code gives tensors to numpy, as numpy wants it no more."""


@pytest.fixture(scope="module")
def pixels():
    smooth = torch.randn(1, 3, 9, 7, generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.interpolate(smooth, size=(61, 45), mode="bicubic")


def scattered(rows, cols, share, seed=0):
    return torch.rand(1, rows, cols, generator=torch.Generator().manual_seed(seed)) < share


def test_hidden_pixels_are_the_weighted_mean_of_their_neighbours(pixels):
    hidden = scattered(61, 45, 0.7)
    found = imputed(pixels, hidden, noise=0)
    assert torch.equal(found[:, :, ~hidden[0]], pixels[:, :, ~hidden[0]])
    row, col = next((r, c) for r, c in hidden[0].nonzero().tolist() if 0 < r < 60 and 0 < c < 44)
    weights = torch.tensor([[1, 2, 1], [2, 0, 2], [1, 2, 1]]) / 12
    around = found[0, :, row - 1 : row + 2, col - 1 : col + 2]
    assert torch.allclose((around * weights).sum((1, 2)), found[0, :, row, col], atol=1e-4)


@published
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_the_system_is_solved_as_by_the_published_code(pixels, share):
    road = pytest.importorskip("pytorch_grad_cam.metrics.road")
    hidden = scattered(61, 45, share)
    expected = road.NoisyLinearImputer(noise=0)(pixels[0], (~hidden[0]).float())
    assert torch.allclose(imputed(pixels, hidden, noise=0)[0], expected, atol=2e-4)


def test_noise_is_added_where_something_is_hidden_and_is_always_the_same(pixels):
    hidden = scattered(61, 45, 0.5)
    plain, noisy = (imputed(pixels, hidden, noise=noise) for noise in (0, NOISE))
    added = (noisy - plain)[:, :, hidden[0]]
    assert float(added.std()) == pytest.approx(NOISE, rel=0.1)
    assert torch.equal(noisy, imputed(pixels, hidden))


def test_a_picture_hidden_whole_is_grey(pixels):
    hidden = torch.ones(1, 61, 45, dtype=torch.bool)
    assert not imputed(pixels, hidden, noise=0).any()


@published
def test_the_number_is_the_published_codes(photo, monkeypatch):
    """By 10 x 10 patches, so that every tenth of the pixels is a tenth of the patches."""
    road = pytest.importorskip("pytorch_grad_cam.metrics.road")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget

    monkeypatch.setattr(imputed, "__kwdefaults__", {"noise": 0.0})
    monkeypatch.setattr(road.NoisyLinearImputer.__init__, "__defaults__", (0.0, []))
    asked = attributor_of(
        vitviz.load("test_vit", pretrained=False, patch_size=8, input_size=80), photo
    )
    assert (asked.grid.rows, asked.grid.cols) == (10, 10)
    score = asked.score(Target("class", index=3))
    order = np.random.default_rng(5).permutation(100)
    answers = asked.hidden(score, road_sets(order), "impute")
    found = road_of(score.reading.score(answers, probability=True))
    ranks = np.empty(len(order), np.float32)
    ranks[order] = np.linspace(1, 0, len(order))
    owner = owners(asked.grid, *asked.pixels.shape[-2:]).numpy()
    expected = road.ROADCombined()(
        asked.pixels, ranks[owner][None], [ClassifierOutputSoftmaxTarget(3)], asked.model.module
    )
    assert found.combined == pytest.approx(float(expected[0]), abs=1e-7)
    assert abs(found.combined) > 1e-6
