"""All tensors of a checkpoint under one name each, however deep a training program put them."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.torch_file import UnreadObject, whole_module_state

_DEEPEST = 12
_MOST = 200_000
_OF_TRAINING = (
    "optim",
    "lr_sched",
    "scheduler",
    "scaler",
    "grad_scaler",
    "callbacks",
    "loops",
    "rng",
)
"""How what a training program needs to go on is called; an optimiser has copies of all names."""

_NUMBER = re.compile(r"(?:^|[./]|layer_|block_)([0-9]+)(?=[./]|$)")


@dataclass(frozen=True, slots=True)
class NamedTensors:
    """Tensors by the path to them; `groups` are the paths of the dicts that they lie in, each "a.b.".

    `beside` is what lies there that is no tensor, as plain values: settings, epochs, class names.
    `whole_module` is the class of a network that was pickled whole, "" for plain dicts.
    """

    tensors: dict[str, Tensor]
    groups: tuple[str, ...]
    beside: dict[str, Any]
    whole_module: str = ""


def named_tensors(found: object, name: str) -> NamedTensors:
    """Looks through dicts, lists and whole networks; ends also where a dict contains itself.

    BadModel where there is no tensor by name.
    """
    walk = _TensorWalk(name)
    walk.into(found, "", 0)
    if not walk.tensors:
        raise BadModel(f"{name} holds no tensors by name; {_instead(walk)}")
    return NamedTensors(walk.tensors, tuple(walk.groups), _beside(found), walk.whole_module)


class _TensorWalk:
    def __init__(self, name: str) -> None:
        self.name = name
        self.tensors: dict[str, Tensor] = {}
        self.groups: list[str] = []
        self.whole_module = ""
        self.strange: set[str] = set()
        self._seen: set[int] = set()

    def into(self, found: object, before: str, depth: int) -> None:
        """Takes what lies in a dict, a list or a network."""
        if id(found) in self._seen or depth > _DEEPEST:
            return
        self._seen.add(id(found))  # for good: a dict in a hundred places is looked at once
        self.groups.append(before)
        for key, value in self._items(found):
            self._take(key, value, before, depth)

    def _items(self, found: object) -> Iterator[tuple[str, object]]:
        if isinstance(found, Mapping):
            for key, value in found.items():
                if isinstance(key, str):
                    yield key, value
        elif isinstance(found, list | tuple):
            inside = [each for each in found[:64] if isinstance(each, Mapping | UnreadObject)]
            yield from ((str(index), each) for index, each in enumerate(inside))
        elif isinstance(found, UnreadObject):
            tensors = whole_module_state(found)
            if tensors is None:
                self.strange.add(found.class_name)
                return
            self.whole_module = self.whole_module or found.class_name
            yield from tensors.items()

    def _take(self, key: str, value: object, before: str, depth: int) -> None:
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            value = torch.from_numpy(np.ascontiguousarray(value))
        if isinstance(value, Tensor):
            self.tensors.setdefault(before + key, value)
            if len(self.tensors) > _MOST:
                raise BadModel(
                    f"{self.name} holds more than {_MOST:,} tensors; no model has so many"
                )
        elif isinstance(value, Mapping | UnreadObject | list | tuple) and not _is_of_training(key):
            self.into(value, f"{before}{key}.", depth + 1)


def _is_of_training(key: str) -> bool:
    return key.lower().startswith(_OF_TRAINING)


def _instead(walk: _TensorWalk) -> str:
    kinds = ", ".join(sorted(walk.strange)[:2])
    found = (
        f"what it holds ({kinds}) is not opened, as that could run any program; " if kinds else ""
    )
    return (
        f"{found}save the model's state_dict in it, where it was trained: "
        "torch.save(model.state_dict(), 'weights.pth')"
    )


def _beside(found: object) -> dict[str, Any]:
    """What lies beside the tensors, as plain values: no class of anybody's, nothing long or deep."""
    if not isinstance(found, Mapping):
        return {}
    plain = _PlainValues()
    values = {
        str(key): plain.of(value) for key, value in found.items() if not _is_of_training(str(key))
    }
    return {key: value for key, value in values.items() if value is not None}


class _PlainValues:
    """Values in str, int, float, bool, lists and dicts, of a depth and number that somebody wrote."""

    def __init__(self) -> None:
        self._left = 200_000

    def of(self, value: object, depth: int = 0) -> Any:
        """None where it is none of these."""
        self._left -= 1
        if depth > 5 or self._left < 0:
            return None
        match value:
            case np.generic():
                return value.item() if value.dtype.kind in "fiubU" else None
            case bool() | int() | float() | str():
                return value
            case PurePath():
                return str(value)
            case Mapping():
                return self._mapping(value, depth)
            case list() | tuple():
                return [self.of(each, depth + 1) for each in value[: max(0, self._left)]]
            case UnreadObject():
                return self.of(value.state, depth + 1)
            case Namespace() | SimpleNamespace():
                return self._mapping(vars(value), depth)
        return None

    def _mapping(self, found: Mapping[Any, Any], depth: int) -> dict[str, Any] | None:
        inner = {
            str(key): self.of(each, depth + 1) for key, each in found.items() if self._left > 0
        }
        return {key: each for key, each in inner.items() if each is not None} or None


def check_tensors(tensors: Mapping[str, Tensor], room: int, name: str) -> None:
    """BadModel with a sentence for what no weights are: sparse, complex, empty of numbers, of shapes
    that `room` bytes cannot hold, blocks numbered beyond what is there.
    """
    whole = 0
    for key, tensor in tensors.items():
        if problem := _problem(tensor):
            raise BadModel(f"{name}: {key[:80]} {problem}")
        whole += tensor.numel() * tensor.element_size()
    if whole > 4 * room + 2**20:
        raise BadModel(
            f"{name} names {whole / 2**20:,.0f} MB of numbers and has {room / 2**20:,.0f} MB: the same "
            "ones are used many times over, which no model does; it is not opened"
        )
    _check_numbers(tensors, name)


def _problem(tensor: Tensor) -> str:
    if tensor.layout is not torch.strided or tensor.is_nested:
        return "is a sparse or nested tensor; save it dense, with .to_dense()"
    if tensor.device.type == "meta":
        return "has a shape and no numbers (it was saved from the meta device); save it from a real one"
    if tensor.is_complex():
        return "holds complex numbers, which no transformer here computes with"
    if tensor.numel() == 0 and tensor.ndim > 1:
        return f"has no numbers ({' × '.join(map(str, tensor.shape))}); it was saved unfilled"
    if tensor.is_quantized:
        return ""
    held = tensor.untyped_storage().nbytes()
    if tensor.numel() * tensor.element_size() > held:
        return (
            f"says it has {' × '.join(map(str, tensor.shape))} numbers and only {held:,} bytes are "
            "there; download it again"
        )
    return ""


def _check_numbers(tensors: Mapping[str, Tensor], name: str) -> None:
    """BadModel where a list of parts is numbered far beyond how many parts there are."""
    highest = 0
    for key in tensors:
        for match in _NUMBER.finditer(key):
            highest = max(highest, int(match[1][:12]))
    if highest > 2 * len(tensors) + 1000:
        raise BadModel(
            f"{name} has a part numbered {highest:,} and {len(tensors):,} tensors; its names are "
            "damaged"
        )
