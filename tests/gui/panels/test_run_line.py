"""A slider over the checkpoints of a training, which follows the folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from pytestqt.qtbot import QtBot
from safetensors.torch import save_file

from vitviz.cli import run
from vitviz.gui.app.main_window import MainWindow
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three checkpoints of one small model, each with other weights."""
    folder = tmp_path_factory.mktemp("training")
    for step in (100, 200, 300):
        torch.manual_seed(step)
        model = timm.create_model("test_vit", num_classes=3)
        save_file(model.state_dict(), str(folder / f"test_vit-step{step}.safetensors"))
    return folder


def test_the_slider_goes_through_the_run_and_keeps_the_place(
    qtbot: QtBot, steps: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    run_folder = tmp_path / "run"
    shutil.copytree(steps, run_folder)
    picture = tmp_path / "photo.png"
    Image.fromarray(photo).save(picture)
    window = MainWindow(Session(InlineJobs(), save=lambda _settings: ""))
    qtbot.addWidget(window)
    window.show()
    window.session.open([picture])
    assert not window.run.isVisible()
    window._show_step(str(run_folder / "test_vit-step300.safetensors"))
    assert window.run.isVisible()
    assert (window.run.slider.value(), window.run.slider.maximum()) == (2, 2)
    assert "step 300, 3 of 3" in window.run.words.text()
    window.session.chosen.select(depth=0.0)
    first = window.session.trace
    window.run.slider.setValue(0)
    second = window.session.trace
    assert first is not None
    assert second is not None
    assert second.model.name.endswith("test_vit-step100.safetensors")
    assert not np.allclose(first.layers[0].attention.rows(0), second.layers[0].attention.rows(0))
    assert window.session.selection.depth == 0.0
    window.run.slider.setValue(2)
    shutil.copy(steps / "test_vit-step100.safetensors", run_folder / "test_vit-step400.safetensors")
    window.run.look_again()
    assert window.run.slider.value() == 3
    assert window.session.request.name.endswith("step400.safetensors")
    window.run.slider.setValue(1)
    shutil.copy(steps / "test_vit-step100.safetensors", run_folder / "test_vit-step500.safetensors")
    window.run.look_again()
    assert (window.run.slider.value(), window.run.slider.maximum()) == (1, 4), "an older one stays"


def test_a_figure_over_the_checkpoints(
    steps: Path, photo: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "photo.png"
    Image.fromarray(photo).save(picture)
    out = tmp_path / "run.npz"
    words = ["draw", str(picture), "--view", "rollout", "-o", str(out), "--model", str(steps)]
    assert run([*words, "--over", "checkpoint"], lambda _launch: 1) == 0
    assert len({name.partition("/")[0] for name in np.load(out)}) > 1
    assert run([*words, "--over", "checkpoint=7", "--overwrite"], lambda _launch: 1) == 2
    assert "it has 100, 200, 300" in capsys.readouterr().err
