"""Deletion, insertion and chance, on numbers that can be reckoned by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vitviz.core.measures.faithfulness import (
    MaskingCurves,
    TrustNumber,
    area,
    curves,
    end_sets,
    hidden_sets,
    hiding_order,
    quotient_words,
    rank_correlation,
    step_counts,
    times_better,
)

rng = np.random.default_rng(3)


def test_patches_are_hidden_from_the_highest_down():
    order = hiding_order(np.array([0.1, 0.9, 0.5, 0.9], np.float32))
    assert order.tolist() == [1, 3, 2, 0]
    hidden = hidden_sets(order, steps=4)
    assert hidden.astype(int).tolist() == [
        [0, 1, 0, 0],
        [0, 1, 0, 1],
        [0, 1, 1, 1],
        [1, 0, 1, 1],
        [1, 0, 1, 0],
        [1, 0, 0, 0],
    ]
    assert end_sets(2).tolist() == [[False, False], [True, True]]


def test_fourteen_steps_take_less_than_thirty_passes():
    assert len(hidden_sets(np.arange(196))) + len(end_sets(196)) <= 30
    assert step_counts(196)[[0, 1, 14]].tolist() == [0, 14, 196]


def test_an_answer_that_adds_up_is_reckoned_by_hand():
    """Each patch is worth its own number: what is left after each step is their sum."""
    worth = rng.random(20)
    order = hiding_order(worth)
    score = lambda hidden: (worth * ~hidden).sum(axis=1)  # noqa: E731
    deletion, insertion = curves(score(end_sets(20)), score(hidden_sets(order)))
    counts = step_counts(20)
    falling = np.sort(worth)[::-1]
    np.testing.assert_allclose(deletion, [falling[count:].sum() for count in counts])
    np.testing.assert_allclose(insertion, [falling[:count].sum() for count in counts])
    assert area(deletion) == pytest.approx(np.trapezoid(deletion, dx=1 / 14))


def test_a_quotient_is_above_one_where_a_map_is_better():
    chance = np.array([0.4, 0.5, 0.6])
    assert times_better(0.25, chance, True)[0] == pytest.approx(2)
    assert times_better(0.25, chance, False)[0] == pytest.approx(0.5)
    # the mean's standard error, 0.1 / sqrt(3), over 0.25
    assert times_better(0.25, chance, True)[1] == pytest.approx(0.1 / np.sqrt(3) / 0.25)


def test_quotients_in_words():
    assert quotient_words(2.44, 0) == "2.4 × better than random at removing what the target needs"
    assert quotient_words(0.5, 1) == "2.0 × worse than random at keeping what the target needs"
    assert quotient_words(1.01, 0).startswith("no better than random")
    assert quotient_words(float("nan"), 0).startswith("not to be compared")


def test_a_trust_number_knows_both_sides():
    line = np.linspace(1, 0, 15)
    own = MaskingCurves(line**4, 1 - line**4)
    number = TrustNumber(own, (MaskingCurves(line, 1 - line), MaskingCurves(line, 1 - line)), None)
    assert number.against_chance(0)[0] == pytest.approx(0.5 / area(line**4))
    assert number.against_chance(0)[1] == 0
    np.testing.assert_allclose(number.mean_of_chance().deletion, line)


def test_rank_correlation_is_spearmans():
    stats = pytest.importorskip("scipy.stats")
    one, other = rng.integers(0, 6, 40).astype(float), rng.random(40)
    assert rank_correlation(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)
    assert rank_correlation(one, np.exp(one)) == pytest.approx(1)
    assert np.isnan(rank_correlation(one, np.zeros(40)))
