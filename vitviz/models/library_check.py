"""Every network with attention in torchvision and transformers: captured, verified, laid out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import nn

from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.models import load, trace
from vitviz.models.model_check import CheckedModel, mapping

LAYERS = 4
"""Layers that a network is cut down to; stages keep two each."""

TORCHVISION = ("vit_b_32", "swin_t", "swin_v2_t", "maxvit_t")
"""One of each of torchvision's kinds of transformers."""

LIBRARIES = ("torchvision", "transformers")

_Build = Callable[[], nn.Module]


def check_libraries(
    libraries: Sequence[str] = LIBRARIES, progress: Progress = silent
) -> Iterator[CheckedModel]:
    """One result for each kind of network with attention, built offline from a configuration.

    Networks that make no attention call are left out, and so is a library that is not installed.
    """
    found = [(library, *each) for library in libraries for each in _networks(library)]
    for done, (library, name, build) in enumerate(found):
        progress(done, len(found), name)
        checked = _checked(library, name, build)
        if checked is not None:
            yield checked
    progress(len(found), len(found), "")


def _networks(library: str) -> Iterator[tuple[str, _Build]]:
    if find_spec(library) is None:
        return
    if library == "torchvision":
        from torchvision.models import get_model

        for name in TORCHVISION:
            yield name, partial(get_model, name, weights=None)
        return
    import transformers

    classes: dict[Any, Any] = {}
    for mapped in (
        transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
        transformers.MODEL_FOR_BACKBONE_MAPPING,
    ):
        for config in mapped:
            kind = mapped[config]
            classes.setdefault(config, kind[0] if isinstance(kind, tuple) else kind)
    for config, kind in sorted(classes.items(), key=lambda item: item[1].__name__):
        yield kind.__name__, partial(_small, config, kind)


def _small(config: Any, kind: Any) -> nn.Module:
    """A network cut down, or whole where it cannot be."""
    with suppress(Exception):  # whatever a configuration does not like
        small: nn.Module = kind(_cut(config()))
        return small
    whole: nn.Module = kind(config())
    return whole


def _cut(config: Any) -> Any:
    inner: Any = getattr(config, "vision_config", None)
    for part in (config,) if inner is None else (config, inner):
        for name in ("num_hidden_layers", "num_layers"):
            if isinstance(getattr(part, name, None), int):
                setattr(part, name, min(LAYERS, getattr(part, name)))
        depths = getattr(part, "depths", None)
        if isinstance(depths, list | tuple):
            part.depths = [min(2, each) for each in depths]
    return config


def _checked(library: str, name: str, build: _Build) -> CheckedModel | None:
    started = time.perf_counter()
    try:
        with warnings.catch_warnings(action="ignore"):
            torch.manual_seed(0)
            found = _traced(library, build())
    except ImportError:  # it needs a library of its own
        return None
    except VitvizError as error:
        if "makes no attention among tokens" in str(error):
            return None
        why = str(error)
    except Exception as error:  # any network may fail in its own way: that is a finding, not an end
        words = str(error).strip().splitlines()
        why = f"{type(error).__name__}: {words[0] if words else ''}"
    else:
        calls = len(found.layers) + len(found.pools) + len(found.matrices)
        fell_short = (*found.refused, *(each for each in found.model.notes if "not seen" in each))
        seconds, why = time.perf_counter() - started, next(iter(fell_short), "")
        return CheckedModel(library, name, calls, found.verified, mapping(found), seconds, why)
    return CheckedModel(library, name, 0, float("nan"), (), time.perf_counter() - started, why)


def _traced(library: str, module: nn.Module) -> Any:
    pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    call = _pixel_values if library == "transformers" else None
    return trace(load(module, call=call), pixels)


def _pixel_values(module: Any, pixels: torch.Tensor) -> Any:
    return module(pixel_values=pixels)
