"""A badge has the colour of the worst of three, and says of each how it is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reference import make_trace

from vitviz.core.data.badge import Badge, ModelBadge, NumbersBadge, PlacesBadge, clauses
from vitviz.core.data.evidence import Evidence

GUESS = (
    Evidence("architecture", "vit_tiny_patch16_224", "proven", "the only one of these shapes"),
    Evidence("heads", "3 heads", "assumed", "64 channels a head, as most have"),
    Evidence("mean and std", "mean/std of ImageNet", "assumed"),
)


def badge(numbers=None, places=None, model=None):
    return Badge(
        numbers or NumbersBadge(12, 0, 3e-7, "fp32"),
        places or PlacesBadge("family"),
        model or ModelBadge(),
    )


@pytest.mark.parametrize(
    ("one", "state", "words"),
    [
        (badge(), "good", "✓ verified 3e-7"),
        (badge(NumbersBadge(0, 12, 0.0, "fp32")), "good", "✓ the model's own softmax"),
        (badge(model=ModelBadge(GUESS)), "assumed", "? assumed: 3 heads, mean/std of ImageNet"),
        (badge(model=ModelBadge(partly=True)), "assumed", "? partly loaded"),
        (
            badge(
                NumbersBadge(10, 0, 3e-7, "fp32", ("a: lost", "b: lost")), model=ModelBadge(GUESS)
            ),
            "bad",
            "! 2 refused",
        ),
    ],
)
def test_the_worst_of_the_three_is_the_colour_and_the_words(one, state, words):
    assert (one.state, one.words) == (state, words)
    assert [line.partition(":")[0] for line in one.lines] == ["Numbers", "Places", "Model"]


def test_each_line_says_how_it_is_known():
    numbers, places, model = badge(
        NumbersBadge(3, 2, 3e-7, "bf16"), PlacesBadge("gradient", 4), ModelBadge(GUESS)
    ).lines
    assert "3 layers recomputed" in numbers
    assert "3e-7 in bf16" in numbers
    assert "2 layers taken from the module itself" in numbers
    assert "gradient" in places
    assert "4 layers laid on no picture" in places
    assert "architecture proven: vit_tiny_patch16_224 (the only one of these shapes)" in model
    assert "heads assumed: 3 heads" in model


def test_the_clause_of_a_caption_names_what_is_assumed_and_is_said_once():
    one = badge(model=ModelBadge(GUESS))
    assert one.clause.endswith("assumed: 3 heads, mean/std of ImageNet.")
    assert clauses([one, one]) == one.clause
    assert clauses([one, badge()]) == f"{one.clause} {badge().clause}"


def test_a_trace_puts_it_together():
    trace = make_trace(depth=3)
    assert trace.badge == badge(NumbersBadge(3, 0, 1e-7, "float32"))
    guessed = replace(trace, model=replace(trace.model, evidence=GUESS))
    assert guessed.badge.state == "assumed"
    assert "assumed: 3 heads" in repr(guessed)
