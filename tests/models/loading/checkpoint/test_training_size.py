"""Pictures that are no squares: which way they lie is read from settings in the file, or its name."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

import vitviz
from vitviz.core.data.evidence import Evidence
from vitviz.models.loading.checkpoint.card import card_of
from vitviz.models.loading.said import Said

SIZE = (64, 160)


def size_of(path: Path) -> tuple[tuple[int, int], Evidence | None]:
    model = vitviz.load(path)
    found = next((each for each in model.info.evidence if each.fact == "input size"), None)
    return model.info.input_size, found


@pytest.fixture(scope="module")
def state() -> Any:
    return timm.create_model("test_vit", img_size=SIZE, num_classes=3).state_dict()


@pytest.mark.parametrize(
    "beside",
    [
        {"args": Namespace(img_size=SIZE)},
        {"hyper_parameters": {"model": {"image_size": list(SIZE)}}},
        {"config": {"input_size": (3, *SIZE)}},
    ],
)
def test_settings_in_the_file_say_it(beside: dict[str, Any], state: Any, tmp_path: Path) -> None:
    torch.save({"model": state, **beside}, tmp_path / "a.pth")
    size, evidence = size_of(tmp_path / "a.pth")
    assert size == SIZE
    assert evidence is not None
    assert (evidence.value, evidence.certainty) == ("160 × 64 pixels", "known")


def test_a_name_is_taken_and_no_proof(state: Any, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "street_160x64.pth")
    size, evidence = size_of(tmp_path / "street_160x64.pth")
    assert size == (160, 64)
    assert evidence is not None
    assert evidence.certainty == "assumed"


def test_settings_of_other_pictures_are_no_help(state: Any, tmp_path: Path) -> None:
    torch.save({"model": state, "args": Namespace(img_size=(96, 320))}, tmp_path / "a.pth")
    size, evidence = size_of(tmp_path / "a.pth")
    assert size[0] * size[1] == SIZE[0] * SIZE[1]
    assert evidence is not None
    assert evidence.certainty == "assumed"


def test_a_square_says_nothing(tmp_path: Path) -> None:
    state = timm.create_model("test_vit", num_classes=3).state_dict()
    torch.save({"model": state, "args": Namespace(img_size=[96, 96])}, tmp_path / "a_9x9.pth")
    assert vitviz.load(tmp_path / "a_9x9.pth").info.input_size == (160, 160)


def test_pictures_that_lie_are_read_at_other_sizes_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    own = timm.create_model("test_vit", num_classes=2, img_size=(80, 160))
    torch.save(own.state_dict(), tmp_path / "best.pth")
    model = vitviz.load(tmp_path / "best.pth", input_size=(96, 128))
    own.set_input_size(img_size=(96, 128))
    assert torch.equal(model.module.pos_embed, own.pos_embed)
    assert model.info.resampled


def test_the_card_says_which_way_pictures_lie(tmp_path: Path) -> None:
    standing = (160, 64)
    made = timm.create_model("test_vit", img_size=standing, num_classes=3).state_dict()
    torch.save(made, tmp_path / "a.pth")
    card, _ = card_of(tmp_path / "a.pth", said=Said(input_size=standing))
    (tmp_path / "a.json").write_text(json.dumps(card), encoding="utf-8")
    size, evidence = size_of(tmp_path / "a.pth")
    assert size == standing
    assert evidence is not None
    assert (evidence.value, evidence.certainty) == ("64 × 160 pixels", "known")
