"""Checkpoint files opened in the window: what they seem to be is asked about, what is sure is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from pytestqt.qtbot import QtBot
from safetensors.torch import save_file

from vitviz.core.data.said_facts import SaidFacts
from vitviz.gui.app.actions.model_actions import open_checkpoint, say_of_model
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.models.checkpoint_dialog import CheckpointDialog
from vitviz.gui.models.named_model_dialog import NamedModelDialog
from vitviz.gui.panels.badge_label import BadgeLabel


@pytest.fixture
def model_name() -> str:
    return "test_vit2"


@pytest.fixture(scope="module")
def nameless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose name says nothing, with two classes, for pictures that stand or lie."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("files") / "best.pth"
    made = timm.create_model("test_vit", num_classes=2, img_size=(80, 160))
    torch.save({"model": made.state_dict()}, file)
    return file


@pytest.fixture(scope="module")
def homemade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of sizes that nobody has a name for: nothing says how its pictures are prepared."""
    torch.manual_seed(0)
    sizes = {"img_size": 32, "depth": 2, "embed_dim": 64, "num_heads": 1, "num_classes": 3}
    file = tmp_path_factory.mktemp("files") / "mine.pth"
    torch.save(timm.create_model("vit_tiny_patch16_224", **sizes).state_dict(), file)
    return file


def asked(window: MainWindow) -> CheckpointDialog | None:
    return window.findChild(CheckpointDialog)


def opened(window: MainWindow, file: Path) -> CheckpointDialog:
    """The dialog that asks about a file."""
    open_checkpoint(window.parts, str(file))
    dialog = asked(window)
    assert dialog is not None
    return dialog


def test_a_file_that_says_what_it_is_opens_at_once(
    window: MainWindow, tiny_checkpoint: Path
) -> None:
    open_checkpoint(window.parts, str(tiny_checkpoint))
    assert asked(window) is None
    assert window.session.trace is not None
    assert window.session.trace.model.name == str(tiny_checkpoint)


def test_a_guess_is_shown_and_confirmed_once(window: MainWindow, nameless: Path) -> None:
    before = window.session.request
    window.session.open([str(nameless)])
    dialog = asked(window)
    assert dialog is not None
    assert window.session.request == before, "nothing is opened before it is confirmed"
    assert dialog.architecture.currentText() == "test_vit.r160_in1k"
    assert "160 × 80 px, patches of 16 px" in dialog.facts.text()
    assert "classes.txt" in dialog.facts.text()
    assert dialog.open_button.text() == "Open"
    dialog.accept()
    trace = window.session.trace
    assert trace is not None
    assert trace.model.classes == 2
    assert trace.model.weights == "trained"
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    window.session.columns.use_model(before)
    open_checkpoint(window.parts, str(nameless))
    assert asked(window) is None, "it was confirmed before"
    assert window.session.request.name == str(nameless)
    assert window.session.request.architecture is None, "a guess that is opened is not said by it"
    assert window.session.trace is not None
    assert "assumed" in window.session.trace.badge.words


def test_another_architecture_is_tried_and_may_not_fit(window: MainWindow, nameless: Path) -> None:
    dialog = opened(window, nameless)
    dialog.architecture.setEditText("vit_tiny_patch16_224")
    dialog.accept()
    assert dialog.isVisible(), "what was typed is looked at first"
    assert dialog.fit.objectName() == "bad"
    assert not dialog.open_button.isEnabled()
    dialog.architecture.setEditText("no_such_model")
    dialog._chosen()
    assert "no architecture 'no_such_model'" in dialog.fit.text()
    dialog.architecture.setEditText("test_vit")
    dialog._chosen()
    assert dialog.open_button.isEnabled()
    dialog.reject()


