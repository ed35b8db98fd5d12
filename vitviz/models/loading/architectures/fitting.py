"""One architecture of timm's held against a file: the sizes that it must have, and whether all fits."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import timm
from torch import Tensor, nn

from vitviz.core.measures.cost import Size
from vitviz.core.progress import BadModel
from vitviz.models.families import anatomy_of
from vitviz.models.loading.architectures.index import AFTER, needed_of
from vitviz.models.loading.architectures.marks import FIRST, is_computed, is_head, is_on_path
from vitviz.models.loading.architectures.network import for_timm
from vitviz.models.loading.architectures.shapes_only import shapes_only
from vitviz.models.loading.architectures.structure import Tensors, grid_of_table, read
from vitviz.models.loading.said import Said


@dataclass(frozen=True, slots=True)
class Fitting:
    """What of a file an architecture lacks and has not; no tensor of an attention path is in either.

    `after` are the model's weights behind the last attention that the file has not, `others` the
    file's tensors that the model has not.
    """

    arguments: dict[str, Any]
    module: nn.Module
    after: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def fitted(name: str, state: Tensors, said: Said, *, exact: bool = False) -> Fitting | None:
    """The architecture at the file's sizes; None where a tensor has no place, or a place no tensor.

    `exact`: its own sizes are the file's.
    """
    arguments = {**heads_of_file(name, state), **said.changes}
    module = empty_timm(name, arguments)
    if not exact and module is not None and not compared(module, state, arguments):
        sizes = _sizes(module, state, name, said.input_size)
        if sizes:
            arguments = {**arguments, **sizes, **said.changes}
            module = empty_timm(name, arguments)
    return None if module is None else compared(module, state, arguments)


def compared(module: nn.Module, state: Tensors, arguments: dict[str, Any]) -> Fitting | None:
    """The fitting of a module, which may be on torch's "meta" device; None where it does not fit."""
    own, needed = module.state_dict(), needed_of(module)
    for key, value in needed.items():
        found = state.get(key)
        if found is None:
            if not is_after(key):
                return None
        elif found.shape != value.shape and not is_head(key):
            return None
    others = tuple(key for key in state if key not in own and not is_computed(key))
    if any(is_on_path(key) for key in others):
        return None
    missing = tuple(key for key in needed if key not in state)
    return Fitting(arguments, module, missing, others)


def is_after(key: str) -> bool:
    """Whether a tensor lies behind the last attention, where a missing one spoils no map."""
    return is_head(key) or key.split(".", 1)[0] in AFTER


def heads_of_file(name: str, state: Tensors) -> dict[str, Any]:
    """As many classes as the file's head has, and as many channels as its first kernel."""
    config = timm.models.get_pretrained_cfg(name)
    classifier = (config.classifier if config else None) or "head"
    first = classifier if isinstance(classifier, str) else classifier[0]
    head = state.get(f"{first}.weight", state.get("head.weight"))
    found: dict[str, Any] = {"num_classes": 0 if head is None else int(head.shape[0])}
    kernel_name = (config.first_conv if config else None) or "patch_embed.proj"
    kernel = state.get(f"{kernel_name}.weight") if isinstance(kernel_name, str) else None
    if kernel is not None and kernel.ndim == 4 and kernel.shape[1] != 3:
        found["in_chans"] = int(kernel.shape[1])
    return found


def empty_timm(name: str, arguments: Mapping[str, Any]) -> nn.Module | None:
    """A timm model on torch's "meta" device; None where it does not take the arguments."""
    with warnings.catch_warnings(), shapes_only():
        warnings.simplefilter("ignore")
        try:
            module: nn.Module = timm.create_model(name, pretrained=False, **for_timm(arguments))
        except Exception:  # timm's own kinds: sizes that leave pixels over, arguments it has not
            return None
    return module


def _sizes(module: nn.Module, state: Tensors, name: str, size: Size | None) -> dict[str, Any]:
    """Patch, picture and window of the file, where they are not the architecture's own."""
    own = needed_of(module)
    found: dict[str, Any] = {}
    kind = type(module).__name__
    try:
        if kind in ("SwinTransformer", "SwinTransformerV2"):
            shown = read(kind, state, name).arguments
            return {key: shown[key] for key in ("window_size", "img_size") if key in shown}
        patch = _patch(own.get(FIRST), state.get(FIRST))
        if patch is not None:
            found["patch_size"] = patch[0] if patch[0] == patch[1] else patch
        patch = patch or anatomy_of(module).patch or (16, 16)
        picture = _picture(module, own, state, name, (patch[0], patch[1]), size)
    except BadModel:
        return {}
    return found | ({"img_size": picture} if picture else {})


def _patch(own: Tensor | None, there: Tensor | None) -> tuple[int, int] | None:
    if own is None or there is None or own.ndim != 4 or there.ndim != 4:
        return None
    return None if own.shape[2:] == there.shape[2:] else (int(there.shape[2]), int(there.shape[3]))


def _picture(
    module: nn.Module, own: Tensors, state: Tensors, name: str, patch: Size, size: Size | None
) -> Size | None:
    """The picture that the file's tables of places are for; None where none differs."""
    table, there = own.get("pos_embed"), state.get("pos_embed")
    if table is not None and there is not None and table.ndim == there.ndim == 4:
        rows, cols = there.shape[1:3] if there.shape[-1] == table.shape[-1] else there.shape[2:4]
        return int(rows) * patch[0], int(cols) * patch[1]
    if table is not None and there is not None and table.ndim == there.ndim == 3:
        grid = anatomy_of(module).grid
        covered = table.shape[1] - grid[0] * grid[1] if grid else 0
        (rows, cols), _, _ = grid_of_table(there.shape[1] - covered, 0, name, patch, size)
        return rows * patch[0], cols * patch[1]
    relative = any(key.endswith("relative_position_bias_table") for key in own)
    if relative and anatomy_of(module).blocks:
        picture = read("Beit", state, name, size).arguments["img_size"]
        return int(picture[0]), int(picture[1])
    return _scaled(module, own, state)


def _scaled(module: nn.Module, own: Tensors, state: Tensors) -> tuple[int, int] | None:
    """The picture by how much longer the first table of places is, if it is a square's."""
    anatomy = anatomy_of(module)
    size = anatomy.picture or tuple(anatomy.config.get("input_size", (3, 224, 224)))[-2:]
    for key, table in own.items():
        there = state.get(key)
        if there is None or there.ndim != table.ndim or there.shape == table.shape or is_head(key):
            continue
        ratio = (there.numel() / table.numel()) ** 0.5
        side = round(size[0] * ratio / 16) * 16
        return side, side
    return None
