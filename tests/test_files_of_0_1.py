"""What vitviz 0.1.0 wrote is opened, replayed and resumed today (files_of_0_1/README.md)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QByteArray
from pytestqt.qtbot import QtBot

import vitviz
from vitviz.cli import run
from vitviz.core.data.drawing import Heat, Raster
from vitviz.core.data.geometry import Spot
from vitviz.core.data.selection import Place
from vitviz.core.progress import VitvizError
from vitviz.figures.recipes import read_recipe
from vitviz.folders.manifest import BatchManifest
from vitviz.gui.app.main_window import MainWindow
from vitviz.session.figure.figure_replay import FigureReplay, raw_again, replayed
from vitviz.session.files.settings import read_settings
from vitviz.session.session import Session
from vitviz.session.session_files import SessionFiles
from vitviz.session.work.jobs import InlineJobs
from vitviz.views import views

HERE = Path(__file__).parent / "files_of_0_1"
MADE_IN = "/tmp/vitviz-0.1"
MENDED = {"rollout-max.npz", "rollout-discard.npz"}
"""Rollout of maps whose rows do not sum to 1 is divided after the identity is added now, not before."""
FIGURES = sorted(
    file.name
    for file in HERE.iterdir()
    if file.suffix in (".npz", ".csv", ".png", ".svg", ".pdf", ".tiff")
    and file.name not in ("photo.png", "raw.npz")
)


@pytest.fixture(scope="module")
def kitchen() -> FigureReplay:
    """One for all figures, so that each model runs over each picture once."""
    return FigureReplay(HERE)


def numbers_in(file: Path) -> dict[str, np.ndarray]:
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays if name != "about"}


def again(name: str, kitchen: FigureReplay, folder: Path) -> tuple[dict[str, np.ndarray], str]:
    """The numbers of a figure made again, and what was remarked of its view."""
    kitchen.notes.clear()
    made = replayed(read_recipe(HERE / name), name, kitchen)
    assert made.book.vitviz == 2
    (drawing,) = made.drawings
    return numbers_in(vitviz.save(drawing, folder / "again.npz")), " ".join(kitchen.notes)


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    assert set(one) <= set(other), "what 0.1 had is there; more may stand beside it"
    return all(
        np.allclose(one[name], other[name], rtol=1e-3, atol=1e-5, equal_nan=True) for name in one
    )


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in MENDED])
def test_a_figure_is_made_again_with_the_same_numbers(name, kitchen, tmp_path) -> None:
    now, remarks = again(name, kitchen, tmp_path)
    assert same(numbers_in((HERE / name).with_suffix(".npz")), now)
    assert not remarks


def test_maps_of_0_1_tint_the_picture_as_they_did(kitchen) -> None:
    (drawing,) = replayed(read_recipe(HERE / "heads.npz"), "heads.npz", kitchen).drawings
    picture, heat, *_ = drawing.panels[0].layers
    assert isinstance(picture, Raster)
    assert picture.tone == "own colours"
    assert isinstance(heat, Heat)
    assert (heat.lay, heat.opacity) == ("tint", 0.65)
    assert dict(drawing.options)["lay"] == "tint"


@pytest.mark.parametrize("name", sorted(MENDED))
def test_what_was_mended_differs_and_says_so(name, kitchen, tmp_path) -> None:
    now, remarks = again(name, kitchen, tmp_path)
    assert not same(numbers_in(HERE / name), now)
    assert "is divided afterwards now: its numbers differ" in remarks


def test_the_figures_are_of_nearly_every_view_of_0_1() -> None:
    """Not of einops and mosaic, whose numbers are large; no bundled model has pools."""
    drawn = {read_recipe(HERE / name)["view"] for name in FIGURES}
    assert drawn <= set(views())
    assert {name for name in drawn if (HERE / f"{name}.npz").is_file()} == drawn
    assert len(drawn) == 20


def test_raw_attention_is_made_again(tmp_path: Path) -> None:
    data, _ = raw_again(read_recipe(HERE / "raw.npz"), HERE / "raw.npz", FigureReplay(HERE))
    made = tmp_path / "raw.npz"
    made.write_bytes(data)
    assert same(numbers_in(HERE / "raw.npz"), numbers_in(made))


def test_the_command_line_replays_a_figure(tmp_path: Path) -> None:
    made = tmp_path / "again.npz"
    assert run(["replay", str(HERE / "sheet.svg"), "-o", str(made)], lambda _launch: 0) == 0
    assert same(numbers_in(HERE / "sheet.npz"), numbers_in(made))


@pytest.fixture
def session() -> Session:
    return Session(InlineJobs(), save=lambda _settings: "")


def test_a_session_opens_with_all_that_was_chosen(
    session: Session, qtbot: QtBot, tmp_path: Path
) -> None:
    """Moved with its picture, as it is found beside it; in a window, with what that wants back."""
    for name in ("two columns.vitviz", "photo.png"):
        shutil.copy(HERE / name, tmp_path)
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    files, said = SessionFiles(session), []
    files.opened.connect(lambda _file, state: said.append(state))
    session.problems.connect(said.extend)
    files.open(tmp_path / "two columns.vitviz")
    (state,) = said
    window.compare.restore_state(state)
    known = json.loads((HERE / "two columns.vitviz").read_bytes())
    assert [each.key for each in session.pictures.open] == [one["key"] for one in known["pictures"]]
    first, second = session.columns
    assert [live.column.model.patch_size for live in (first, second)] == [16, 12]
    assert second.column.model.fit == "pad"
    assert [live.column.picture for live in (first, second)] == [
        one["picture"] for one in known["columns"]
    ]
    assert all(live.trace is not None for live in (first, second))
    assert [live.selection.depth for live in (first, second)] == [1.0, 0.0]
    assert {live.selection.pin for live in (first, second)} == {Place(Spot(30.5, 20.25))}
    assert session.columns.active.id == session.columns.reference.id == second.column.id
    assert not session.columns.links.depth
    assert session.columns.links.place
    assert (session.views.look.table, session.views.look.opacity) == ("magma", 0.4)
    assert session.views.look.lay == "tint"
    assert session.views.look_chosen == {"table", "opacity", "lay"}
    assert session.views.options == {
        "rollout": {"fuse": "max"},
        "whatif": {"positions": "removed"},
    }
    assert not session.views.one_range
    assert window.compare.state() == state == known["window"]
    window.close()


def test_settings_are_read_and_the_window_takes_its_state(
    session: Session, qtbot: QtBot, config_folder: Path
) -> None:
    config_folder.mkdir()
    shutil.copy(HERE / "settings.json", config_folder)
    settings, complaint = read_settings()
    assert complaint == ""
    assert (settings.theme, settings.fit, settings.memory_mb) == ("dark", "pad", 512)
    assert (settings.look.table, settings.look.opacity) == ("magma", 0.4)
    assert settings.recent_files == (f"{MADE_IN}/made/photo.png",)
    assert settings.recent_sessions == (f"{MADE_IN}/made/two columns.vitviz",)
    assert settings.favourites == ("vitviz/tnt",)
    assert settings.confirmed == {"0" * 64: "vit_tiny_patch16_224"}
    window = MainWindow(session)
    qtbot.addWidget(window)
    docks, _, _ = settings.window_state.partition(";")
    assert window.restoreGeometry(QByteArray.fromBase64(settings.window_geometry.encode()))
    assert window.restoreState(QByteArray.fromBase64(docks.encode()))
    window.place.restore(settings.window_geometry, settings.window_state)
    board = {name for name in views() if window.shown.is_shown(name)}
    assert {"heads", "rollout", "patches"} <= board
    assert board.isdisjoint({"cka", "difference", "distance"})
    window.close()


def test_a_batch_goes_on_where_0_1_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One picture was finished; it is left alone, a second one is made."""
    photos, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(HERE / "batch", out)
    photos.mkdir()
    shutil.copy(HERE / "photo.png", photos)
    order, picture = map(json.loads, (out / "manifest.jsonl").read_text().splitlines())
    order["order"]["folder"] = str(photos.resolve())
    picture["picture"] = str(photos / "photo.png")
    (out / "manifest.jsonl").write_text(f"{json.dumps(order)}\n{json.dumps(picture)}\n")
    when = picture["state"][1]
    os.utime(photos / "photo.png", ns=(when, when))
    shutil.copy(HERE / "photo.png", photos / "second.png")
    words = [str(photos), "-v", "rollout", "-k", "npz", "--option", "keep=0.4"]
    model = ["--model", "vitviz/flexvit", "--patch", "16", "--device", "cpu"]
    stamp = (out / "photo-rollout.npz").stat().st_mtime_ns
    assert run(["batch", *words, *model, "--out", str(out), "--json"], lambda _launch: 0) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["done"], said["before"]) == (1, 1)
    assert (out / "photo-rollout.npz").stat().st_mtime_ns == stamp
    assert same(numbers_in(out / "photo-rollout.npz"), numbers_in(out / "second-rollout.npz"))