def test_every_sentence_has_its_room_whatever_the_width(
    qtbot: QtBot, window: MainWindow, nameless: Path
) -> None:
    dialog = opened(window, nameless)
    others = ("deit_tiny_patch16_224.fb_in1k", "vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    dialog.show_found(replace(dialog._found, others=others))
    for width in (560, 420):
        dialog.resize(width, dialog.height())
        QCoreApplication.sendPostedEvents()
        for label in (dialog._said, dialog.facts, dialog.fit):
            assert label.height() >= label.heightForWidth(label.width())
    dialog.reject()


def test_enter_opens_what_was_looked_at_and_looks_at_what_was_typed(
    qtbot: QtBot, window: MainWindow, nameless: Path
) -> None:
    dialog = opened(window, nameless)
    looked_at: list[str] = []
    dialog.asked.disconnect()
    dialog.asked.connect(lambda said: looked_at.append(said.architecture))
    dialog.architecture.setEditText("vit_tiny_patch16_224")
    qtbot.keyClick(dialog.architecture.lineEdit(), Qt.Key.Key_Return)
    assert set(looked_at) == {"vit_tiny_patch16_224"}
    assert dialog.isVisible()
    dialog.show_found(dialog._found)
    looked_at.clear()
    qtbot.keyClick(dialog.architecture.lineEdit(), Qt.Key.Key_Return)
    assert not looked_at
    assert not dialog.isVisible()
    assert window.session.request.name == str(nameless)


def test_a_part_of_a_model_is_listed_and_labelled(
    window: MainWindow, nameless: Path, tmp_path: Path
) -> None:
    state = torch.load(nameless, weights_only=True)["model"]
    part = {key: value for key, value in state.items() if not key.startswith("norm.")}
    torch.save({**part, "queue": torch.zeros(3)}, tmp_path / "test_vit.part.pth")
    open_checkpoint(window.parts, str(tmp_path / "test_vit.part.pth"))
    dialog = asked(window)
    assert dialog is not None
    assert "norm.weight" in dialog.names.toPlainText()
    assert "queue" in dialog.names.toPlainText()
    assert dialog.open_button.text() == "Open partly loaded"
    dialog.accept()
    trace = window.session.trace
    assert trace is not None
    assert trace.model.weights == "partly loaded"


def test_a_file_that_cannot_be_read_is_said(window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "broken.pth").write_bytes(b"nothing")
    open_checkpoint(window.parts, str(tmp_path / "broken.pth"))
    assert asked(window) is None
    assert any("broken.pth" in said for said in window.notices.sentences)


def test_the_badge_is_amber_and_a_click_opens_the_place_to_say_it(
    window: MainWindow, nameless: Path, qtbot: QtBot
) -> None:
    dialog = opened(window, nameless)
    dialog.accept()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    trace = window.session.trace
    assert trace is not None
    assert trace.badge.state == "assumed"
    badge = window.bar.findChild(BadgeLabel)
    assert badge is not None
    assert badge.property("state") == "assumed"
    assert badge.text().startswith("? assumed: ")
    assert [line.partition(":")[0] for line in badge.toolTip().split("\n")][-1] == "Model"
    qtbot.mouseClick(badge, Qt.MouseButton.LeftButton)
    again = asked(window)
    assert again is not None
    again.said.fields["mean"].setText("0.5")
    again.said.fields["std"].setText("0.5")
    again.accept()
    assert asked(window) is not None, "what was typed is looked at first"
    again.accept()
    assert window.session.request.facts == SaidFacts(mean=(0.5,), std=(0.5,))
    trace = window.session.trace
    assert trace is not None
    assert trace.model.mean == (0.5, 0.5, 0.5)
    assert "mean/std" not in trace.badge.words


def test_words_in_place_of_numbers_are_said(window: MainWindow, nameless: Path) -> None:
    dialog = opened(window, nameless)
    dialog.said.fields["num_heads"].setText("many")
    dialog.accept()
    assert asked(window) is dialog
    assert "are numbers" in dialog.fit.text()


def test_a_folder_and_a_file_without_an_ending_are_models_when_dropped(
    window: MainWindow, tmp_path: Path
) -> None:
    folder = tmp_path / "my_vit"
    folder.mkdir()
    torch.manual_seed(0)
    state = timm.create_model("test_vit", num_classes=3).state_dict()
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text('{"architecture": "test_vit.r160_in1k"}', encoding="utf-8")
    window.session.open([str(folder)])
    trace = window.session.trace
    assert trace is not None
    assert trace.model.called == "my_vit"
    torch.save(state, tmp_path / "best")
    pictures = len(window.session.pictures.open)
    window.session.open([str(tmp_path / "best")])
    if (dialog := asked(window)) is not None:
        dialog.accept()
    assert window.session.trace is not None
    assert window.session.trace.model.called == "best"
    assert len(window.session.pictures.open) == pictures


def test_a_program_of_another_kind_is_named_when_dropped(
    window: MainWindow, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\x08\x07\x12\x07pytorch" + bytes(100))
    before = window.session.request
    window.session.open([str(tmp_path / "model.onnx")])
    assert window.session.request == before
    assert any("is an ONNX graph" in said for said in window.notices.sentences)


def test_likely_preparations_are_shown_with_their_predictions_and_one_is_taken(
    window: MainWindow, homemade: Path
) -> None:
    dialog = opened(window, homemade)
    cells = dialog.preparations.cells
    assert {way.name for way in cells} == {"ImageNet", "0.5/0.5", "CLIP"}
    assert {way.crop_pct for way in cells} >= {0.875, 0.9, 0.95, 1.0}
    assert sum(cell.isChecked() for cell in cells.values()) == 1
    assert all("class " in cell.text() and "%" in cell.text() for cell in cells.values())
    way = next(each for each in cells if each.name == "CLIP" and each.crop_pct == 0.95)
    cells[way].click()
    assert dialog.preparations.cells[way] is cells[way], "what was chosen stays in sight"
    assert "mean/std" not in dialog.facts.text()
    words = cells[way].text().splitlines()
    dialog.accept()
    trace = window.session.trace
    assert trace is not None
    assert trace.model.mean == pytest.approx(way.mean)
    assert words == [
        trace.predictions[0].name,
        f"{trace.predictions[0].share:.1%}",
    ]
    assert "mean/std" not in trace.badge.words


def test_classes_size_and_how_answers_are_read_are_said_and_kept(
    window: MainWindow, nameless: Path, tmp_path: Path
) -> None:
    (tmp_path / "three.txt").write_text("ant\nbee\nfly\n")
    (tmp_path / "two.txt").write_text("ant\nbee\n")
    dialog = opened(window, nameless)
    dialog.said.fields["classes"].setText(str(tmp_path / "three.txt"))
    dialog.accept()
    assert "names 3 classes and best.pth has 2" in dialog.fit.text()
    dialog.said.fields["classes"].setText(str(tmp_path / "two.txt"))
    dialog.said.fields["input_size"].setText("96x128")
    dialog.said.scores.setCurrentIndex(2)
    dialog.accept()
    assert "named by two.txt" in dialog.facts.text()
    assert "128 × 96 px" in dialog.facts.text()
    dialog.accept()
    trace = window.session.trace
    assert trace is not None
    assert trace.model.input_size == (96, 128)
    assert trace.predictions[0].name in ("ant", "bee")
    assert trace.model.scores == "sigmoid"
    said = window.session.settings.now.said[str(nameless)]
    assert said.input_size == (96, 128)
    assert said.facts.multi_label is True
    before = window.session.request
    window.session.columns.use_model(replace(before, name="test_vit", pretrained=False))
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    window.session.open([str(nameless)])
    assert asked(window) is None, "nobody is asked twice"
    assert window.session.request.facts == before.facts


def test_which_of_two_encoders_is_asked_where_there_are_two(
    window: MainWindow, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    file = tmp_path / "two.pth"
    state = timm.create_model("test_vit", num_classes=2).state_dict()
    other = timm.create_model("test_vit", num_classes=2).state_dict()
    both = {f"student.{key}": tensor for key, tensor in state.items()}
    torch.save(both | {f"teacher.{key}": tensor for key, tensor in other.items()}, file)
    dialog = opened(window, file)
    assert dialog.said.encoder.isVisibleTo(dialog)
    assert [dialog.said.encoder.itemText(at) for at in (1, 2)] == ["student", "teacher"]
    dialog.said.encoder.setCurrentIndex(1)
    dialog.said.encoder.activated.emit(1)
    dialog.accept()
    assert window.session.request.facts.encoder == "student"
    assert window.session.trace is not None
    assert dict(window.session.trace.model.asked)["encoder"] == "student"


def test_the_badge_of_a_model_that_has_no_file_opens_too(
    window: MainWindow, qtbot: QtBot, photo: np.ndarray
) -> None:
    from vitviz.models import load

    torch.manual_seed(0)
    net = timm.create_model("test_vit", num_classes=2)
    window.session.show_model(load(net.eval()), [photo])
    assert window.session.trace is not None
    assert window.session.trace.badge.state == "assumed"
    badge = window.bar.findChild(BadgeLabel)
    assert badge is not None
    qtbot.mouseClick(badge, Qt.MouseButton.LeftButton)
    dialog = window.findChild(NamedModelDialog)
    assert dialog is not None
    assert "mean and std assumed" in dialog.known.text()
    assert "vitviz.load" in dialog.wrong.text()
    dialog.reject()


def test_a_named_models_preparation_is_said_where_its_badge_leads(
    window: MainWindow, qtbot: QtBot
) -> None:
    say_of_model(window.parts)
    dialog = window.findChild(NamedModelDialog)
    assert dialog is not None
    dialog.said.fields["mean"].setText("half")
    dialog.accept()
    assert "are numbers" in dialog.wrong.text()
    dialog.said.fields["mean"].setText("0.5")
    dialog.said.fields["std"].setText("0.5")
    dialog.accept()
    assert window.session.request.facts == SaidFacts(mean=(0.5,), std=(0.5,))
    assert window.session.trace is not None
    assert window.session.trace.model.mean == (0.5, 0.5, 0.5)


def test_a_folder_that_only_transformers_can_build_opens_without_a_question(
    window: MainWindow, tmp_path: Path
) -> None:
    hf = pytest.importorskip("transformers")
    small = {"embed_dim": 16, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4}
    config = hf.SwinConfig(**small, image_size=32, use_absolute_embeddings=True)
    hf.SwinForImageClassification(config).save_pretrained(tmp_path / "swin")
    window.session.open([str(tmp_path / "swin")])
    assert window.session.request.name == str(tmp_path / "swin")
    assert not window.findChildren(CheckpointDialog)
