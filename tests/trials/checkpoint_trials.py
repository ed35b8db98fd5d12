"""Checkpoints: hostile ones of every kind that was met, and spoilt real ones."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from .mutations import mutated
from .trial_run import Refused, TrialCase

SHORT = 40


class _Executed:
    def __reduce__(self):
        return (open, ("executed", "w"))


def attempt(name: str, data: bytes, folder: Path) -> None:
    """Looks at one as the window does, then opens it."""
    import os
    import warnings

    import vitviz
    from vitviz.core.progress import VitvizError
    from vitviz.models.loading.checkpoint.recognise import recognise

    os.chdir(folder)
    file = folder / name.split()[0]
    file.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            recognise(file)
            vitviz.load(file)
        except VitvizError as error:
            raise Refused(str(error)) from None


@cache
def real() -> dict[str, bytes]:
    """The smallest model in the formats that are read."""
    import timm
    import torch
    from safetensors.torch import save

    state = timm.create_model("test_vit", pretrained=False).state_dict()
    torch_file, arrays = io.BytesIO(), io.BytesIO()
    torch.save(state, torch_file)
    np.savez(arrays, **{"cls": np.zeros((1, 1, 8)), "embedding/kernel": np.zeros((4, 4, 3, 8))})
    return {
        "test_vit.safetensors": save(state),
        "test_vit.pth": torch_file.getvalue(),
        "test_vit.npz": arrays.getvalue(),
    }


@cache
def hostile() -> dict[str, bytes]:
    """One of each kind."""
    import torch

    itself: dict[str, object] = {}
    itself["model"] = itself
    tensors = {
        "deep.pth": {"blocks.999999999.attn.qkv.weight": torch.zeros(3, 3), **stem(8)},
        "itself.pth": itself,
        "zero_d.pth": {
            "patch_embed.proj.weight": torch.tensor(1.0),
            "blocks.0.attn.qkv.weight": torch.tensor(2.0),
        },
        "one_d.pth": {
            "patch_embed.proj.weight": torch.ones(5),
            "blocks.0.attn.qkv.weight": torch.ones(9),
        },
        "empty.pth": {
            "patch_embed.proj.weight": torch.ones(0, 3, 4, 4),
            "blocks.0.attn.qkv.weight": torch.ones(0, 0),
        },
        "sparse.pth": {**stem(8), "blocks.0.attn.qkv.weight": torch.eye(24).to_sparse()},
        "complex.pth": {
            **stem(8),
            "blocks.0.attn.qkv.weight": torch.ones(24, 8, dtype=torch.complex64),
        },
        "bool.pth": {key: value.bool() for key, value in stem(8).items()},
        "numbers.pth": {1: 2, None: 3},
        "list.pth": [1, 2, 3],
        "none.pth": None,
    }
    found = {"pickle.pth": pickle.dumps(_Executed(), 2), "text.pt": b"not a checkpoint\n" * 9}
    for name, value in tensors.items():
        file = io.BytesIO()
        torch.save(value, file)
        found[name] = file.getvalue()
    return found | npz() | headers()


def stem(dim: int) -> dict[str, object]:
    """The beginning of a ViT."""
    import torch

    return {
        "patch_embed.proj.weight": torch.zeros(dim, 3, 4, 4),
        "cls_token": torch.zeros(1, 1, dim),
        "pos_embed": torch.zeros(1, 17, dim),
        "blocks.0.mlp.fc1.weight": torch.zeros(4 * dim, dim),
        "blocks.0.attn.qkv.weight": torch.zeros(3 * dim, dim),
    }


def npz() -> dict[str, bytes]:
    """Arrays that say they are huge, or that hold objects."""
    found = {}
    for name, descr, shape in (("huge.npz", "<f4", (10**6, 10**6)), ("objects.npz", "|O", (3,))):
        held, file = io.BytesIO(), io.BytesIO()
        np.lib.format.write_array_header_1_0(
            held, {"descr": descr, "fortran_order": False, "shape": shape}
        )
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("cls.npy", held.getvalue() + bytes(64))
        found[name] = file.getvalue()
    return found


def headers() -> dict[str, bytes]:
    """safetensors whose header says what is not there."""
    found = {}
    for name, header in {
        "shape.safetensors": {
            "a": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]}
        },
        "offsets.safetensors": {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**60]}},
        "nothing.safetensors": {},
    }.items():
        text = json.dumps(header).encode()
        found[name] = len(text).to_bytes(8, "little") + text + bytes(4)
    return found | {"long.safetensors": (2**62).to_bytes(8, "little") + b"{}"}


def cases(seed: int) -> Iterator[TrialCase]:
    """The same for one seed, without end."""
    whole = real()
    yield from (TrialCase(f"{name} whole", data) for name, data in whole.items())
    yield from (TrialCase(name, data) for name, data in hostile().items())
    draw, names, every = np.random.default_rng(seed), list(whole), list(whole.values())
    while True:
        name = names[int(draw.integers(len(names)))]
        data, how = mutated(whole[name], draw, every)
        yield TrialCase(f"{name} {how}", data)
