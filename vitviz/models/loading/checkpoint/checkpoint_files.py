"""Checkpoint files read safely: tensors only, nothing is ever unpickled blindly."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vitviz.core.data.trace import CHECKPOINTS
from vitviz.core.pictures.unreadable import locked, not_found
from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.foreign_names import read_npz

StateDict = dict[str, Tensor]

SUFFIXES = CHECKPOINTS

_WRAPPERS = (
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema",
    "teacher",
    "state_dict",
    "model",
    "model_state_dict",
    "net",
    "network",
    "params",
    "weights",
    "module",
    "student",
)
"""Where training programs put the weights; averaged ones first, as they are the better ones."""
_PREFIXES = (
    "module.",
    "_orig_mod.",
    "teacher.",
    "momentum_encoder.",
    "base_encoder.",
    "ema.",
    "backbone.",
    "encoder.",
    "model.",
    "net.",
    "network.",
    "trunk.",
    "student.",
    "base_model.",
)
_BEGINNINGS = (
    "patch_embed.",
    "cls_token",
    "pos_embed",
    "blocks.",
    "layers.",
    "stages.",
    "pixel_embed.",
    "embeddings.",
    "vit.",
    "deit.",
    "dinov2.",
    "conv1.",
    "class_token",
    "conv_proj.",
)
"""How names begin in the models themselves."""


def read_state(path: Path) -> StateDict:
    """The tensors of a checkpoint file by name, wrappers and common prefixes taken off.

    BadModel with one sentence for a missing, empty, damaged file, or one that needs unpickling.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise BadModel(
            f"{path.name} is no checkpoint that vitviz reads; give a file that ends in "
            f"{', '.join(SUFFIXES)}"
        )
    try:
        if path.is_dir():
            raise BadModel(f"{path.name} is a folder, not a checkpoint; open the file inside it")
        with path.open("rb"):  # safetensors says of what it may not read that it is not there
            pass
        if path.stat().st_size == 0:
            raise BadModel(f"{path.name} is empty (0 bytes); download or copy it again")
        if path.suffix.lower() == ".npz":
            return read_npz(path)
        return unwrapped(_read(path), path.name)
    except FileNotFoundError:
        raise BadModel(not_found(path.name, path)) from None
    except PermissionError:
        raise BadModel(locked(path.name)) from None
    except pickle.UnpicklingError:
        raise BadModel(
            f"{path.name} holds more than tensors, and unpickling it could run any program; where "
            f"you trust it, save its tensors alone: found = torch.load('{path.name}', "
            "weights_only=False); torch.save(found['model'], 'tensors.pth'), with .state_dict() behind "
            "found['model'] where that is a whole network"
        ) from None
    except SafetensorError as error:
        # A header that was read: the file ends before the last tensor that it names.
        cut = "incomplete" in str(error).lower()
        what = "is cut short" if cut else "is no safetensors file (its header cannot be read)"
        raise BadModel(f"{path.name} {what}; download it again or open another file") from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise BadModel(
            f"{path.name} is damaged, cut short or no checkpoint{_because(error)}; download it again"
        ) from error


def _because(error: Exception) -> str:
    """The reason that an error gives, in brackets; nothing where it gives none (a bare key is none)."""
    said = "" if isinstance(error, KeyError) else str(error).strip()
    return f" ({said.splitlines()[0][:120]})" if said else ""


def unwrapped(found: object, name: str) -> StateDict:
    """The tensors inside `model`, `state_dict`, `teacher`, without a `module.` before each name.

    What lies beside the model (a projection head, an optimiser's copy) keeps its name.
    """
    while isinstance(found, Mapping):
        inner = next((found[key] for key in _WRAPPERS if isinstance(found.get(key), Mapping)), None)
        if inner is None:
            break
        found = inner
    tensors = {}
    if isinstance(found, Mapping):
        tensors = {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        raise BadModel(f"{name} holds no tensors by name; save the model's state_dict in it")
    while (prefix := _prefix(tensors)) is not None:
        inside = {
            key.removeprefix(prefix): value
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
        beside = {key: value for key, value in tensors.items() if not key.startswith(prefix)}
        tensors = {**beside, **inside}
    return tensors


def _prefix(state: StateDict) -> str | None:
    """What stands before the names of the model; None where they begin as a model's do."""
    if any(key.startswith(_BEGINNINGS) for key in state):
        return None
    return next(
        (prefix for prefix in _PREFIXES if any(key.startswith(prefix) for key in state)), None
    )


def file_hash(path: Path) -> str:
    """The SHA-256 of a file (hex)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> Any:
    if path.suffix.lower() == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)
