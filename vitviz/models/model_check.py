"""Every kind of network in timm that has attention: captured, verified, laid out. One model of each."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import timm
import torch
from torch import nn

from vitviz.core.data.trace import Trace
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.models import load, trace

TRIED = 3
"""Models of a file that are looked at for the smallest one with attention."""

LARGE = 50_000_000
"""Parameters above which two blocks of a model are enough to check."""

SIDE = 256
"""Pixels of a side asked of models whose own pictures are larger than 384."""

_HINTS = ("attn", "bot", "coat", "former", "halo", "hybrid", "sam", "vit")
_SIZES = (
    "test",
    "pico",
    "femto",
    "atto",
    "nano",
    "xxxs",
    "xxs",
    "xxt",
    "m0",
    "m1",
    "_b0",
    "xs",
    "xt",
    "tiny",
    "_ti",
    "mini",
    "_s0",
    "128s",
    "small",
    "_s",
    "medium",
    "_m",
    "base",
    "_b",
)
_SEEN = {"scaled_dot_product_attention", "softmax", "Softmax", "MultiheadAttention"}


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """What one file's representative showed.

    `mapping` says how its maps lie on the picture: "global", "window", "pooled" (keys or stages
    coarser), "class" (pools), "channel" or "matrix only"; several where it has several. `verified` is
    the largest relative error; `why` is what fell short, "" where nothing did.
    """

    module: str
    model: str
    calls: int
    verified: float
    mapping: tuple[str, ...]
    seconds: float
    why: str = ""

    @property
    def good(self) -> bool:
        """Whether every attention call was captured and verified."""
        return self.calls > 0 and not self.why

    @property
    def mapped(self) -> bool:
        """Whether some of its attention lies on the picture."""
        return self.good and bool({"global", "window", "pooled", "class"} & set(self.mapping))


def check(modules: Sequence[str] = (), progress: Progress = silent) -> Iterator[CheckedModel]:
    """One result for each file of timm (or of `modules`) whose network contains attention.

    Networks that use a softmax but make no attention call (gates, state spaces) are left out.
    """
    names = [name for name in timm.list_modules() if not modules or name in modules]
    for done, module in enumerate(names):
        progress(done, len(names), module)
        model, parameters = representative(module)
        if model and (found := _checked(module, model, parameters)) is not None:
            yield found
    progress(len(names), len(names), "")


def representative(module: str) -> tuple[str, int]:
    """The smallest sensible model with attention of a file of timm, and its parameters; "" for none."""
    names = sorted(timm.list_models(module=module), key=_rank)
    built = ((name, _on_paper(name)) for name in names[:TRIED])
    sizes = {
        name: sum(each.numel() for each in net.parameters())
        for name, net in built
        if net is not None and any(_attends(type(part)) for part in net.modules())
    }
    name = min(sizes, key=sizes.__getitem__, default="")
    return name, sizes.get(name, 0)


def _rank(name: str) -> tuple[bool, int, int, str]:
    """Names that speak of attention before others, then small sizes, then short names."""
    size = next((rank for rank, word in enumerate(_SIZES) if word in name), len(_SIZES))
    return not any(hint in name for hint in _HINTS), size, len(name), name


def _on_paper(name: str) -> nn.Module | None:
    """The network without memory for its weights; None where it cannot be made so."""
    try:
        with torch.device("meta"), warnings.catch_warnings(action="ignore"):
            net: nn.Module = timm.create_model(name)
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        return None
    return net


def _attends(kind: type) -> bool:
    """Whether a class of timm calls a softmax or fused attention; read off its compiled code."""
    own = (part for part in kind.__mro__ if not part.__module__.startswith("torch."))
    codes = (getattr(each, "__code__", None) for part in own for each in vars(part).values())
    return any(code is not None and _SEEN & set(code.co_names) for code in codes)


def _checked(module: str, model: str, parameters: int) -> CheckedModel | None:
    started = time.perf_counter()
    failed = partial(CheckedModel, module, model, 0, float("nan"), ())
    try:
        with warnings.catch_warnings(action="ignore"):
            found = _traced(model, parameters)
    except VitvizError as error:
        if "made no attention call" in str(error):
            return None
        return failed(time.perf_counter() - started, str(error))
    except Exception as error:  # any network may fail in its own way: that is a finding, not an end
        return failed(time.perf_counter() - started, f"{type(error).__name__}: {error}")
    calls = len(found.layers) + len(found.pools) + len(found.matrices)
    calls += len(found.words.layers) if found.words else 0
    return CheckedModel(
        module,
        model,
        calls,
        found.verified,
        mapping(found),
        time.perf_counter() - started,
        found.refused[0] if found.refused else "",
    )


def _traced(name: str, parameters: int) -> Trace:
    """A model with random weights, run over a picture of noise."""
    torch.manual_seed(0)
    pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    side = max(timm.models.get_pretrained_cfg(name).input_size[1:])
    smaller: dict[str, Any] = {"depth": 2} if parameters > LARGE else {}
    sides: dict[str, Any] = {"input_size": SIDE} if side > 384 else {}
    for arguments in ({**smaller, **sides}, sides, smaller, {}):
        with suppress(VitvizError, RuntimeError, AssertionError, TypeError, ValueError):
            return trace(load(name, pretrained=False, device="cpu", **arguments), pixels)
    return trace(load(name, pretrained=False, device="cpu"), pixels)


def mapping(found: Trace) -> tuple[str, ...]:
    """How a trace's maps lie on the picture, in the words of `CheckedModel`."""
    layers, kinds = found.layers, []
    plain = [layer for layer in layers if layer.windows is None and layer.pooled is None]
    if len({layer.grid for layer in plain}) == 1 and len(plain) == len(layers):
        kinds.append("global")
    if any(layer.windows is not None for layer in layers):
        kinds.append("window")
    if any(layer.pooled for layer in layers) or len({layer.grid for layer in layers}) > 1:
        kinds.append("pooled")
    if found.pools:
        kinds.append("class")
    axes = {axis for matrix in found.matrices for axis in (matrix.rows, matrix.cols)}
    if "channel" in axes:
        kinds.append("channel")
    if axes and "channel" not in axes:
        kinds.append("matrix" if kinds else "matrix only")
    return tuple(kinds)
