"""Checkpoints as people have them, read once and by their content."""

from __future__ import annotations

import argparse
import inspect
import json
import pathlib
import pickle
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, _weights_only_unpickler, nn

from vitviz.core.progress import BadModel, Cancelled
from vitviz.models.loading.checkpoint.checkpoint import forget_checkpoint, read_checkpoint

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def vit() -> State:
    """timm's test_vit with three classes."""
    torch.manual_seed(0)
    return dict(timm.create_model("test_vit", num_classes=3).state_dict())


def same(found: State, expected: State) -> None:
    assert set(found) >= set(expected)
    assert all(found[key].equal(value) for key, value in expected.items())


@pytest.mark.parametrize("name", ["a.ckpt", "a.pth.tar", "a.bin", "a.model", "a", "a.png"])
def test_the_name_says_nothing(name: str, vit: State, tmp_path: Path) -> None:
    torch.save(vit, tmp_path / name)
    found = read_checkpoint(tmp_path / name)
    same(found.state, vit)
    assert found.container == "torch"
    save_file(vit, tmp_path / name)
    assert read_checkpoint(tmp_path / name).container == "safetensors"


def test_a_file_from_before_torch_1_6_and_arrays_by_timms_names_open(
    vit: State, tmp_path: Path
) -> None:
    torch.save(vit, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    same(read_checkpoint(tmp_path / "old.pth").state, vit)
    np.savez_compressed(tmp_path / "a.npz", **{key: value.numpy() for key, value in vit.items()})
    same(read_checkpoint(tmp_path / "a.npz").state, vit)


class Settings(dict):  # type: ignore[type-arg]
    """A training program's own kind of dict, as yacs has it."""


class Steps(list):  # type: ignore[type-arg]
    """A training program's own kind of list."""


class Slotted:
    """A class whose values are kept otherwise than by name."""

    __slots__ = ("rate",)

    def __init__(self) -> None:
        self.rate = 3


class Phase:
    """A training program's own class."""

    def __init__(self) -> None:
        self.lr, self.name = 0.1, "warm up"


def test_what_training_programs_keep_beside_weights_is_read_as_plain_values(
    vit: State, tmp_path: Path
) -> None:
    torch.save(
        {
            "model": OrderedDict(vit),
            "args": argparse.Namespace(model="vit_tiny", out=pathlib.PurePosixPath("runs/1")),
            "best": np.float64(0.91),
            "steps": np.arange(3),
            "counts": defaultdict(int, a=1),
            "config": Settings(img_size=96),
            "phase": Phase(),
            "slots": Slotted(),
        },
        tmp_path / "run.pth",
    )
    found = read_checkpoint(tmp_path / "run.pth")
    same(found.state, vit)
    assert found.prefix == "model."
    assert found.beside["args"] == {"model": "vit_tiny", "out": "runs/1"}
    assert found.beside["best"] == 0.91
    assert type(found.beside["best"]) is float
    assert found.beside["config"] == {"img_size": 96}


@pytest.mark.skipif(
    "Can only extend lists" in inspect.getsource(_weights_only_unpickler),
    reason="this torch fills no list of another kind, the file is refused",
)
def test_a_list_of_somebodys_kind_is_read_as_a_plain_one(vit: State, tmp_path: Path) -> None:
    torch.save({"model": vit, "milestones": Steps([30, 60])}, tmp_path / "run.pth")
    same(read_checkpoint(tmp_path / "run.pth").state, vit)


def test_a_class_of_somebodys_is_never_made(vit: State, tmp_path: Path, monkeypatch: Any) -> None:
    torch.save({"model": vit, "phase": Phase()}, tmp_path / "run.pth")
    monkeypatch.setattr(Phase, "__setstate__", lambda *_: pytest.fail("made"), raising=False)
    found = read_checkpoint(tmp_path / "run.pth")
    assert found.beside["phase"] == {"lr": 0.1, "name": "warm up"}


def test_the_tensors_of_a_whole_network_are_read_and_its_code_is_not(tmp_path: Path) -> None:
    model = timm.create_model("test_vit", num_classes=3)
    torch.save(nn.DataParallel(model), tmp_path / "whole.pth")
    found = read_checkpoint(tmp_path / "whole.pth")
    same(found.state, dict(model.state_dict()))
    assert found.prefix == "module."
    assert any("its own code is not run" in note for note in found.notes)


def test_shards_are_one_checkpoint_by_index_and_by_any_of_them(vit: State, tmp_path: Path) -> None:
    keys = list(vit)
    files = [f"model-{number:05}-of-00003.safetensors" for number in (1, 2, 3)]
    for number, file in enumerate(files):
        save_file({key: vit[key] for key in keys[number::3]}, tmp_path / file)
    names = {key: files[index % 3] for index, key in enumerate(keys)}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": names}), encoding="utf-8")
    (tmp_path / "config.json").write_text('{"hidden_size": 64}', encoding="utf-8")
    for path in (index, tmp_path / files[1], tmp_path):
        found = read_checkpoint(path)
        same(found.state, vit)
        assert found.config["hidden_size"] == 64
    assert read_checkpoint(tmp_path).title == tmp_path.name
    assert read_checkpoint(index).title == tmp_path.name, (
        "every such file is called model.safetensors"
    )
    torch.save({key: vit[key] for key in keys[:9]}, tmp_path / "b-00001-of-00002.bin")
    torch.save({key: vit[key] for key in keys[9:]}, tmp_path / "b-00002-of-00002.bin")
    same(read_checkpoint(tmp_path / "b-00002-of-00002.bin").state, vit)
    (tmp_path / files[2]).unlink()
    with pytest.raises(
        BadModel, match=r"is one of 3 files .* and model-00003-of-00003.safetensors"
    ):
        read_checkpoint(tmp_path)


def test_an_index_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../other.safetensors"}}), encoding="utf-8")
    with pytest.raises(BadModel, match="in another folder"):
        read_checkpoint(index)


def test_a_file_is_read_once_until_it_changes(vit: State, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(vit, path)
    found = read_checkpoint(path)
    assert read_checkpoint(path) is found
    forget_checkpoint()
    again = read_checkpoint(path)
    assert again is not found
    torch.save(vit | {"more": torch.zeros(2)}, path)
    assert "more" in read_checkpoint(path).state


def test_what_was_read_stays_when_the_file_is_written_anew(vit: State, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(vit, path)
    found = read_checkpoint(path)
    with path.open("r+b") as file:
        file.truncate(0)
    same(found.state, vit)


@pytest.mark.parametrize("kind", ["torch", "safetensors", "npz"])
def test_reading_hears_a_stop(kind: str, vit: State, tmp_path: Path) -> None:
    path = tmp_path / "a"
    match kind:
        case "torch":
            torch.save(vit, path)
        case "safetensors":
            save_file(vit, path)
        case _:
            with path.open("wb") as file:
                np.savez(file, **{key: value.numpy() for key, value in vit.items()})
    heard = 0

    def stopping(done: float, total: float, what: str = "") -> None:
        nonlocal heard
        heard += 1
        if heard > 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        read_checkpoint(path, progress=stopping)


FOREIGN = {
    "a.onnx": (b"\x08\x07onnx" + bytes(100), "is an ONNX graph"),
    "a.gguf": (b"GGUF\3\0\0\0", "is a GGUF file of llama.cpp"),
    "a.h5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "is an HDF5 file, as Keras"),
    "a.msgpack": (b"\x81\xa6params\x80", "is a flax checkpoint"),
    "a.engine": (b"ptrt\1\0\0", "is a TensorRT engine"),
    "a.pth": (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
    "a.bin": (b"<!doctype html>", "is a web page and not the weights"),
    "a.tar.gz": (b"\x1f\x8b\x08\0", "is a compressed archive; unpack it"),
    "model.ckpt.data-00000-of-00001": (b"\0\0\0\0", "is a TensorFlow checkpoint"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_other_programs_are_named_for_what_they_are(name: str, tmp_path: Path) -> None:
    content, says = FOREIGN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadModel, match=f"{name} {says}"):
        read_checkpoint(tmp_path / name)


@pytest.mark.filterwarnings("ignore")  # what torch.jit says of itself
def test_the_ways_out_that_are_named_work(vit: State, tmp_path: Path) -> None:
    model = timm.create_model("test_vit", num_classes=3)
    model.load_state_dict(vit)
    out = tmp_path / "weights.pth"
    script = tmp_path / "scripted.pt"
    torch.jit.save(torch.jit.trace(model.eval(), torch.zeros(1, 3, 160, 160)), script)
    with pytest.raises(BadModel, match="is a TorchScript program"):
        read_checkpoint(script)
    torch.save(torch.jit.load(script).state_dict(), out)
    same(read_checkpoint(out).state, vit)
    plain = tmp_path / "a.pkl"
    plain.write_bytes(pickle.dumps({"model": {key: value.numpy() for key, value in vit.items()}}))
    with pytest.raises(BadModel, match="is a plain pickle"):
        read_checkpoint(plain)
    with plain.open("rb") as file:
        torch.save(pickle.load(file), out)
    same(read_checkpoint(out).state, vit)


def test_a_folder_in_parts_of_many_machines_has_a_way_out(tmp_path: Path) -> None:
    folder = tmp_path / "step_100"
    folder.mkdir()
    (folder / ".metadata").write_bytes(b"x")
    (folder / "__0_0.distcp").write_bytes(b"x")
    with pytest.raises(BadModel, match="dcp_to_torch_save"):
        read_checkpoint(folder)
