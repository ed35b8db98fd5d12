"""A target is said in words, numbers or code, and says itself again."""

from __future__ import annotations

import numpy as np
import pytest

from vitviz.core.data.target import PREDICTED, Target, named_class, target_of
from vitviz.core.progress import VitvizError

LABELS = ("tench, Tinca tinca", "giant panda, panda", "lesser panda, red panda", "Egyptian cat")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("", PREDICTED),
        ("predicted", PREDICTED),
        (None, PREDICTED),
        (285, Target("class", index=285)),
        ("285", Target("class", index=285)),
        ("Egyptian cat", Target("class", text="Egyptian cat")),
        ("black-and-tan coonhound", Target("class", text="black-and-tan coonhound")),
        ("285-281", Target("contrast", index=285, against=281)),
        ("cat - dog", Target("contrast", text="cat", other="dog")),
        ("285 - dog", Target("contrast", index=285, other="dog")),
        ("output:2", Target("output", index=2)),
        ("feature:17", Target("feature", index=17)),
        ("lens:5", Target("lens", layer=5)),
        ("lens:-1:3", Target("lens", layer=-1, index=3)),
        ("prompt:a photo of a cat", Target("prompt", text="a photo of a cat")),
        ("like:photos/dog.jpg", Target("cosine", other="photos/dog.jpg")),
    ],
)
def test_what_is_said_is_meant_and_said_again(said, meant):
    found = target_of(said)
    assert found == meant
    assert target_of(str(found)) == found
    assert target_of(found) is found


@pytest.mark.parametrize("said", ["lens:x", "output:", "feature:cat", "prompt:", -3, True, 1.5])
def test_what_cannot_be_meant_is_told_what_can(said):
    with pytest.raises(VitvizError, match=r"285|below zero|empty"):
        target_of(said)


def test_a_function_is_of_this_process_only():
    def margin(output):
        return output[0, 1] - output[0, 0]

    target = target_of(margin)
    assert (target.kind, target.text, target.function) == ("function", "margin", margin)
    assert target.written() == Target("function", text="margin")


def test_a_class_is_called_by_the_first_of_its_names():
    assert Target("class", index=1).words(LABELS) == "giant panda"
    assert Target("contrast", index=3, against=9).words(LABELS) == "Egyptian cat against class 9"


def test_a_name_is_one_class_or_none():
    assert named_class("egyptian cat", LABELS) == 3
    assert named_class("panda", LABELS) == 1  # one of its names, whole
    assert named_class("tinca", LABELS) == 0
    with pytest.raises(VitvizError, match="no class is called 'owl'"):
        named_class("owl", LABELS)
    with pytest.raises(VitvizError, match="2 classes are called 'anda': 1 giant panda, 2 lesser"):
        named_class("anda", LABELS)
    with pytest.raises(VitvizError, match="nobody knows"):
        named_class("owl", ())


def test_a_target_can_be_looked_up():
    assert len({target_of("285"), target_of(285), target_of(np.int64(285).item())}) == 1