@pytest.mark.parametrize(
    ("typed", "now"), [("", None), ("3, 4", (3, 4)), ("1,2,0,1", (1, 2, 0, 1)), ("class", "class")]
)
def test_an_order_s_token_is_known_as_0_1_wrote_it(tmp_path: Path, typed: str, now: object) -> None:
    with BatchManifest(tmp_path, (1, 1), {"token": typed}):
        pass
    with BatchManifest(tmp_path, (1, 1), {"token": now}):
        pass
    with (
        pytest.raises(VitvizError, match="another order \\(token differs"),
        BatchManifest(tmp_path, (1, 1), {"token": (5, 5)}),
    ):
        pass


def test_an_installed_plugin_of_0_1_is_found_traced_and_drawn(tmp_path: Path) -> None:
    """Under the import paths, names and argument words of 0.1, through its entry points."""
    shutil.copy(HERE / "plugin_of_0_1.py", tmp_path)
    about = tmp_path / "plugin_of_0_1-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-of-0-1\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[vitviz.views]\nit = plugin_of_0_1\n\n[vitviz.models]\nit = plugin_of_0_1\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _USE, str(tmp_path), str(HERE / "photo.png")],
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["lens", "of", "0.1", "7", "7", "(3,", "4)", "True", "True"], (
        done.stderr
    )


_USE = """
import sys; sys.path.insert(0, sys.argv[1])
import numpy as np, vitviz
from vitviz.views import views
assert {"received_of_0_1", "difference_of_0_1", "average_of_0_1"} <= set(views())
model = vitviz.load("lens_of_0_1", pretrained=False)
from vitviz.models.families import family_of
print(family_of(model.module)[0])
one = vitviz.trace(model, sys.argv[2])
two = vitviz.trace(model, np.zeros((50, 50, 3), np.uint8))
print(one.grid.rows, one.grid.cols, (len(one.layers), one.heads))
def shown(view, **more):
    file = vitviz.save(vitviz.draw(view, one, **more), sys.argv[1] + "/numbers.npz")
    with np.load(file) as arrays:
        return next(arrays[name] for name in arrays if name != "about")
alone, average = shown("received_of_0_1"), shown("average_of_0_1", others=[two])
apart = shown("difference_of_0_1", against=two)
also = shown("difference_of_0_1", against=two, also=[(one, one)])
print(bool(np.allclose(alone - apart / 2, average, atol=1e-7)))
print(bool(np.abs(apart).max() > 0 and np.allclose(also, apart / 2, atol=1e-7)))
"""
