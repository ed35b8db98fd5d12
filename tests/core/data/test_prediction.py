"""A class is its number; names are told apart; probabilities are what the head means."""

from __future__ import annotations

import numpy as np
import pytest
from timm.data import ImageNetInfo

from vitviz.core.data.prediction import (
    Prediction,
    class_name,
    distinct_names,
    scored,
    share_words,
    synset_names,
    whole_percent,
)


def test_a_softmax_makes_one_together_and_a_sigmoid_is_each_for_itself():
    logits = np.array([[2.0, -1.0, 200.0], [0.0, -300.0, 1.0]], np.float32)
    together = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    together /= together.sum(-1, keepdims=True)
    np.testing.assert_allclose(scored(logits, "softmax"), together, atol=1e-6)
    with np.errstate(over="ignore"):
        each = 1 / (1 + np.exp(-logits.astype(np.float64)))
    np.testing.assert_allclose(scored(logits, "sigmoid"), each, atol=1e-6)


def test_shared_names_get_their_number_and_others_stay():
    assert distinct_names(("crane", "cat", "crane")) == (
        "crane (class 0)",
        "cat",
        "crane (class 2)",
    )


def test_shared_synsets_get_their_second_word_where_that_tells_them_apart():
    synsets = ("crane", "maillot", "crane", "maillot, tank suit", "tabby, tabby cat")
    assert synset_names(synsets) == (
        "crane (class 0)",
        "maillot",
        "crane (class 2)",
        "maillot (tank suit)",
        "tabby",
    )


@pytest.mark.parametrize("subset", ["imagenet-1k", "imagenet-21k-goog"])
def test_no_two_classes_of_imagenet_are_printed_alike(subset):
    names = synset_names([str(each) for each in ImageNetInfo(subset).label_descriptions()])
    assert len(set(names)) == len(names)


def test_a_class_without_a_name_is_its_number():
    assert class_name(("cat",), 0) == "cat"
    assert class_name(("cat",), 7) == "class 7"


def test_one_class_alone_is_a_logit_and_its_sigmoid():
    assert (
        share_words(Prediction(0, "class 0", 0.909, 2.302), 1, "sigmoid")
        == "logit 2.30, sigmoid 90.9%"
    )
    assert share_words(Prediction(0, "class 0", 0.909, 2.302), 10, "softmax") == "90.9%"


def test_whole_per_cents_are_never_quite_all_or_nothing():
    said = {0.0: "<1%", 0.004: "<1%", 0.038: "4%", 0.5: "50%", 0.998: ">99%", 1.0: "100%"}
    assert {share: whole_percent(share) for share in said} == said
