"""Checkpoints of a training are told apart by the numbers in their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitviz.session.app.sources import classify
from vitviz.session.files.training_run import newest_step, run_around, run_in


def files(folder: Path, *names: str, size: int = 100_000) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(size))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["ckpt_10.pth", "ckpt_9.pth", "ckpt_100.pth"], ["9", "10", "100"]),
        (["epoch=1-step=200.ckpt", "epoch=0-step=100.ckpt"], ["step 100", "step 200"]),
        (["vit_epoch_2_lr0.1.pt", "vit_epoch_1_lr0.1.pt"], ["epoch 1", "epoch 2"]),
        (
            ["checkpoint-500/model.safetensors", "checkpoint-1000/model.safetensors"],
            ["step 500", "step 1000"],
        ),
        (["net.5.h5", "net.7.h5"], ["5", "7"]),
    ],
)
def test_steps_stand_in_the_order_of_what_they_count(
    names: list[str], words: list[str], tmp_path: Path
) -> None:
    files(tmp_path, *names)
    run = run_in(tmp_path)
    assert run is not None
    assert [step.words for step in run.steps] == words
    assert newest_step(tmp_path) == run.steps[-1].path
    again = run_around(run.steps[0].path)
    assert again is not None
    assert again.place(run.steps[0].path) == 0


def test_what_is_no_step_stands_aside(tmp_path: Path) -> None:
    files(tmp_path, "ckpt_1.pth", "ckpt_2.pth", "best.pth", "log_1.txt", ".ckpt_3.pth")
    run = run_in(tmp_path)
    assert run is not None
    assert [Path(step.path).name for step in run.steps] == ["ckpt_1.pth", "ckpt_2.pth"]
    assert run.others == ("best.pth",)
    assert run_around(tmp_path / "best.pth") is None


@pytest.mark.parametrize(
    "names",
    [
        ["one.pth"],
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
        ["vit_b_224.pth", "vit_s_224.pth"],
    ],
)
def test_files_that_are_no_run(names: list[str], tmp_path: Path) -> None:
    files(tmp_path, *names)
    assert run_in(tmp_path) is None
    assert newest_step(tmp_path) == str(tmp_path)
    assert run_in(tmp_path / "gone") is None


def test_models_of_different_size_are_no_run(tmp_path: Path) -> None:
    files(tmp_path, "vit16.pth")
    files(tmp_path, "vit32.pth", size=300_000)
    assert run_in(tmp_path) is None


def test_a_folder_of_steps_is_opened_at_the_newest(tmp_path: Path) -> None:
    files(tmp_path, "ckpt_1.pth", "ckpt_2.pth")
    found = classify([tmp_path])
    assert found.checkpoints == (str(tmp_path / "ckpt_2.pth"),)
    assert found.pictures == ()


@pytest.mark.parametrize("name", ["x" * 5000, "nul\0inside", "vit_base_patch16_224"])
def test_names_that_no_file_can_have_are_no_run(name: str) -> None:
    assert newest_step(name) == name
    assert run_around(name) is None
