"""The command line opens what people name, goes on after what is broken, and says what it did."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from vitviz.cli import run
from vitviz.cli.command_arguments import Misused
from vitviz.cli.picture_sources import STDIN, PictureParts, local_path, named_pictures, stem_of
from vitviz.core.data.picture_choice import PictureChoice
from vitviz.figures.recipes import read_recipe
from vitviz.folders.averages.folder_statistics import read_statistics
from vitviz.folders.index.vector_index import open_index

MODEL = ["--model", "test_vit", "--untrained"]
KEPT = ["--model", "test_vit.safetensors"]


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


def test_a_folder_of_one_picture_is_drawn_into_a_folder(photos: Path) -> None:
    (photos / "album").mkdir()
    (photos / "good.png").rename(photos / "album" / "good.png")
    if os.name != "nt":
        (photos / "album" / "again").symlink_to(photos / "album")
    assert vitviz("draw", "album", "-v", "patches", *MODEL, "-o", "figures") == 0
    assert [file.name for file in (photos / "figures").iterdir()] == ["good-patches.png"]


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


Written = Callable[..., bytes]


@pytest.fixture
def written(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Runs a command with the good picture at standard input: what comes out of it."""

    def run_it(*words: str) -> bytes:
        picture, out = io.BytesIO((photos / "good.png").read_bytes()), io.BytesIO()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(picture))
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
        assert vitviz(*words) == 0
        return out.getvalue()

    return run_it


DRAW = ["draw", "-", "-v", "patches", *MODEL, "-o", "-"]


def test_standard_input_becomes_standard_output(written: Written) -> None:
    with Image.open(io.BytesIO(written(*DRAW))) as figure:
        assert figure.format == "PNG"
        assert '"picture": "stdin"' in figure.info["vitviz"]


@pytest.mark.parametrize(
    ("kind", "begins"),
    [("pdf", b"%PDF"), ("svg", b"<?xml"), ("tiff", b"II*"), ("npz", b"PK"), ("csv", b"# ")],
)
def test_standard_output_is_of_the_kind_asked_for(
    written: Written, kind: str, begins: bytes
) -> None:
    assert written(*DRAW, "--format", kind).startswith(begins)


def test_animations_traces_and_replays_go_to_standard_output(
    written: Written, photos: Path
) -> None:
    assert written(*DRAW, "--over", "layer=0,1", "-f", "gif").startswith(b"GIF8")
    with np.load(io.BytesIO(written("trace", "good.png", *MODEL, "-o", "-"))) as arrays:
        assert "rows" in arrays
    written(
        "draw", "good.png", "-v", "patches", "-o", "figure.png"
    )  # a model that can be had again
    assert written("replay", "figure.png", "-o", "-", "--format", "svg").startswith(b"<?xml")
    assert {file.name for file in photos.iterdir()} == {
        "good.png",
        "good too.jpg",
        "broken.png",
        "figure.png",
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*DRAW, "--json"], "leave out --json"),
        ([*DRAW, "--data"], "leave out files beside it"),
        ([*DRAW, "-f", "gif"], "say over what with --over"),
        (["draw", ".", "-v", "patches", *MODEL, "-o", "-"], "3 pictures do not go into standard"),
        (["draw", "good.png", "-v", "patches", "-o", "x.png", "-f", "svg"], "x.png is no .svg"),
        (["stats", ".", "-v", "entropy", "-o", "-"], "vitviz stats writes files"),
        (["trace", "good.png", "--logits", "-o", "-"], "leave out files beside it"),
    ],
)
def test_what_standard_output_cannot_take_is_said_at_once(
    photos: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert vitviz(*words) == 2
    assert said in capsys.readouterr().err


def test_several_pictures_are_of_the_kind_asked_for(photos: Path) -> None:
    (photos / "broken.png").unlink()
    (photos / "out").mkdir()
    assert vitviz("draw", ".", "-v", "patches", *MODEL, "-o", "out", "--format", "svg") == 0
    assert {file.suffix for file in (photos / "out").iterdir()} == {".svg"}


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


@pytest.fixture
def stacks(photos: Path, photo: np.ndarray) -> Path:
    """A folder of stacks whose second pages lie beside them as pictures of their own, and a model."""
    torch.manual_seed(0)
    model = timm.create_model("test_vit", pretrained=False)
    save_file(model.state_dict(), photos / "test_vit.safetensors")
    for folder in ("stacks", "second"):
        (photos / folder).mkdir()
    for number in range(2):
        first, second = (Image.fromarray(np.roll(photo, 9 * number + by, 1)) for by in (3, 40))
        first.save(photos / f"stacks/{number}.tif", save_all=True, append_images=[second])
        second.save(photos / f"second/{number}.png")
    return photos


def test_averages_are_of_the_page_that_was_chosen(stacks: Path) -> None:
    order = ["-v", "shares", *KEPT]
    assert vitviz("stats", "stacks", *order, "-o", "page.npz", "--page", "2") == 0
    assert vitviz("stats", "stacks", *order, "-o", "first.npz") == 0
    assert vitviz("stats", "second", *order, "-o", "alone.npz") == 0
    page, first, alone = (
        read_statistics(stacks / f"{name}.npz") for name in ("page", "first", "alone")
    )
    assert "page 2" in page.about.notes
    np.testing.assert_array_equal(page.average("shares"), alone.average("shares"))
    assert not np.array_equal(page.average("shares"), first.average("shares"))


def test_an_index_knows_which_page_it_is_of(
    stacks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vitviz("index", "stacks", *KEPT, "-o", "kept", "--page", "2") == 0
    capsys.readouterr()
    assert vitviz("find", "kept", "--picture", "stacks/1.tif", "-n", "1", "-o", "found.png") == 0
    said = capsys.readouterr().out
    assert said.split() == ["1.0000", "class", "1.tif"]
    assert open_index(stacks / "kept").about.choice == PictureChoice(1)


def test_methods_are_rated_over_the_page_that_was_chosen(stacks: Path) -> None:
    order = ["--method", "rollout", "--steps", "2", *KEPT]
    assert vitviz("rate", "stacks", *order, "-o", "page", "--page", "2") == 0
    assert vitviz("rate", "second", *order, "-o", "alone") == 0
    numbers = [
        [line.split(",", 1)[1] for line in (stacks / name / "ratings.csv").read_text().split()]
        for name in ("page", "alone")
    ]
    assert numbers[0] == numbers[1]
    assert vitviz("rate", "stacks", *order, "-o", "page") == 1  # results of another page


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
