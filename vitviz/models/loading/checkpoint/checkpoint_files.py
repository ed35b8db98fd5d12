"""Names and files of checkpoints: which of both a word is, and the tensors of a file."""

from __future__ import annotations

from pathlib import Path

import timm
from torch import Tensor

from vitviz.core.data.weight_files import is_checkpoint, named_as_checkpoint
from vitviz.core.files import expanded
from vitviz.models.loading.bundled import bundled
from vitviz.models.loading.checkpoint.checkpoint import Checkpoint, file_hash, read_checkpoint
from vitviz.models.loading.checkpoint.foreign_names import google_names

StateDict = dict[str, Tensor]

__all__ = ["StateDict", "checkpoint_path", "file_hash", "named_state", "read_state"]


def checkpoint_path(name: str | Path) -> Path | None:
    """The file or folder that a model's name means; None where it is the name of a model.

    A path is one; a word is one where it ends as weights do, or where it is no model's name and
    something of that name is there.
    """
    path = expanded(name)
    if isinstance(name, Path) or named_as_checkpoint(name):
        return path
    plain = name.removeprefix("timm/")
    known = name.startswith("hf-hub:") or timm.is_model(plain.split(".")[0])
    if not name or known or any(model.name == name for model in bundled()):
        return None
    return path if path.is_file() or is_checkpoint(path) else None


def read_state(path: Path) -> StateDict:
    """The tensors of a checkpoint file, wrappers and prefixes taken off.

    BadModel with one sentence for a missing, empty, damaged file, or one that needs unpickling.
    """
    return named_state(read_checkpoint(path))


def named_state(found: Checkpoint) -> StateDict:
    """A checkpoint's tensors by the names of its own library; Google's .npz by timm's."""
    return google_names(found.state, found.path.name)
