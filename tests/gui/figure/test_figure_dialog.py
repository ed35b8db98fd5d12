"""The composer shows the very page that it saves, and copies what runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

import vitviz
from vitviz.cli import run
from vitviz.core.data.drawing import Drawing, Heat
from vitviz.core.drawings.shared_ranges import in_ranges
from vitviz.figures.numbers import numbers
from vitviz.figures.recipes import read_recipe
from vitviz.figures.render import pixels
from vitviz.gui.canvas.qimages import heat_image
from vitviz.gui.figure.drag_out import figure_to_drop
from vitviz.gui.figure.figure_dialog import DIMMED, FigureDialog
from vitviz.gui.figure.figure_source import composition_of, copy_as, open_composer
from vitviz.session.figure.figure_composition import compose
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest


@pytest.fixture(scope="module")
def file(tmp_path_factory, photo: np.ndarray) -> Path:
    place = tmp_path_factory.mktemp("my photos") / "photo 1.png"
    Image.fromarray(photo).save(place)
    return place


@pytest.fixture(scope="module")
def session(file: Path, tiny_checkpoint: Path) -> Session:
    made = Session(InlineJobs(), save=lambda _settings: "")
    made.columns.use_model(ModelRequest(str(tiny_checkpoint)))
    made.open([str(file)])
    made.views.want(["heads", "rollout"])
    made.views.set_option("rollout", "keep", 0.25)
    return made


@pytest.fixture
def composer(qtbot: QtBot, session: Session) -> Iterator[FigureDialog]:
    made = open_composer(None, session, session.views.drawings["heads"], lambda _said: None)
    assert made is not None
    yield made
    made.close()


def choose(box, value) -> None:
    at = box.findData(value)
    assert at >= 0
    box.setCurrentIndex(at)
    box.activated.emit(at)


def saved(composer: FigureDialog, target: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", staticmethod(lambda *_: (str(target), "PNG (*.png)"))
    )
    composer.save()
    return target


def test_what_is_seen_is_the_file(
    composer: FigureDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composer.form.dpi.setValue(100)
    composer.refresh()
    made = composer.made
    assert made is not None
    with Image.open(saved(composer, tmp_path / "figure.png", monkeypatch)) as image:
        printed = np.asarray(image.convert("RGBA"))
    np.testing.assert_array_equal(printed, pixels(made.page, made.paper))


def test_grids_have_a_drawing_for_every_layer_and_head(
    composer: FigureDialog, session: Session
) -> None:
    form = composer.form
    choose(form.across, "head")
    choose(form.down, "layer")
    form.down_list.setText("0,1")
    composer.refresh()
    assert composer.made is not None
    assert session.trace is not None
    assert len(composer.made.drawings) == 2 * session.trace.heads
    page = composer.made.page
    assert [panel.title for panel in page.rows[0][1:]] == [
        f"head {at + 1}" for at in range(session.trace.heads)
    ]
    assert composer.film_button.isEnabled()
    bars = {(panel.bar.low, panel.bar.high) for panel in page.panels if panel.bar is not None}
    assert len(bars) == 1


def test_a_page_of_columns_stands_side_by_side(qtbot: QtBot, session: Session) -> None:
    session.columns.add_beside(ModelRequest(session.request.name, patch_size=32))
    session.views.want(["heads"], [live.id for live in session.columns])
    made = open_composer(None, session, session.views.drawings["heads"], lambda _said: None)
    assert made is not None
    choose(made.form.across, "columns")
    made.refresh()
    assert made.made is not None
    sizes = {one.values.shape for one in numbers(made.made.page)}
    assert len(made.made.drawings) == len(sizes) == 2
    made.close()
    session.columns.close(session.columns.active.id)
    session.views.want(["heads", "rollout"])


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_nothing_is_replaced_that_was_not_asked_for(
    composer: FigureDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """The dialog asks for the name as it was typed; suffixes and files of numbers come after that."""
    (tmp_path / "Fig. 3.png").write_text("mine")
    (tmp_path / "Fig. 3.csv").write_text("mine")
    said: list[str] = []

    def question(_parent, _title, text):
        said.append(text)
        return QMessageBox.StandardButton[answer]

    monkeypatch.setattr(QMessageBox, "question", staticmethod(question))
    composer.form.numbers.setChecked(True)
    saved(composer, tmp_path / "Fig. 3", monkeypatch)
    assert said == ["Fig. 3.png and Fig. 3.csv already exist.\nReplace?"]
    kept = [file.read_bytes() == b"mine" for file in sorted(tmp_path.glob("*.[pc]*"))]
    assert kept == [answer == "No"] * 2
    assert (tmp_path / "Fig. 3.npz").exists() == (answer == "Yes")


def test_a_whole_column_is_a_page_with_its_options(qtbot: QtBot, session: Session) -> None:
    made = open_composer(
        None, session, session.views.drawings["heads"], lambda _said: None, whole=True
    )
    assert made is not None
    assert made.made is not None
    drawings = made.made.drawings
    assert [drawing.view for drawing in drawings] == ["heads", "rollout"]
    assert dict(drawings[1].options)["keep"] == 0.25
    assert len(made.made.page.rows) == sum(len(drawing.rows) for drawing in drawings)
    made.close()


class Watched(InlineJobs):
    """Work at once, told of each step at once, as if every step took long."""

    def _progress(self, job):
        def report(done: float, total: float, what: str = "") -> None:
            job.done, job.total, job.what = done, total, what
            self.progressed.emit(job)

        return report


def test_a_page_that_takes_a_while_says_how_far_it_is(
    qtbot: QtBot, file: Path, tiny_checkpoint: Path
) -> None:
    session = Session(jobs := Watched(), save=lambda _settings: "")
    session.columns.use_model(ModelRequest(str(tiny_checkpoint)))
    session.open([str(file)])
    session.views.want(["heads"])
    made = open_composer(None, session, session.views.drawings["heads"], lambda _said: None)
    assert made is not None
    said: list[str] = []
    shown: list[tuple[bool, float, int]] = []

    def look(_job: object) -> None:
        said.append(made._said.text())
        shown.append((made._stop.isHidden(), made._dimmed.opacity(), made._bar.value()))

    jobs.progressed.connect(look)
    choose(made.form.across, "layer")
    made.refresh()
    layers = len(session.trace.layers)
    assert any(f"(2 of {layers})" in text for text in said)
    assert any(text.startswith("Composing: printing page 1 of 1") for text in said)
    assert {(hidden, opacity) for hidden, opacity, _ in shown} == {(False, DIMMED)}
    assert {value for _, _, value in shown} >= {1, layers - 1}
    assert made._stop.isHidden()  # it is there
    assert made._dimmed.opacity() == 1
    made.stop()
    assert "as it was before" in made._said.text()
    made.close()


def test_another_title_draws_nothing_anew(composer: FigureDialog) -> None:
    choose(composer.form.across, "layer")
    composer.refresh()
    before = composer.made
    composer.form.heading.setText("My title")
    composer.form.type_size.setValue(6)
    composer.refresh()
    now = composer.made
    assert now.page.title == "My title"
    assert now.drawings == before.drawings
    assert all(one is other for one, other in zip(now.drawings, before.drawings, strict=True))
    composer.form.across_list.setText("0,1")
    composer.refresh()
    assert len(composer.made.drawings) == 2


def test_pictures_down_and_heads_across(
    qtbot: QtBot, session: Session, photo: np.ndarray, tmp_path: Path
) -> None:
    Image.fromarray(np.ascontiguousarray(photo[::-1])).save(tmp_path / "upside_down.png")
    session.open([str(tmp_path / "upside_down.png")])
    session.views.want(["heads"])
    made = open_composer(None, session, session.views.drawings["heads"], lambda _said: None)
    choose(made.form.down, "picture")
    choose(made.form.across, "head")
    made.refresh()
    page, drawings = made.made.page, made.made.drawings
    names = [row[0].layers[0].labels[0].text for row in page.rows]
    assert names == ["photo 1", "upside down"]
    assert [panel.title for panel in page.rows[0][1:]] == ["head 1", "head 2"]
    keys = [dict(drawing.recipe)["picture key"] for drawing in drawings]
    assert len(set(keys)) == 2
    choose(made.form.down, "size")
    choose(made.form.across, "picture")
    made.refresh()
    assert [row[0].layers[0].labels[0].text for row in made.made.page.rows] == [
        "patch 32",
        "patch 16",
        "patch 8",
    ]
    made.close()
    session.pictures.close(keys[-1])
    session.views.want(["heads", "rollout"])


def test_one_bar_for_all_is_one_range(composer: FigureDialog) -> None:
    form = composer.form
    choose(form.across, "layer")
    assert form.bars.currentData() == "shared"
    form.one_range.setChecked(False)
    assert form.bars.currentData() == "each"
    composer.refresh()
    bars = {
        (each.bar.low, each.bar.high) for each in composer.made.page.panels if each.bar is not None
    }
    assert len(bars) > 1
    choose(form.bars, "shared")
    assert form.one_range.isChecked()
    composer.refresh()
    bars = {
        (each.bar.low, each.bar.high) for each in composer.made.page.panels if each.bar is not None
    }
    assert len(bars) == 1


def test_a_page_has_a_height_and_goes_on(
    composer: FigureDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = composer.form
    form.dpi.setValue(50)
    choose(form.across, "views")
    form.page_height.setValue(100)
    composer.refresh()
    pages = len(composer.made.printed)
    assert pages > 1
    assert f"{pages} pages of 180 × " in composer._said.text()
    saved(composer, tmp_path / "figure.png", monkeypatch)
    assert len(list(tmp_path.glob("figure*.png"))) == pages
    form.page_height.setValue(form.page_height.minimum())
    composer.refresh()
    assert len(composer.made.printed) == 1


def test_what_cannot_be_drawn_is_said_and_cannot_be_saved(composer: FigureDialog) -> None:
    choose(composer.form.across, "layer")
    composer.form.across_list.setText("77")
    composer.refresh()
    assert "there is no layer 77" in composer._said.text()
    assert not composer.save_button.isEnabled()
    composer.form.across_list.setText("0")
    composer.refresh()
    assert composer.save_button.isEnabled()


def test_numbers_are_saved_beside_it(
    composer: FigureDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composer.form.numbers.setChecked(True)
    composer.refresh()
    saved(composer, tmp_path / "figure.svg", monkeypatch)
    assert {each.suffix for each in tmp_path.iterdir() if each.is_file()} == {
        ".svg",
        ".npz",
        ".csv",
    }


def test_an_animation_has_all_frames(
    composer: FigureDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(composer.form.across, "layer")
    composer.form.across_list.setText("0-2")
    choose(composer.form.width_preset, 85.0)
    composer.refresh()
    target = tmp_path / "layers.gif"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", staticmethod(lambda *_: (str(target), "GIF (*.gif)"))
    )
    composer.save_animation()
    with Image.open(target) as image:
        assert image.n_frames == 3


def test_the_clipboard_has_the_page(composer: FigureDialog) -> None:
    composer.form.dpi.setValue(60)
    composer.refresh()
    composer.copy()
    image = QGuiApplication.clipboard().image()
    assert image.width() == round(180 / 25.4 * 60)


def test_the_clipboard_has_a_grid_in_the_blocks_that_are_seen(composer: FigureDialog) -> None:
    composer.form.dpi.setValue(60)
    choose(composer.form.across, "head")
    choose(composer.form.down, "layer")
    composer.form.page_height.setValue(200)
    composer.refresh()
    made = composer.made
    assert made is not None
    assert len(made.printed) == 1
    high = made.printed[0].shape[0] / made.printed[0].shape[1]
    composer.copy()
    image = QGuiApplication.clipboard().image()
    assert image.height() / image.width() == pytest.approx(high, rel=0.02)
    assert image.height() <= round(200 / 25.4 * 60) + 1


def test_a_view_dragged_out_is_a_png_with_its_recipe(session: Session) -> None:
    shown = QImage(20, 10, QImage.Format.Format_RGB32)
    mime = figure_to_drop(session.views.drawings["rollout"], shown)
    dropped = Path(mime.urls()[0].toLocalFile())
    assert dropped.name == "photo 1-rollout.png"
    assert read_recipe(dropped)["options"] == {"keep": 0.25}


def test_copied_python_and_command_draw_the_same(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    assert session.trace is not None
    session.chosen.pin(vitviz.views.api.selection_of(session.trace, token=(1, 2)).pin)
    on_screen = session.views.drawings["rollout"]
    first = composition_of(session, on_screen)
    assert first is not None
    shown, _ = compose(first)
    assert numbers(shown)[0].values == pytest.approx(numbers(on_screen)[0].values, rel=1e-5)
    assert copy_as("python", session, shown).startswith("Copied as Python")
    code = QGuiApplication.clipboard().text()
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(code, found)
    same(found["drawing"], shown)
    assert copy_as("command", session, shown).startswith("Copied as a command")
    line = QGuiApplication.clipboard().text()
    words = shlex.split(line)
    assert run([*words[1:], "--overwrite", "--data"], lambda _launch: 0) == 0
    with np.load(tmp_path / "rollout.npz") as arrays:
        np.testing.assert_allclose(arrays["panel1"], numbers(shown)[0].values, rtol=1e-5)


def test_what_is_copied_has_the_range_shared_with_the_columns_beside(
    session: Session, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = session.views.drawings["heads"]
    bar = own.panels[0].bar
    assert bar is not None
    shared = in_ranges(own, [(0, bar.low, 4 * bar.high)])
    assert shared.ranges == ((0, bar.low, 4 * bar.high),)
    monkeypatch.chdir(tmp_path)
    assert copy_as("python", session, shared).startswith("Copied")
    found: dict = {}
    exec(QGuiApplication.clipboard().text(), found)
    assert [panel.bar for panel in found["drawing"].panels] == [p.bar for p in shared.panels]
    assert copy_as("command", session, shared).startswith("Copied")
    words = shlex.split(QGuiApplication.clipboard().text())
    assert run([*words[1:], "--overwrite"], lambda _launch: 0) == 0
    ranges = read_recipe(tmp_path / "heads.png")["ranges"]
    assert ranges[0] == [0, bar.low, 4 * bar.high]
    assert run([*words[1:], "--overwrite", "--range", "0=much"], lambda _launch: 0) == 2


def same(one: Drawing, other: Drawing) -> None:
    for a, b in zip(numbers(one), numbers(other), strict=True):
        np.testing.assert_allclose(a.values, b.values, rtol=1e-5)
    assert one.made == other.made


def test_screen_and_paper_colour_maps_alike(session: Session) -> None:
    """Both go through core.colors: the same cell differs by at most 2 of 255."""
    from vitviz.figures.render import render

    drawing = session.views.drawings["heads"]
    heat = next(layer for layer in drawing.panels[0].layers if isinstance(layer, Heat))
    qt = heat_image(heat).convertToFormat(QImage.Format.Format_RGBA8888_Premultiplied)
    rows, cols = qt.height(), qt.width()
    screen = np.frombuffer(qt.constBits(), np.uint8).reshape(rows, cols, 4)[..., :3].astype(int)
    figure = render(drawing)
    printed = np.asarray(figure.axes[0].images[1].get_array())
    factor = printed.shape[0] // rows
    paper = printed[factor // 2 :: factor, factor // 2 :: factor].astype(int)
    paper = paper[..., :3] * paper[..., 3:] // 255  # what is hardly there has hardly a colour
    assert np.abs(screen - paper).max() <= 2


def test_a_composition_knows_its_columns(session: Session) -> None:
    first = composition_of(session, session.views.drawings["heads"])
    assert first is not None
    assert len(first.beside) == 1
    assert dict(first.subject.values) == {}
