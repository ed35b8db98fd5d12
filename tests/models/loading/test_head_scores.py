"""Heads of one class and of several that may be true at once are known from what lies beside a file."""

from __future__ import annotations

import json

import pytest

import vitviz
from vitviz.models.loading.head_scores import multi_label_beside


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("config.json", {"problem_type": "multi_label_classification"}, True),
        ("config.json", {"problem_type": "single_label_classification"}, False),
        ("config.json", {"problem_type": None}, None),
        ("own.json", {"multi_label": True}, True),
        ("own.json", ["cat", "dog"], None),
    ],
)
def test_what_lies_beside_the_weights_says_it(tmp_path, name, words, said):
    (tmp_path / name).write_text(json.dumps(words))
    assert multi_label_beside(tmp_path / "own.safetensors") is said
    if name == "config.json":
        assert multi_label_beside(tmp_path) is said


def test_it_is_loaded_so_and_what_is_said_comes_first(tiny_checkpoint, tmp_path):
    file = tmp_path / "test_vit.safetensors"
    file.write_bytes(tiny_checkpoint.read_bytes())
    (tmp_path / "config.json").write_text('{"problem_type": "multi_label_classification"}')
    assert vitviz.load(file).info.scores == "sigmoid"
    assert vitviz.load(file, multi_label=False).info.scores == "softmax"
    assert dict(vitviz.load(file, multi_label=False).info.asked)["multi_label"] is False
