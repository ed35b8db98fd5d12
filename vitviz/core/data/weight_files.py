"""What kind of weights a file or folder holds, told by its first bytes and never by its name alone."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from pathlib import Path
from typing import Literal

WeightFormat = Literal[
    "safetensors",
    "safetensors index",
    "torch",
    "torch before 1.6",
    "npz",
    "folder",
    "pickle",
    "TorchScript",
    "torch.export",
    "tar",
    "ONNX",
    "GGUF",
    "GGML",
    "HDF5",
    "Keras",
    "flax msgpack",
    "TensorRT",
    "TensorFlow Lite",
    "TensorFlow",
    "torch.distributed",
    "OpenVINO",
    "Core ML",
    "git-lfs pointer",
    "web page",
    "compressed",
    "cut zip",
    "zip",
    "empty",
]
"""What can be read (the first six), and what is only named for what it is."""

READ: tuple[WeightFormat, ...] = (
    "safetensors",
    "safetensors index",
    "torch",
    "torch before 1.6",
    "npz",
    "folder",
)
"""What vitviz opens."""

CHECKPOINT_ENDINGS = (
    ".safetensors",
    ".pth",
    ".pt",
    ".bin",
    ".ckpt",
    ".pth.tar",
    ".npz",
    ".safetensors.index.json",
    ".bin.index.json",
    ".onnx",
    ".gguf",
    ".ggml",
    ".h5",
    ".hdf5",
    ".keras",
    ".msgpack",
    ".engine",
    ".plan",
    ".trt",
    ".tflite",
    ".pdparams",
    ".mlmodel",
    ".mlpackage",
    ".pt2",
    ".ptl",
    ".pkl",
)
"""How files of weights are usually called; it counts only where there is no file to look into."""

_HEAD = 512
_TENSORFLOW = re.compile(r"\.data-\d{5}-of-\d{5}$|\.ckpt(-\d+)?\.(index|meta)$")
"""How TensorFlow calls a checkpoint's three files; their bytes begin like nothing."""
_TORCH_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_FIRST_BYTES: tuple[tuple[bytes, WeightFormat], ...] = (
    (b"GGUF", "GGUF"),
    (b"lmgg", "GGML"),
    (b"ggml", "GGML"),
    (b"fmgg", "GGML"),
    (b"tjgg", "GGML"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"ftrt", "TensorRT"),
    (b"ptrt", "TensorRT"),
    (b"version https://git-lfs", "git-lfs pointer"),
    (b"\x1f\x8b", "compressed"),
    (b"BZh", "compressed"),
    (b"\xfd7zXZ", "compressed"),
    (b"(\xb5/\xfd", "compressed"),
    (b"7z\xbc\xaf\x27\x1c", "compressed"),
    (b"Rar!", "compressed"),
)
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"II*\0", b"MM\0*", b"BM")
LONGEST_PART, LONGEST_NAME = 255, 4_096
"""Bytes of a file's name, and letters of the whole way to it, that systems allow."""
_FOLDER_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
    "adapter_model.safetensors",
    "adapter_model.bin",
    "diffusion_pytorch_model.safetensors",
)
"""What save_pretrained and the hub call weights, in the order in which one is taken."""


