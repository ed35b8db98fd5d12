"""What is compared with is said in a few words, and they mean one thing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vitviz.core.progress import VitvizError
from vitviz.session.columns.compare_words import against
from vitviz.session.work.request import ModelRequest

FIRST = ModelRequest("vitviz/flexvit", patch_size=16)


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (["8"], {"patch_size": 8}),
        (["8@112"], {"patch_size": 8, "input_size": 112}),
        (["@448"], {"input_size": 448}),
        (["test_vit"], {"name": "test_vit"}),
        (["test_vit", "32"], {"name": "test_vit", "patch_size": 32}),
        (["mine.safetensors"], {"name": "mine.safetensors"}),
    ],
)
def test_words_change_the_model(words, changes):
    assert against(FIRST, "a.png", words) == (replace(FIRST, **changes), "a.png")


def test_a_file_is_a_picture_unless_it_is_a_checkpoint(tmp_path):
    picture, model = tmp_path / "b.png", tmp_path / "b.pth"
    picture.touch()
    model.touch()
    assert against(FIRST, "a.png", [str(picture)]) == (FIRST, str(picture))
    assert against(FIRST, "a.png", [str(model)])[0].name == str(model)


def test_the_same_again_is_refused():
    with pytest.raises(VitvizError, match="16 is what is drawn already"):
        against(FIRST, "a.png", ["16"])
