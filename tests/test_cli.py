"""The command line does what its help says, with exit codes that scripts can rely on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitviz
from vitviz.__main__ import main
from vitviz.cli import run
from vitviz.cli.card_text import card_lines
from vitviz.core.pictures.picture_area import PictureArea
from vitviz.figures.recipes import read_recipe
from vitviz.models.loading.bundled import bundled_in
from vitviz.session.app.launch_options import LaunchOptions
from vitviz.views import views

ROOT = Path(__file__).resolve().parents[1]


class Window:
    """Stands where the window would be opened, and keeps the wishes."""

    def __init__(self, code: int = 0) -> None:
        self.launches: list[LaunchOptions] = []
        self.code = code

    def __call__(self, launch: LaunchOptions) -> int:
        self.launches.append(launch)
        return self.code


@pytest.fixture
def picture(tmp_path: Path, photo: np.ndarray) -> Path:
    file = tmp_path / "photo.png"
    Image.fromarray(photo).save(file)
    return file


def test_the_window_gets_every_wish() -> None:
    window = Window()
    line = (
        "a.jpg b --model m --patch 8 --fit pad --device cpu --theme dark --size 1600x1000 "
        "--screenshot out.png --token 7,7 --layer -1 --head 3 --view heads"
    )
    assert run(line.split(), window) == 0
    assert window.launches == [
        LaunchOptions(
            ("a.jpg", "b"),
            "m",
            8,
            "pad",
            "cpu",
            "dark",
            (1600, 1000),
            Path("out.png"),
            "7,7",
            -1,
            3,
            "heads",
        )
    ]
    assert run([], Window(3)) == 3
    assert run(["a.jpg"], window) == 0
    assert window.launches[1] == LaunchOptions(("a.jpg",))


@pytest.mark.parametrize(
    "line",
    [
        "--theme purple",
        "--size big",
        "--size 99999x800",
        "--nonsense",
        "--patch x",
        "--view nope",
        "draw",
        "views no",
        "draw a.png --view nope",
        "draw a.png --view heads --option nope=1",
        "draw a.png --view heads --option smooth=maybe",
        "draw a.png --view rollout --option keep",
        "draw a.png --view positions --mark 1,2,3,4",
    ],
)
def test_wrong_arguments_give_2_and_open_nothing(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    window = Window()
    assert run(line.split(), window) == 2
    assert window.launches == []
    assert capsys.readouterr().err.strip()


def test_a_mistyped_command_opens_no_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    window = Window()
    assert run(["vews"], window) == 2
    assert "no file or command 'vews'; did you mean vitviz views?" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vews").mkdir()  # a folder of that name is opened
    assert run(["vews"], window) == 0
    assert [launch.files for launch in window.launches] == [("vews",)]


def test_views_are_listed_with_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["views", "--json"], Window()) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [view["name"] for view in listed] == list(views())
    heads = next(view for view in listed if view["name"] == "heads")
    assert {"name", "kind", "default", "text", "choices"} <= set(heads["options"][0])
    assert run(["views"], Window()) == 0
    text = capsys.readouterr().out
    assert all(view.title in text for view in views().values())
    assert "--option opacity=number 0 to 1" in text


def test_models_are_found_by_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "dinov2", "small"], Window()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("patch 14" in line and "LVD-142M" in line for line in lines)
    assert run(["models", "no", "such", "model"], Window()) == 1
    assert "fewer words" in capsys.readouterr().out
    assert run(["models", "vit", "--json"], Window()) == 0
    assert len(json.loads(capsys.readouterr().out)) > 300


def test_models_are_listed_with_their_cards(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--json"], Window()) == 0
    names = [card["name"] for card in json.loads(capsys.readouterr().out)]
    assert run(["models"], Window()) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in names)
    assert names or "no model is bundled" in text


def test_a_card_has_a_column_for_each_patch_size(tmp_path: Path) -> None:
    card = {
        "name": "vitviz/small",
        "patch_sizes": [8, 16],
        "default_patch_size": 8,
        "licence": "MIT",
        "input_size": [3, 96, 64],
        "classes": [{"name": "cat"}],
        "figures": {
            "what": "shares",
            "pictures": {"small": 20},
            "accuracy": {"8": {"small": 0.5}, "16": {"small": 0.25}},
            "off": {"8": {"small": 0.125}},
            "mass": {"what": "inside", "by_patch_size": {"16": {"mean": {"area": 0.4}, "cat": {}}}},
        },
    }
    (tmp_path / "small.json").write_text(json.dumps(card))
    (tmp_path / "small.safetensors").touch()
    (model,) = bundled_in(tmp_path)
    lines = [line.split() for line in card_lines(model)]
    assert "96 × 64 px, 1 classes, MIT" in "\n".join(card_lines(model))
    assert lines[2:] == [
        ["patch", "size", "8", "16"],
        ["accuracy", "small", "50.0%", "25.0%"],
        ["off", "small", "12.5%"],
        ["mass", "area", "40.0%"],
        ["shares"],
        ["mass:", "inside"],
    ]


def test_without_a_terminal_words_go_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    monkeypatch.setattr(sys, "argv", ["vitviz", "views"])
    assert main() == 0
    for stream in (sys.stdout, sys.stderr):
        assert stream is not None, "whoever asks whether it is a terminal gets an answer"
        assert not stream.isatty()
        stream.close()


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"], Window()) == 0
    assert vitviz.__version__ in capsys.readouterr().out
    assert run(["--help"], Window()) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("views", "models", "draw", "--screenshot", "--model"))


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_drawing_into_a_file(
    suffix: str,
    picture: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / f"figure{suffix}"
    line = [
        "draw",
        str(picture),
        "--view",
        "heads",
        "--model",
        str(tiny_checkpoint),
        "-o",
        str(out),
    ]
    more = [
        "--token",
        "1,2",
        "--layer",
        "0",
        "--head",
        "1",
        "--option",
        "opacity=0.5",
        "--option",
        "direction=is looked at by",
        "--fit",
        "squash",
    ]
    assert run(line + more, Window()) == 0
    assert capsys.readouterr().out.strip() == str(out)
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert out.read_bytes().startswith(start)


def test_drawing_without_weights_and_without_a_name_for_the_file(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = [
        "draw",
        str(picture),
        "-v",
        "rollout",
        "-m",
        "test_vit",
        "--untrained",
        "--token",
        "class",
    ]
    assert run(line, Window()) == 0
    assert (tmp_path / "photo-rollout.png").is_file()


@pytest.mark.parametrize(
    ("change", "said", "code"),
    [
        ({"picture": "gone.png"}, "gone.png was not found", 1),
        ({"--token": "99,99"}, "99", 2),
        ({"--token": "nobody"}, "nobody", 2),
        ({"--layer": "77"}, "77", 2),
        ({"--head": "77"}, "77", 1),
        ({"--model": "no_such_model.safetensors"}, "no_such_model.safetensors", 1),
        ({"-o": "figure.xyz"}, ".xyz", 2),
        ({"--option": "opacity=7"}, "opacity", 1),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence_and_wrong_use_gives_2(
    change: dict[str, str],
    said: str,
    code: int,
    picture: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = {"--view": "heads", "--model": str(tiny_checkpoint), "-o": str(tmp_path / "f.png")}
    source = change.get("picture", str(picture))
    settings |= {name: value for name, value in change.items() if name != "picture"}
    arguments = [part for pair in settings.items() for part in pair]
    assert run(["draw", source, *arguments], Window()) == code
    error = capsys.readouterr().err.strip()
    assert said in error
    assert error.startswith("vitviz: ")
    assert "\n" not in error


def vitviz_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    }
    return subprocess.run(
        [sys.executable, "-m", "vitviz", *arguments],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_process_has_exit_codes_and_never_imports_qt_for_a_command() -> None:
    done = vitviz_process("views", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert vitviz_process("--nonsense").returncode == 2
    code = (
        "import sys; from vitviz.cli import run\n"
        "run(['views', '--json'], lambda launch: 0)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'PySide6', 'torch'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can lack a display")
def test_without_a_display_one_sentence_says_so() -> None:
    done = vitviz_process()
    assert done.returncode == 1
    assert "no display" in done.stderr
    assert done.stderr.count("\n") == 1
    done = vitviz_process("photo.jpg", DISPLAY=":987")
    assert done.returncode == 1
    assert ":987 does not answer" in done.stderr


@pytest.mark.parametrize(
    "more",
    [
        ["-v", "difference", "--against", "32", "--option", "maps=attention"],
        ["-v", "difference", "--against", "test_vit2"],
        ["-v", "cka", "--against", "@320"],
    ],
)
def test_drawing_one_against_another(more: list[str], picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "figure.png"
    line = ["draw", str(picture), "-m", "test_vit", "--untrained", "-o", str(out)]
    assert run(line + more, Window()) == 0
    with Image.open(out) as figure:
        made = json.loads(figure.info["vitviz"])
    assert any(name.startswith("against ") for name in made)


def test_a_mark_is_a_box_or_a_mask_and_the_recipe_holds_it(
    picture: Path, tmp_path: Path, photo: np.ndarray
) -> None:
    mask, out = np.zeros(photo.shape[:2], np.uint8), tmp_path / "why.png"
    mask[: len(mask) // 2] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    for mark in ("10,10,60,80", str(tmp_path / "mask.png")):
        line = (
            f"draw {picture} --view why --model test_vit --untrained --out {out} --overwrite --mark"
        )
        assert run([*line.split(), mark], Window()) == 0
        options = dict(read_recipe(out)["made"]["options"])
        area = PictureArea.read(options["mark"])
        assert area.mask is not None if mark.endswith("png") else len(area.boxes) == 1


def test_layers_over_several_pictures(picture: Path, tmp_path: Path, photo: np.ndarray) -> None:
    line = ["draw", str(picture), "-v", "cka", "-m", "test_vit", "--untrained", "--against", "32"]
    for index in range(4):
        other = tmp_path / f"{index}.png"
        Image.fromarray(np.roll(photo, 30 * index + 30, axis=1)).save(other)
        line += ["--also", str(other)]
    assert (
        run([*line, "--option", "samples=pictures", "-o", str(tmp_path / "cka.svg")], Window()) == 0
    )
    assert "5 pictures as samples" in (tmp_path / "cka.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("more", [["-v", "cka"], ["-v", "heads", "--against", "8"]])
def test_two_where_one_is_drawn_are_wrong_arguments(
    more: list[str], picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["draw", str(picture), "-m", "test_vit", "--untrained", *more], Window()) == 2
    assert "--against" in capsys.readouterr().err
