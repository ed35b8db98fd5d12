"""Models in memory: kept under a name of their own, unchanged, and not opened again by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from handmade import Handmade
from two_towers import saved_towers

import vitviz
from vitviz.core.data.said_facts import SaidFacts
from vitviz.core.data.weight_files import is_in_memory
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import BadModel, VitvizError, silent
from vitviz.models import to_fetch
from vitviz.session.files import session_format
from vitviz.session.files.settings import Settings
from vitviz.session.session import Session
from vitviz.session.session_files import SessionFiles
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest, is_checkpoint


def test_two_models_of_one_title_have_names_that_no_file_has() -> None:
    cache, model = ModelCache(2**20), vitviz.load(Handmade(), title="runs/7.pth")
    one, two = cache.keep(model), cache.keep(model)
    assert (one.name, two.name) == ("memory://runs-7.pth", "memory://runs-7.pth 2")
    assert one.words == "runs-7.pth"
    assert not is_checkpoint(one.name)
    assert to_fetch(one.name) == ""
    assert cache.load(one, silent).module is model.module


@pytest.mark.parametrize(
    ("change", "said"),
    [({"patch_size": 4}, "its patch size cannot become 4"), ({"device": "cuda:7"}, "its device")],
)
def test_a_model_in_memory_stays_as_it_is(change: dict[str, object], said: str) -> None:
    cache = ModelCache(2**20)
    request = cache.keep(vitviz.load(Handmade()))
    with pytest.raises(BadModel, match=said):
        cache.load(replace(request, **change), silent)  # type: ignore[arg-type]


def test_a_model_that_has_a_name_keeps_it_for_recipes(photo: np.ndarray) -> None:
    session = Session(InlineJobs(), Settings(), save=lambda _: "")
    session.show_model(vitviz.load("test_vit", pretrained=False), [photo])
    assert session.trace is not None
    assert session.trace.model.name == "test_vit"
    assert is_in_memory(session.request.name)


def test_a_session_and_a_recipe_say_that_it_cannot_be_opened_again(
    photo: np.ndarray, tmp_path: Path
) -> None:
    session = Session(InlineJobs(), Settings(), save=lambda _: "")
    said: list[str] = []
    session.problems.connect(said.extend)
    session.show_model(vitviz.load(Handmade()), [photo])
    assert session.trace is not None
    assert session.settings.now.model == "" or not is_in_memory(session.settings.now.model)
    file = tmp_path / "kept.vitviz"
    SessionFiles(session).save(file, {})
    assert said == [
        "kept.vitviz has no weights of Handmade: a model in memory cannot be opened again by name; "
        "make it once more and call vitviz.show(model)"
    ]
    assert session_format.to_fetch(session_format.read(file)) == {}
    later = Session(InlineJobs(), Settings(), save=lambda _: "")
    failed: list[str] = []
    later.columns.trace_failed.connect(lambda sentence, _: failed.append(sentence))
    SessionFiles(later).open(file)
    assert failed
    assert "cannot be opened again by name" in failed[0]

    drawing = vitviz.draw("heads", session.trace)
    assert drawing.made is not None
    assert drawing.made.run.model == "memory://Handmade"
    assert session.trace.model.called == "Handmade"
    with pytest.raises(VitvizError, match=r"make it there once more and call vitviz\.show"):
        vitviz.load(drawing.made.run.model)


@pytest.mark.filterwarnings("ignore")  # transformers' own about its own
def test_prompts_share_one_models_weights_and_are_kept(tmp_path: Path, photo: np.ndarray) -> None:
    saved_towers("clip", tmp_path)
    cache = ModelCache(1 << 30)
    asked = ModelRequest(
        f"transformers/{tmp_path}", facts=SaidFacts(prompts=("a red parrot", "a rock"))
    )
    picture = open_picture(photo)
    first = cache.trace(asked, picture, silent)
    second = cache.trace(asked, picture, silent)
    assert len(cache.models) == 1, "weights are loaded once"
    assert first.source is not None
    (kept,) = cache._asked.values()
    assert len(kept) == 1
    assert first.model.prompts == second.model.prompts == ("a red parrot", "a rock")
    plain = cache.trace(replace(asked, facts=SaidFacts()), picture, silent)
    assert plain.model.prompts == ()
