"""A figure's recipe that means ill, or is damaged: a sentence each, nothing run, nothing fetched."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from localhub import Hub, served, turn_to
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import vitviz
from vitviz.core.data.recipe import ARGUMENTS, checked_arguments
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import VitvizError
from vitviz.figures.recipes import MOST_LETTERS, MOST_TEXT, read_recipe
from vitviz.folders.averages.folder_statistics import read_statistics
from vitviz.session.figure.figure_replay import FigureReplay, _apart, replayed


@pytest.fixture(scope="module")
def known(tiny_trace: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The recipe of a real figure."""
    file = tmp_path_factory.mktemp("figure") / "figure.npz"
    return read_recipe(vitviz.save(vitviz.draw("rollout", tiny_trace), file))


def png(recipe: object, folder: Path) -> Path:
    """A picture with a recipe inside, whatever that is."""
    said, file = PngInfo(), folder / "figure.png"
    said.add_itxt("vitviz", recipe if isinstance(recipe, str) else json.dumps(recipe))
    Image.new("RGB", (4, 4)).save(file, pnginfo=said)
    return file


def refusal(file: Path) -> str:
    """The one sentence that it ends in."""
    with pytest.raises(VitvizError) as caught:
        replayed(read_recipe(file), file.name, FigureReplay(file.parent))
    assert 0 < len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)
    return str(caught.value)


