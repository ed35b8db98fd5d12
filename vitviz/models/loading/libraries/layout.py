"""A table of names: how a library calls the tensors of one kind of network, in timm's words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor

LibraryState = dict[str, Tensor]
LibraryConfig = Mapping[str, Any]
Names = tuple[tuple[str, str], ...]
"""(beginning of a name there, the same in timm); * is a number, {2} the second one again; a whole name
has no dot at its end, and "" is for what is of no use."""

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "silu": "silu",
    "gelu_fast": "gelu_tanh",
    "quick_gelu": "quick_gelu",
    "relu": "relu",
    "swish": "silu",
    "gelu_python": "gelu",
}
"""transformers' words for activations, in timm's."""


def unchanged(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    """Nothing more to do."""
    return state


def nothing(_state: LibraryState, _config: LibraryConfig) -> dict[str, Any]:
    """No further arguments."""
    return {}


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of network as one library names its tensors.

    Which files: `marks` are names that must all be there, what stands before the first is taken off;
    `near` must be in some name of the file, `without` are names that must not be there; `model_type`
    is what config.json calls it.

    What becomes of the names: `names` rename; q, k and v apart go to `.qkv/q.`, `.qkv/k.`, `.qkv/v.`
    and are joined. `beside` renames what lies outside (a classifier), `after` begins what comes after
    the last attention. `finish` puts right what names alone do not (an axis more, a sum).

    What is built: `kind` is timm's class, `arguments` are further ones for its constructor. `fixed`
    are facts which every such network has, in the words of a config ("layer_norm_eps"), `usual` those
    that most have. `prepared` is (mean, std), assumed where `prepared_always` is false. `as_timm`:
    timm has the very same network, found by its shapes, of those whose names have `only` in them.
    """

    title: str
    kind: str
    marks: tuple[str, ...]
    names: Names
    beside: Names = ()
    without: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    finish: Callable[[LibraryState, LibraryConfig], LibraryState] = unchanged
    arguments: Callable[[LibraryState, LibraryConfig], dict[str, Any]] = nothing
    fixed: LibraryConfig = field(default_factory=dict)
    usual: LibraryConfig = field(default_factory=dict)
    model_type: tuple[str, ...] = ()
    split_bias: bool = False
    prepared: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET
    prepared_always: bool = True
    as_timm: bool = False
    only: str = ""

    def prefix(self, state: Mapping[str, Tensor]) -> str | None:
        """What stands before the names of the network; None where it is not this kind."""
        first = self.marks[0]
        if not all(any(each in key for key in state) for each in self.near):
            return None
        for key in state:
            if not (key == first or key.endswith(f".{first}")):
                continue
            before = key.removesuffix(first)
            has = all(before + mark in state for mark in self.marks[1:])
            if has and not any(before + mark in state for mark in self.without):
                return before
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Renamed:
    """A file's tensors by timm's names, and what of the file is no part of the network.

    `others` lie outside (a text tower, a decoder); `left` are inside the network and have no name in
    timm.
    """

    layout: Layout
    state: LibraryState
    others: tuple[str, ...]
    left: tuple[str, ...]


def renamed(
    layout: Layout, state: Mapping[str, Tensor], prefix: str, config: LibraryConfig
) -> Renamed:
    """The tensors of the network by timm's names."""
    found: LibraryState = {}
    others: list[str] = []
    left: list[str] = []
    for key, value in state.items():
        inside = key.startswith(prefix)
        name = _renamed(key.removeprefix(prefix), layout.names) if inside else None
        if name is None:
            name = _renamed(key, layout.beside)
        if name:
            found[name] = value
        elif name is None:
            (left if inside and not _is_after(key.removeprefix(prefix), layout) else others).append(
                key
            )
    joined = _joined(found, split_bias=layout.split_bias)
    return Renamed(layout, layout.finish(joined, config), tuple(others), tuple(left))


def _is_after(name: str, layout: Layout) -> bool:
    return name.startswith(layout.after) if layout.after else False


def _renamed(key: str, names: Names) -> str | None:
    """timm's name; "" for what is known to be of no use, None where no line fits."""
    for pattern, words in _compiled(names):
        found = pattern.match(key)
        if found is None:
            continue
        if not words:
            return ""
        here = words
        for number in found.groups():
            here = here.replace("*", number, 1)
        return here.format("", *found.groups()) + key[found.end() :]
    return None


@cache
def _compiled(names: Names) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((_pattern(there), here) for there, here in names)


def _pattern(there: str) -> re.Pattern[str]:
    end = "" if there.endswith(".") else "$"
    return re.compile(re.escape(there).replace(r"\*", r"(\d+)") + end)


_PART = re.compile(r"(.+)\.qkv/([qkv])\.(weight|bias)")


def _joined(state: LibraryState, *, split_bias: bool) -> LibraryState:
    """q, k and v below each other; a bias that k has not is 0, or kept out of a split bias."""
    found: LibraryState = {}
    parts: dict[tuple[str, str], LibraryState] = defaultdict(dict)
    for key, value in state.items():
        if part := _PART.fullmatch(key):
            parts[part[1], part[3]][part[2]] = value
        else:
            found[key] = value
    for (path, kind), three in parts.items():
        if kind == "bias" and split_bias:
            found |= {f"{path}.{each}_bias": three[each] for each in ("q", "v") if each in three}
            if "k" in three and bool(three["k"].any()):
                found[f"{path}.key_bias"] = three["k"]  # timm's class has none: it is left over
            continue
        nought = torch.zeros_like(next(iter(three.values())))
        found[f"{path}.qkv.{kind}"] = torch.cat([three.get(each, nought) for each in "qkv"])
    return found


def with_axis(state: LibraryState, *names: str) -> LibraryState:
    """Those tensors with an axis of 1 before the others."""
    return state | {name: state[name].unsqueeze(0) for name in names if name in state}


def numbers_in(state: Iterable[str], pattern: str) -> int:
    """How many different numbers stand at the * of the names that begin so."""
    compiled = _pattern(pattern)
    return len({found[1] for key in state if (found := compiled.match(key))})
