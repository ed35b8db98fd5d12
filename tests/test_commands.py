"""Commands without a window: files of many kinds, made again, many at once, honest exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitviz.cli import run

ROOT = Path(__file__).resolve().parents[1]


def no_window(_launch: object) -> int:
    raise AssertionError("a command opened the window")


def ran(*words: object) -> int:
    return run([str(word) for word in words], no_window)


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray) -> Path:
    place = tmp_path / "my photos 狐"
    place.mkdir()
    for at in range(3):
        Image.fromarray(np.roll(photo, 30 * at, axis=0)).save(place / f"photo {at}.png")
    return place


def test_several_pictures_go_into_a_folder(
    folder: Path, tmp_path: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert ran("draw", folder, "-v", "heads", "-m", tiny_checkpoint, "-o", out, "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert sorted(file.name for file in out.iterdir()) == [
        f"photo {at}-heads.png" for at in range(3)
    ]
    assert [Path(line["files"][0]).name for line in listed] == [
        f"photo {at}-heads.png" for at in range(3)
    ]


def test_existing_files_need_overwrite(
    folder: Path, tmp_path: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figure.svg"
    out.write_text("mine")
    line = ("draw", folder / "photo 0.png", "-v", "heads", "-m", tiny_checkpoint, "-o", out)
    assert ran(*line) == 1
    assert "is there already" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert ran(*line, "--overwrite") == 0
    assert out.read_text("utf-8").startswith("<?xml")


def test_a_figure_is_replayed_with_the_same_numbers(
    folder: Path, tmp_path: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = folder / "figure.png"
    line = ("draw", folder / "photo 1.png", "-v", "rollout", "-m", tiny_checkpoint, "-o", figure)
    more = (
        "--token",
        "2,3",
        "--option",
        "keep=0.3",
        "--data",
        "--width",
        "one column",
        "--letters",
        "--without",
        "caption",
        "--patch",
        "32",
    )
    assert ran(*line, *more) == 0
    again = tmp_path / "again.npz"
    assert ran("replay", figure, "-o", again, "--model", tiny_checkpoint) == 0
    assert again.read_bytes() == figure.with_suffix(".npz").read_bytes()
    print_again = tmp_path / "again.png"
    capsys.readouterr()
    assert ran("replay", figure, "-o", print_again, "--model", tiny_checkpoint, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"figure": str(figure), "file": str(print_again), "remarks": []}
    assert print_again.read_bytes() == figure.read_bytes()
    assert ran("replay", folder / "photo 1.png", "-o", tmp_path / "b.png") == 1
    assert "holds no recipe" in capsys.readouterr().err


def test_over_layers_is_a_page_or_an_animation(
    folder: Path, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    line = ("draw", folder / "photo 0.png", "-v", "heads", "-m", tiny_checkpoint)
    page, film = tmp_path / "page.npz", tmp_path / "film.gif"
    assert ran(*line, "--over", "layer=0,2", "--over", "head", "-o", page) == 0
    with np.load(page) as arrays:
        assert len([name for name in arrays if name.startswith("panel")]) == 2 * 2
    assert ran(*line, "--over", "layer", "--width", "60", "-o", film) == 0
    with Image.open(film) as image:
        assert image.n_frames == 6
    assert ran(*line, "-o", tmp_path / "still.gif") == 2
    assert ran(*line, "--over", "nothing", "-o", tmp_path / "a.png") == 1


def test_trace_writes_rows_with_their_axes(
    folder: Path, tmp_path: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.npz"
    line = ("trace", folder / "photo 0.png", "-m", tiny_checkpoint, "-o", out)
    assert ran(*line, "--token", "1,1", "--matrices", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    with np.load(out) as arrays:
        assert arrays["rows"].ndim == len(told["axes"]["rows"].split()) == 3
        token = told["tokens"].index(told["token"])
        np.testing.assert_allclose(arrays["matrix_3"][:, token], arrays["rows"][3], atol=1e-7)
    assert ran(*line) == 1  # it is there already
    assert ran("trace", folder / "photo 0.png", "-o", tmp_path / "rows.txt") == 2


def test_a_batch_says_what_it_left_out_by_its_exit_code(
    folder: Path, tmp_path: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    line = (
        "batch",
        folder,
        "--rows",
        "-v",
        "heads",
        "-k",
        "npz",
        "-m",
        tiny_checkpoint,
        "-o",
        out,
        "--json",
    )
    assert ran(*line) == 0
    assert json.loads(capsys.readouterr().out)["done"] == 3
    (folder / "broken.jpg").write_bytes(b"nothing")
    assert ran(*line) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["done"], told["before"], len(told["broken"])) == (0, 3, 1)
    assert ran(*line, "--layer", "0") == 1
    assert "another order" in capsys.readouterr().err
    assert ran(*line, "--layer", "0", "--overwrite") == 3


@pytest.mark.parametrize(
    "words",
    [
        ("batch", ".", "-o", "out"),
        ("batch", ".", "--rows", "-o", "out", "--shard", "5/4"),
        ("batch", ".", "-v", "difference", "-o", "out"),
        ("draw", "-v", "heads"),
        ("draw", "a.png", "-v", "heads", "--width", "wide"),
    ],
)
def test_what_cannot_be_meant_gives_2(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photo: np.ndarray,
    tiny_checkpoint: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo).save("a.png")
    assert ran(*words, "-m", tiny_checkpoint) == 2
    assert "\n" not in capsys.readouterr().err.strip()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("completion", shell) == 0
    said = capsys.readouterr().out
    assert "vitviz" in said
    assert "replay" in said


@pytest.mark.parametrize(
    "command", ["draw", "trace", "replay", "batch", "views", "models", "smoke", "completion"]
)
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(command, "--help") == 0
    said = capsys.readouterr().out
    assert f"vitviz {command} " in said.partition("Examples:")[2]


def test_no_command_imports_qt(folder: Path, tmp_path: Path, tiny_checkpoint: Path) -> None:
    code = f"""
import sys
from vitviz.cli import run
def no(launch): raise AssertionError
picture, model = {str(folder / "photo 0.png")!r}, {str(tiny_checkpoint)!r}
assert run(["draw", picture, "-v", "heads", "-m", model, "-o", "f.svg"], no) == 0
assert run(["replay", "f.svg", "--picture", picture, "-m", model, "-o", "g.pdf"], no) == 0
assert run(["trace", picture, "-m", model, "-o", "r.npz"], no) == 0
assert run(["batch", {str(folder)!r}, "--rows", "-m", model, "-o", "out"], no) == 0
print(sorted(name for name in sys.modules if name.split(".")[0] in ("PySide6", "pyqtgraph")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DISPLAY": ""},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
