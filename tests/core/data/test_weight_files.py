"""What is weights and what is a picture: told by content, whatever a file is called."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitviz.core.data.weight_files import is_checkpoint, shown_name, weight_format, weights_in


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return content.getvalue()


def npz() -> bytes:
    content = io.BytesIO()
    np.savez(content, a=np.zeros(3))
    return content.getvalue()


KINDS = {
    "safetensors": (2).to_bytes(8, "little") + b"{}",
    "torch": zipped("best/data.pkl", "best/version"),
    "torch before 1.6": pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2),
    "npz": npz(),
    "TorchScript": zipped("net/data.pkl", "net/code/__torch__.py", "net/constants.pkl"),
    "torch.export": zipped(
        "net/archive_format", "net/models/model.json", "net/data/weights/weight_0"
    ),
    "Keras": zipped("config.json", "metadata.json", "model.weights.h5"),
    "pickle": pickle.dumps({"model": 1}, protocol=4),
    "ONNX": b"\x08\x07\x12\x07pytorch\x1a\x052.1.0",
    "GGUF": b"GGUF\3\0\0\0",
    "HDF5": b"\x89HDF\r\n\x1a\n\0",
    "flax msgpack": b"\x82\xa6params\x81\xa6kernel",
    "TensorRT": b"ptrt\1\0",
    "TensorFlow Lite": b"\x1c\0\0\0TFL3",
    "tar": bytes(257) + b"ustar" + bytes(20),
    "git-lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
    "web page": b"\n<!DOCTYPE html><html>",
    "compressed": b"\x1f\x8b\x08\0",
    "cut zip": b"PK\x03\x04" + bytes(40),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_told_by_its_first_bytes(kind: str, tmp_path: Path) -> None:
    for name in ("model", "model.png", "weights.pth"):
        (tmp_path / name).write_bytes(KINDS[kind])
        assert weight_format(tmp_path / name) == kind


def test_weights_without_an_ending_are_weights_and_pictures_with_one_are_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "best").write_bytes(KINDS["torch"])
    Image.new("RGB", (8, 8)).save(tmp_path / "best.pt", "PNG")
    assert is_checkpoint(tmp_path / "best")
    assert weight_format(tmp_path / "best.pt") is None
    assert not is_checkpoint(tmp_path / "best.pt")


def test_what_may_be_anything_counts_by_its_name(tmp_path: Path) -> None:
    for name, expected in {"cut.pth": True, "notes.txt": False, "photos.zip": False}.items():
        (tmp_path / name).write_bytes(KINDS["cut zip"])
        assert is_checkpoint(tmp_path / name) is expected
    assert is_checkpoint(tmp_path / "gone.safetensors")
    assert not is_checkpoint(tmp_path / "gone.jpg")
    assert not is_checkpoint("vit_tiny_patch16_224")


def test_a_saved_model_is_a_folder_of_weights_and_an_album_is_none(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album/a.png").write_bytes(b"\x89PNG")
    assert not is_checkpoint(tmp_path / "album")
    model = tmp_path / "vit"
    model.mkdir()
    (model / "config.json").write_text("{}", encoding="utf-8")
    assert not is_checkpoint(model)
    (model / "model.safetensors").write_bytes(KINDS["safetensors"])
    assert weight_format(model) == "folder"
    assert weights_in(model) == model / "model.safetensors"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are Unix's")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    assert weight_format(tmp_path / "pipe.pth") is None


def test_a_folder_of_transformers_is_called_without_its_way():
    assert shown_name("transformers//home/somebody/clip-small") == "clip-small"
    assert shown_name("transformers/owner/clip-small") == "transformers/owner/clip-small"
