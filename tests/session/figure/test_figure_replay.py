"""A figure is made again from the file alone: the same numbers, or one sentence why not."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitviz
from vitviz.core.data.drawing import Drawing
from vitviz.core.data.recipe import NEWEST
from vitviz.core.drawings.drawing_sheet import page
from vitviz.core.progress import VitvizError
from vitviz.figures.animate import animate
from vitviz.figures.numbers import numbers
from vitviz.figures.raw import raw_attention
from vitviz.figures.recipes import read_recipe
from vitviz.figures.save import save
from vitviz.session.figure.drawing_sweep import sheet_of, steps, sweep
from vitviz.session.figure.figure_replay import FigureReplay, raw_again, replayed
from vitviz.session.figure.sweep_steps import SweepSubject
from vitviz.views import views
from vitviz.views.api import selection_of


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory, tiny_checkpoint, photo) -> Path:
    """A folder with a picture and the weights of a small model."""
    folder = tmp_path_factory.mktemp("my räven 狐")
    shutil.copy(tiny_checkpoint, folder / "test_vit.safetensors")
    Image.fromarray(photo).save(folder / "photo 1.png")
    return folder


@pytest.fixture(scope="module")
def trace(kitchen):
    model = vitviz.load(kitchen / "test_vit.safetensors")
    return vitviz.trace(model, kitchen / "photo 1.png", fit="pad")


@pytest.fixture(scope="module")
def drawing(trace) -> Drawing:
    return vitviz.draw("rollout", trace, token=(1, 2), layer=0, head=1, keep=0.4, smooth=True)


def again(file: Path, **more) -> Drawing:
    maker = FigureReplay(file.parent, **more)
    return replayed(read_recipe(file), file.name, maker).drawings[0]


def same_bytes(one: Drawing, other: Drawing, folder: Path) -> bool:
    files = [save(each, folder / f"{at}.npz") for at, each in enumerate((one, other))]
    return files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "tiff", "npz", "csv"])
def test_every_file_makes_the_same_numbers_again(drawing, kitchen, tmp_path, kind) -> None:
    file = save(drawing, kitchen / f"figure.{kind}")
    assert same_bytes(drawing, again(file), tmp_path)


def test_a_view_of_two_finds_both(trace, kitchen, tmp_path) -> None:
    other = vitviz.trace(
        vitviz.load(kitchen / "test_vit.safetensors", patch_size=32), kitchen / "photo 1.png"
    )
    drawing = vitviz.draw("difference", trace, against=other)
    file = save(drawing, kitchen / "two.pdf")
    assert read_recipe(file)["made"]["against"]["asked"] == [["patch_size", 32]]
    assert same_bytes(drawing, again(file), tmp_path)


@pytest.mark.parametrize("matrices", [False, True])
def test_raw_attention_is_made_again_byte_for_byte(trace, kitchen, matrices) -> None:
    data, _ = raw_attention(trace, selection_of(trace, token=(1, 2)), matrices=matrices)
    file = kitchen / "raw.npz"
    file.write_bytes(data)
    made, notes = raw_again(read_recipe(file), file, FigureReplay(kitchen))
    assert made == data
    assert notes == ()
    with np.load(file) as arrays:
        changed = {name: arrays[name] + 1e-3 if name == "rows" else arrays[name] for name in arrays}
    np.savez(file, **changed)
    assert raw_again(read_recipe(file), file, FigureReplay(kitchen))[1] == (
        "the numbers differ from the file's by 0.001 at most",
    )


def test_a_page_of_several_is_made_again_in_its_ranges(trace, kitchen, tmp_path) -> None:
    view = views()["heads"]
    subject = SweepSubject(trace, selection_of(trace), {})
    ways = [steps(view, subject, "layer=0,1"), steps(view, subject, "head")]
    drawings = sweep(view, subject, ways)
    whole = page(drawings, sheet_of(view, drawings, ways))
    file = save(whole, kitchen / "grid.svg")
    assert same_bytes(whole, again(file), tmp_path)


def frames_in(file: Path) -> int:
    """How many different pictures an animation shows, as a player of it finds them."""
    if file.suffix == ".mp4":
        folder = file.with_suffix("")
        folder.mkdir()
        order = ["ffmpeg", "-loglevel", "error", "-i", str(file), str(folder / "%d.png")]
        subprocess.run(order, check=True)
        shown = [np.asarray(Image.open(one)) for one in folder.iterdir()]
        assert all(one.std() > 0 for one in shown)
        return len({one.tobytes() for one in shown})
    with Image.open(file) as image:
        return image.n_frames


FILM = pytest.param(
    "mp4",
    marks=pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed"),
)


@pytest.mark.parametrize("kind", ["gif", "apng", "webp", FILM])
def test_an_animation_is_made_again(trace, kitchen, kind) -> None:
    view = views()["heads"]
    subject = SweepSubject(trace, selection_of(trace), {})
    frames = sweep(view, subject, [steps(view, subject, "layer")])
    file = animate(frames, kitchen / f"layers.{kind}", seconds=0.2)
    assert frames_in(file) == len(frames)
    known = read_recipe(file)
    assert known["movie"] == {"seconds": 0.2}
    made = replayed(known, file.name, FigureReplay(kitchen)).drawings
    assert len(made) == len(frames)
    same = animate(made, kitchen / f"again.{kind}", seconds=0.2, one_range=False)
    assert same.read_bytes() == file.read_bytes()
    for one, two in zip(numbers(made[1]), numbers(frames[1]), strict=True):
        np.testing.assert_array_equal(one.values, two.values)


def test_a_gif_keeps_the_colours_of_a_map_over_a_photograph(trace, kitchen) -> None:
    """Its 256 colours go to rare bright cells too, and paper stays white."""
    view = views()["rollout"]
    subject = SweepSubject(trace, selection_of(trace), {"keep": 0.5})
    frames = sweep(view, subject, [steps(view, subject, "layer=0,3")])
    few, all_colours = (animate(frames, kitchen / f"colours.{kind}") for kind in ("gif", "apng"))
    with Image.open(few) as gif, Image.open(all_colours) as png:
        apart = np.asarray(gif.convert("RGB"), int) - np.asarray(png.convert("RGB"), int)
    assert np.abs(apart).max() <= 48
    assert not apart[0, 0].any()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("left", [0.5, 0.99])
def test_a_film_that_was_cut_off_is_no_film(trace, kitchen, left, monkeypatch) -> None:
    """On a full disk ffmpeg ends without an error, and leaves half a film."""
    view = views()["heads"]
    subject = SweepSubject(trace, selection_of(trace), {})
    frames = sweep(view, subject, [steps(view, subject, "layer=0,1")])
    read = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda file: (data := read(file))[: int(left * len(data))]
    )
    with pytest.raises(VitvizError, match=r"could not write half\.mp4"):
        animate(frames, kitchen / "half.mp4")
    assert not [file for file in kitchen.iterdir() if "half" in file.name or ".vitviz" in file.name]


def test_ranges_shared_with_others_come_back(drawing, kitchen) -> None:
    panel = drawing.panels[0]
    at = next(at for at, each in enumerate(drawing.panels) if each.bar is not None)
    bar = drawing.panels[at].bar
    key = (at, bar.label, bar.unit, bar.table)
    from vitviz.core.drawings.shared_ranges import with_ranges

    wide = with_ranges(drawing, {key: (bar.low - 1, bar.high + 1)})
    made = again(save(wide, kitchen / "wide.png"))
    assert made.panels[at].bar == wide.panels[at].bar
    assert panel.title == made.panels[0].title


def test_no_folder_is_named_in_a_file(drawing, kitchen) -> None:
    data = save(drawing, kitchen / "private.png").read_bytes()
    assert str(kitchen).encode() not in data
    assert kitchen.name.encode() not in data


def broken(file: Path, text: str) -> Path:
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    about.add_itxt("vitviz", text)
    Image.new("RGB", (4, 4)).save(file, pnginfo=about)
    return file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps({"vitviz": NEWEST + 1}), "newer than"),
        ("{", "is damaged"),
        (json.dumps({"vitviz": 2, "made": {"view": 3}}), "is damaged"),
        (json.dumps({"vitviz": 1, "view": "heads"}), "of an older vitviz"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_one_sentence(tmp_path, text, said) -> None:
    file = broken(tmp_path / "figure.png", text)
    with pytest.raises(VitvizError, match=said):
        replayed(read_recipe(file), file.name, FigureReplay(tmp_path))


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.4", b"<svg></svg>", b"PK\3\4", b"hello", b"\x89PNG"]
)
def test_a_file_without_a_recipe_is_one_sentence(tmp_path, data) -> None:
    file = tmp_path / "thing.png"
    file.write_bytes(data)
    with pytest.raises(VitvizError, match="holds no recipe"):
        read_recipe(file)


def test_a_picture_that_is_gone_or_differs_is_one_sentence(drawing, tmp_path, kitchen) -> None:
    file = save(drawing, tmp_path / "figure.png")
    weights = str(kitchen / "test_vit.safetensors")
    with pytest.raises(VitvizError, match=r"photo 1\.png is neither beside the figure"):
        again(file, model=weights)
    Image.new("RGB", (30, 20)).save(tmp_path / "photo 1.png")
    with pytest.raises(VitvizError, match=r"is another picture than the photo 1\.png"):
        again(file, model=weights)
    found = again(file, model=weights, pictures=[kitchen / "photo 1.png"])
    assert same_bytes(drawing, found, tmp_path)


def test_weights_that_are_gone_or_differ_are_one_sentence(drawing, tmp_path, kitchen) -> None:
    file = save(drawing, tmp_path / "figure.png")
    pictures = [kitchen / "photo 1.png"]
    with pytest.raises(VitvizError, match=r"test_vit\.safetensors are neither beside"):
        again(file, pictures=pictures)
    import timm
    from safetensors.torch import save_file

    other = tmp_path / "test_vit.safetensors"
    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), str(other))
    with pytest.raises(VitvizError, match=r"the weights of .* are others"):
        again(file, pictures=pictures)


def test_random_weights_cannot_be_had_again(tiny_trace, tmp_path) -> None:
    file = save(vitviz.draw("heads", tiny_trace), tmp_path / "figure.png")
    with pytest.raises(VitvizError, match="random weights"):
        FigureReplay(tmp_path).loaded(replayed_run(file))


def replayed_run(file: Path):
    import msgspec

    from vitviz.core.data.recipe import Recipe

    return msgspec.convert(read_recipe(file)["made"], Recipe).run


def test_another_version_is_remarked(drawing, kitchen) -> None:
    known = read_recipe(save(drawing, kitchen / "old.png"))
    known["versions"]["timm"] = "0.9"
    made = replayed(known, "old.png", FigureReplay(kitchen))
    assert any("made with timm 0.9" in note for note in made.notes)
    assert replace(made).notes == made.notes


def test_what_an_older_recipe_left_unsaid_is_meant_as_it_was(trace, kitchen) -> None:
    for view, options in (("whatif", {}), ("rollout", {"fuse": "max"})):
        known = read_recipe(save(vitviz.draw(view, trace, **options), kitchen / f"{view}.png"))
        now, then = (
            replayed({**known, "vitviz": version}, view, FigureReplay(kitchen))
            for version in (NEWEST, 2)
        )
        assert ("positions removed" in then.drawings[0].title) == (view == "whatif")
        assert "positions removed" not in now.drawings[0].title
        assert bool(then.notes) == (view == "rollout")
        assert now.notes == ()