def at(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """Something else in one place of a recipe."""

    def change(recipe: dict[str, Any]) -> None:
        *way, last = path
        for step in way:
            recipe = recipe[step]
        recipe[last] = value

    return change


RUN = ("made", "run")
CHANGES = {
    "path": (at(*RUN, "asked", value=[["checkpoint_path", "/etc/passwd"]]), "not followed"),
    "overlay": (at(*RUN, "asked", value=[["pretrained_cfg", "x"]]), "not followed"),
    "word for a size": (at(*RUN, "asked", value=[["patch_size", "16"]]), "not followed"),
    "huge size": (at(*RUN, "asked", value=[["embed_dim", 10**12]]), "not followed"),
    "picture elsewhere": (at(*RUN, "picture", value="../../etc/passwd"), "in another folder"),
    "weights elsewhere": (at(*RUN, "model", value="/etc/secret.pth"), "in another folder"),
    "negative head": (at("made", "selection", "head", value=-3), "no head -3"),
    "depth": (at("made", "selection", "depth", value=7.0), "depth 7"),
    "null": (at("made", value=None), "no drawing"),
    "list": (at("made", value=[]), "damaged"),
    "panel": (at("ranges", value=[[-1, 0, 1]]), "damaged"),
    "backwards": (at("ranges", value=[[0, 1, 0]]), "damaged"),
    "dots": (at("paper", "dpi", value=10**9), "dots per inch"),
    "type": (at("paper", "size", value="huge"), "damaged"),
    "seconds": (at("movie", value={"seconds": None}), "damaged"),
    "no parts": (at("sheet", value={"across": 3}), "damaged"),
    "across": (at("sheet", value={"across": 10**9}), "damaged"),
    "title": (at("title", value="x" * 100_000), f"at most {MOST_LETTERS:,}"),
    "infinite": (at("made", "selection", "depth", value=float("1e999")), "damaged"),
    "version": (at("vitviz", value=99), "newer"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_no_vitviz_has_written_is_not_followed(
    known: dict[str, Any], tmp_path: Path, case: str
) -> None:
    change, said = CHANGES[case]
    recipe = copy.deepcopy(known)
    recipe.setdefault("movie", {})
    recipe.setdefault("paper", {"dpi": 200})
    change(recipe)
    assert said in refusal(png(recipe, tmp_path))


def test_numbers_that_are_none_are_damage(known: dict[str, Any], tmp_path: Path) -> None:
    text = json.dumps(known).replace('"depth": 1.0', '"depth": NaN')
    assert "NaN" in text
    assert "damaged" in refusal(png(text, tmp_path))


@pytest.mark.parametrize("text", ["{" * 50_000, "[" * 50_000, "null", "0", '"x"', "{}"])
def test_what_is_no_recipe_says_so(tmp_path: Path, text: str) -> None:
    assert refusal(png(text if text.startswith("{") else '{"vitviz": 2, "made": ' + text, tmp_path))


def test_depth_alone_is_refused_with_its_number(known: dict[str, Any], tmp_path: Path) -> None:
    nested: Any = []
    for _ in range(100):
        nested = [nested]
    assert "deep" in refusal(png({**known, "more": nested}, tmp_path))


HUGE = 3 * 2**20
FILES = {
    "svg without an end": b"<svg>" + b"<dc:description>{" * (HUGE // 17),
    "svg closed too early": b"<svg></dc:description>" + b"<dc:description>" * (HUGE // 16),
    "pdf without an end": b"%PDF" + b"/Subject (" * (HUGE // 10),
    "pdf of escapes": b"%PDF/Subject (" + b"\\" * HUGE,
    "xmp": b"",
    "csv": b"# {" + b"[" * HUGE,
    "mp4": b"\0\0\0\0ftyp" + b'{"vitviz"' * (HUGE // 9),
    "mp4 deep": b'\0\0\0\0ftyp{"vitviz":' + b"[" * HUGE,
    "zip": b"PK\x03\x04" + b"\0" * 1000,
    "tiff": b"II*\0" + b"\xff" * 1000,
    "gif": b"GIF89a" + b"\xff" * 1000,
}


@pytest.mark.parametrize("name", FILES)
def test_any_file_ends_in_a_sentence_in_linear_time(tmp_path: Path, name: str) -> None:
    """Each took minutes or worse where it was looked through once for every opening in it."""
    file = tmp_path / "figure"
    file.write_bytes(FILES[name])
    assert refusal(file)


def test_a_recipe_has_a_size_limit_that_is_said(known: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "figure.csv"
    text = json.dumps({**known, "more": ["x" * 1000] * (MOST_TEXT // 1000 + 1)})
    file.write_bytes(b"# " + text.encode() + b"\n1,2\n")
    assert f"{MOST_TEXT:,}" in refusal(file)


def test_an_archive_is_not_unpacked_to_what_it_says(tmp_path: Path) -> None:
    file, held = tmp_path / "bomb.npz", io.BytesIO()
    np.lib.format.write_array_header_1_0(
        held, {"descr": "<U1000000000", "fortran_order": False, "shape": ()}
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.npy", held.getvalue() + bytes(45 * 2**20))
    assert "holds no recipe" in refusal(file)


def test_a_recipe_fetches_nothing_by_itself(
    known: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = copy.deepcopy(known)
    Image.new("RGB", (8, 8)).save(tmp_path / "array.png")
    recipe["made"]["run"] |= {
        "model": "hf-hub:someone/model",
        "weights": "trained",
        "weights_hash": "",
        "picture": "array.png",
        "picture_key": open_picture(tmp_path / "array.png").key,
    }
    with served(Hub()) as hub:
        turn_to(hub, tmp_path / "hub", monkeypatch)
        assert "--allow-download" in refusal(png(recipe, tmp_path))
        assert not hub.asked
        maker = FigureReplay(tmp_path, allow_download=True)
        with pytest.raises(VitvizError, match="the hub has no"):
            replayed(read_recipe(tmp_path / "figure.png"), "figure.png", maker)


def test_what_may_be_asked_is_a_closed_set() -> None:
    good = {"patch_size": 8, "input_size": (96, 112), "architecture": "vit_tiny_patch16_224"}
    assert checked_arguments(good, "the recipe") == good
    assert {"checkpoint_path", "pretrained_cfg", "cache_dir", "file", "url"}.isdisjoint(ARGUMENTS)


@pytest.mark.parametrize("head", [b"{'descr': '<f4', 'shape': (2,", b"nothing of a head"])
def test_arrays_whose_heads_are_damaged_are_a_sentence(head: bytes, tmp_path: Path) -> None:
    """numpy reads them as Python's tokens, and gives up in a way of its own."""
    whole, spoilt = io.BytesIO(), tmp_path / "spoilt.npz"
    np.savez(whole, rows=np.zeros(2, np.float32))
    array = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head
    with zipfile.ZipFile(spoilt, "w") as archive:
        archive.writestr("rows.npy", array)
        archive.writestr("about.npy", array)
    with pytest.raises(VitvizError, match="damaged"):
        _apart(spoilt.read_bytes(), whole.getvalue())
    with pytest.raises(VitvizError, match="holds no statistics"):
        read_statistics(spoilt)