def weight_format(path: Path) -> WeightFormat | None:
    """What kind of weights lie there; None where it looks like none (a picture, a session, text).

    Reads some hundred bytes of a file, or a zip's list of contents; never waits for a pipe. OSError
    where it may not be read.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return _of_folder(path)
    if not stat.S_ISREG(mode):
        return None
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        return "empty" if named_as_checkpoint(path.name) else None
    return _of_bytes(head, path)


def is_checkpoint(path: str | Path) -> bool:
    """Whether this is weights and no picture: by its content, by its name where it is not there."""
    path = Path(path)
    try:
        found = weight_format(path)
        if found is None and path.is_file() and _is_picture(path):
            return False
    except (OSError, ValueError):
        return named_as_checkpoint(path.name)
    if found in ("web page", "compressed", "zip", "cut zip", "tar", "git-lfs pointer", None):
        # Such bytes may be anything; and prose under a checkpoint's name is a damaged checkpoint.
        return named_as_checkpoint(path.name) and not path.is_dir()
    return True


def _is_picture(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8).startswith(_PICTURES)


def named_as_checkpoint(name: str) -> bool:
    """Whether a name ends as those of weights do."""
    return name.lower().endswith(CHECKPOINT_ENDINGS)


def shown_name(name: str) -> str:
    """What to call a model by the name that `vitviz.load` takes: a file without its folders."""
    if is_in_memory(name):
        return memory_title(name)
    library, _, rest = name.partition("/")
    if library == "transformers" and (Path(rest).is_absolute() or rest.startswith(("~", "."))):
        return Path(rest).name
    is_file = named_as_checkpoint(name) or Path(name).is_absolute()
    return Path(name).name if is_file else name


def impossible_name(name: str) -> str:
    """Why no file and no model can have this name, in a sentence; "" where one may."""
    longest = max(len(part.encode("utf-8", "surrogateescape")) for part in name.split("/"))
    if longest <= LONGEST_PART and len(name) <= LONGEST_NAME:
        return ""
    return (
        f"a name of {len(name):,} letters is no model's ({name[:40]}…); give a bundled name, one of "
        "timm's, or a file's"
    )


def weights_in(folder: Path) -> Path | None:
    """The file of weights that a folder of save_pretrained is read from; None where there is none.

    A single file of any name is taken too; of several without a usual name, none.
    """
    for name in _FOLDER_FILES:
        if (folder / name).is_file():
            return folder / name
    try:
        found = sorted(
            entry.name
            for entry in os.scandir(folder)
            if entry.name.lower().endswith((".safetensors", ".bin", ".pth", ".pt", ".ckpt"))
            and not entry.name.startswith((".", "training_args", "optimizer", "scheduler", "rng_"))
            and entry.is_file()
        )
    except OSError:
        return None
    return folder / found[0] if len(found) == 1 else None


def _of_folder(path: Path) -> WeightFormat | None:
    if (path / "saved_model.pb").is_file():
        return "TensorFlow"
    if (path / ".metadata").is_file() and next(path.glob("*.distcp"), None) is not None:
        return "torch.distributed"
    if path.name.lower().endswith(".mlpackage"):
        return "Core ML"
    described = (path / "config.json").is_file() or (path / "adapter_config.json").is_file()
    usual = any((path / name).is_file() for name in _FOLDER_FILES)
    return "folder" if usual or (described and weights_in(path) is not None) else None


def _of_bytes(head: bytes, path: Path) -> WeightFormat | None:
    for magic, kind in _FIRST_BYTES:
        if head.startswith(magic):
            return kind
    lower = path.name.lower()
    match head[:1]:
        case b"P" if head.startswith(b"PK\x03\x04"):
            return _of_zip(path)
        case b"\x80" if 2 <= head[1] <= 5:
            return "torch before 1.6" if _TORCH_MAGIC in head[:32] else "pickle"
        case b"\x08" if _is_onnx(head, lower):
            return "ONNX"
    if head[4:8] == b"TFL3":
        return "TensorFlow Lite"
    if head[257:262] == b"ustar":
        return "tar"
    if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= 2**40:
        return "safetensors"
    if _is_msgpack(head):
        return "flax msgpack"
    return _of_text(head, lower)


def _is_onnx(head: bytes, name: str) -> bool:
    """A protobuf whose first field is a small version number, as ONNX's is."""
    return 1 <= head[1] <= 32 and (name.endswith(".onnx") or head[2:3] in (b"\x12", b"\x1a", b"B"))


def _is_msgpack(head: bytes) -> bool:
    """A map whose first key is a short text: what flax.serialization writes."""
    start = {0xDE: 3, 0xDF: 5}.get(head[0], 1 if 0x81 <= head[0] <= 0x8F else 0)
    if not start:
        return False
    mark = head[start]
    length, begin = (mark - 0xA0, start + 1) if 0xA0 < mark <= 0xBF else (0, 0)
    if mark == 0xD9:
        length, begin = head[start + 1], start + 2
    return 0 < length <= 80 and head[begin : begin + length].isascii()


def _of_text(head: bytes, name: str) -> WeightFormat | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "web page"
    if start.startswith(b"<?xml") and b"<net " in start:
        return "OpenVINO"
    if start.startswith(b"{") and name.endswith(".index.json"):
        return "safetensors index"
    if _TENSORFLOW.search(name):
        return "TensorFlow"
    if name.endswith((".engine", ".plan", ".trt")):
        return "TensorRT"
    return "Core ML" if name.endswith(".mlmodel") else None


def _of_zip(path: Path) -> WeightFormat | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RecursionError):
        return "cut zip"
    inside = {name.partition("/")[2] or name for name in names[:20_000]}
    if "constants.pkl" in inside or any(name.startswith("code/") for name in inside):
        return "TorchScript"
    if "data.pkl" in inside:
        return "torch"
    if "archive_format" in inside or any("exported_program" in name for name in inside):
        return "torch.export"
    if {"config.json", "model.weights.h5"} <= set(names):
        return "Keras"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    return "zip"


# Models that have no file

_MEMORY = "memory://"


def memory_name(title: str) -> str:
    """The name of a model in memory of that title; slashes of a title are none of a path."""
    plain = title.replace("/", "-").replace("\\", "-").strip()
    return f"{_MEMORY}{plain or 'model'}"


def is_in_memory(name: object) -> bool:
    """Whether a name is that of a model in memory."""
    return isinstance(name, str) and name.startswith(_MEMORY)


def memory_title(name: str) -> str:
    """What to call it: the name without what marks it; any other name as it is."""
    return name.removeprefix(_MEMORY)


def gone_from_memory(name: str) -> str:
    """Why a model in memory is not opened by its name, and what to do: a sentence."""
    return (
        f"{memory_title(name)} was a model in the memory of a script or notebook and cannot be opened "
        "again by name; make it there once more and call vitviz.show(model)"
    )
