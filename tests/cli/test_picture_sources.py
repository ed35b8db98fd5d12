"""The command line opens what people name, goes on after what is broken, and says what it did."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitviz.cli import run
from vitviz.cli.command_arguments import Misused
from vitviz.cli.picture_sources import STDIN, PictureParts, local_path, named_pictures, stem_of
from vitviz.core.data.picture_choice import PictureChoice
from vitviz.figures.recipes import read_recipe

MODEL = ["--model", "test_vit", "--untrained"]


@pytest.fixture
def photos(tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures as people have it, which is the current one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(photo).save(folder / "good.png")
    Image.fromarray(photo[::-1].copy()).save(folder / "good too.jpg")
    (folder / "broken.png").write_bytes((folder / "good.png").read_bytes()[:2000])
    monkeypatch.chdir(folder)
    return folder


def vitviz(*words: str) -> int:
    return run(list(words), lambda launch: 0)


def test_draw_goes_on_after_a_broken_picture_and_exits_with_3(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "out").mkdir()
    assert vitviz("draw", ".", "-v", "patches", *MODEL, "-o", "out") == 3
    said = capsys.readouterr()
    assert sorted(file.name for file in (photos / "out").iterdir()) == [
        "good too-patches.png",
        "good-patches.png",
    ]
    assert "broken.png is damaged or cut short" in said.err
    assert "1 of 3 pictures could not be drawn" in said.err
    assert len(said.out.splitlines()) == 2


def test_the_report_has_every_picture(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "out").mkdir()
    assert vitviz("draw", ".", "-v", "patches", *MODEL, "-o", "out", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert sorted(
        (Path(one["picture"]).name, bool(one["files"]), "why" in one) for one in told
    ) == [("broken.png", False, True), ("good too.jpg", True, False), ("good.png", True, False)]


def test_one_broken_picture_alone_is_a_failure(photos: Path) -> None:
    assert vitviz("draw", "broken.png", "-v", "patches", *MODEL, "-o", "x.png") == 1


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be there")
def test_odd_names_are_drawn(photos: Path, photo: np.ndarray, capfdbinary) -> None:
    for file in list(photos.iterdir()):
        file.unlink()
    for name in (b"bad\xff\xfename.png", b"x" * 250 + b".png", b"~x.png", b"\x1b[31mred.png"):
        with open(os.path.join(os.fsencode(photos), name), "wb") as file:  # noqa: PTH118, PTH123
            Image.fromarray(photo).save(file, "PNG")
    out = photos.parent / "out"
    out.mkdir()
    assert vitviz("draw", ".", "-v", "patches", *MODEL, "-o", str(out)) == 0
    assert len(list(out.iterdir())) == 4


def test_standard_input_becomes_standard_output(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO((photos / "good.png").read_bytes()))
    )
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written))
    assert vitviz("draw", "-", "-v", "patches", *MODEL, "-o", "-") == 0
    with Image.open(io.BytesIO(written.getvalue())) as figure:
        assert figure.format == "PNG"
        assert '"picture": "stdin"' in figure.info["vitviz"]


def test_a_file_address_is_a_path(photos: Path) -> None:
    address = (photos / "good.png").as_uri()
    assert Path(local_path(address)) == photos / "good.png"
    assert vitviz("draw", address, "-v", "patches", *MODEL, "-o", "x.png") == 0
    assert local_path("photo.png") == "photo.png"
    assert local_path("file://elsewhere/photo.png") == "file://elsewhere/photo.png"
    assert named_pictures([STDIN, "https://example.org/cat.jpg?x=1"]) == [
        STDIN,
        "https://example.org/cat.jpg?x=1",
    ]
    assert stem_of("https://example.org/a%20cat.jpg?x=1") == "a cat"


def test_pages_are_chosen_and_the_recipe_says_so(photos: Path, photo: np.ndarray) -> None:
    pages = [Image.fromarray(np.roll(photo, 20 * page, 1)) for page in range(3)]
    pages[0].save("stack.tif", save_all=True, append_images=pages[1:])
    order = ["draw", "stack.tif", "-v", "patches", *MODEL, "-o", "page.png"]
    assert vitviz(*order, "--page", "3") == 0
    made = read_recipe(photos / "page.png")["made"]["run"]
    assert made["opened"] == [["page", 2]]
    assert vitviz(*order, "--page", "9", "--overwrite") == 1
    assert vitviz(*order, "--page", "0", "--overwrite") == 2
    assert vitviz(*order, "--bands", "red", "--overwrite") == 2


def test_parts_are_read_as_they_are_written() -> None:
    assert PictureParts(2, "4,3,2", to_srgb=True).choice == PictureChoice(1, (4, 3, 2), True)
    assert PictureParts().choice == PictureChoice()
    for wrong in (PictureParts(0), PictureParts(bands="0,1,2"), PictureParts(bands="1,,2")):
        with pytest.raises(Misused):
            _ = wrong.choice


def test_control_characters_of_names_never_reach_a_terminal(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "evil\x1b[2J.png").write_bytes(b"no picture")
    assert vitviz("draw", "evil\x1b[2J.png", "-v", "patches", *MODEL, "-o", "x.png") == 1
    assert "\x1b" not in capsys.readouterr().err
