"""The bundled models, asked about the bundled photograph that the window begins with."""

from __future__ import annotations

import json

import pytest

import vitviz
from vitviz.core.pictures.picture_files import bundled_pictures
from vitviz.models.loading.bundled import BundledModel, bundled
from vitviz.session.columns.header_text import answer_words, doubt_words

ASKED = [
    pytest.param(model, size, id=f"{model.name}-{size}")
    for model in bundled()
    if model.positions  # the other shows what is lost without them: it takes the dog for other things
    for size in model.patch_sizes
]


@pytest.mark.parametrize(("known", "size"), ASKED)
def test_the_first_picture_is_named_rightly(known: BundledModel, size: int) -> None:
    first = bundled_pictures()[0]
    entry = json.loads((first.parent / "index.json").read_text(encoding="utf-8"))[0]
    classes = [each["wnid"] for each in known.card["classes"]]
    trace = vitviz.trace(vitviz.load(known.name, patch_size=size), first)
    assert entry["file"] == first.name
    assert trace.predictions[0].index == classes.index(entry["class"])


@pytest.mark.parametrize(
    ("known", "size"),
    [
        pytest.param(model, size, id=f"{model.name}-{size}")
        for model in bundled()
        if not model.positions
        for size in model.patch_sizes
    ],
)
def test_a_model_that_may_not_know_it_says_perhaps(known: BundledModel, size: int) -> None:
    first = bundled_pictures()[0]
    entry = json.loads((first.parent / "index.json").read_text(encoding="utf-8"))[0]
    classes = [each["wnid"] for each in known.card["classes"]]
    trace = vitviz.trace(vitviz.load(known.name, patch_size=size), first)
    named = trace.predictions[0].index == classes.index(entry["class"])
    assert named or answer_words(trace).startswith("perhaps ")
    assert named or doubt_words(trace) == "this small model knows 212 classes"
