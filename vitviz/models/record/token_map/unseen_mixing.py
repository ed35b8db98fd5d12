"""Modules that mix tokens although no attention was seen in them, found by changing half a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from vitviz.models.record.token_map.leading_axes import LEAST
from vitviz.models.record.token_map.noise_pictures import PictureSides, PixelRun
from vitviz.models.record.token_map.silenced_attention import silenced_pass

LOCAL = (
    nn.modules.conv._ConvNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._MaxPoolNd,
    nn.GroupNorm,
    nn.modules.batchnorm._NormBase,
    nn.Upsample,
)
"""Kinds whose mixing is known, and is no attention."""

NAMED = 3
"""Modules that a sentence names."""


def unseen_mixing(
    module: nn.Module, run: PixelRun, size: PictureSides, like: Tensor, channels: int = 3
) -> tuple[str, ...]:
    """Paths of the innermost modules whose output mixes places though no attention call was recorded
    in them; () too where a model does not take two pictures at once.

    Two pictures that are the same on the right go through together while attention gives nothing. What
    a module is given alike and gives on unlike, it has mixed; it is put right, so that the next is
    judged for itself.
    """
    chance = torch.Generator().manual_seed(0)
    pictures = torch.randn(2, channels, *size, generator=chance)
    pictures[1, ..., size[1] // 2 :] = pictures[0, ..., size[1] // 2 :]
    found: dict[str, None] = {}
    with ExitStack() as hooks:
        for path, part in module.named_modules():
            if path:
                watch = part.register_forward_hook(_watching(path, found), with_kwargs=True)
                hooks.callback(watch.remove)
        try:
            silenced_pass(module, run, pictures.to(like.device, like.dtype))
        except Exception:  # it takes one picture at a time: nothing can be said
            return ()
    return tuple(found)


def _watching(path: str, found: dict[str, None]) -> Callable[..., Any]:
    def watch(part: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
        given = next((each for each in (*args, *kwargs.values()) if _tokens(each)), None)
        first = output[0] if isinstance(output, tuple) and output else output
        if given is None or not _tokens(first) or not _same_places(given, first):
            return None
        for axes in _layouts(given.ndim):
            alike = ~_unlike(given, axes)
            mixed = alike & _unlike(first, axes)
            if not alike.any() or not mixed.any():
                continue
            if not isinstance(part, LOCAL):
                found[path] = None
            repaired = _repaired(first, mixed, axes)
            return (repaired, *output[1:]) if isinstance(output, tuple) else repaired
        return None

    return watch


def _tokens(given: Any) -> bool:
    """Whether something may be the tokens, or the map, of two pictures."""
    return isinstance(given, Tensor) and given.ndim in (3, 4) and len(given) == 2


def _same_places(given: Tensor, first: Tensor) -> bool:
    """Whether as many tokens, or a map of as many rows and columns, come out as went in."""
    last = given.shape[:-1] == first.shape[:-1]
    return last or (given.ndim == first.ndim == 4 and given.shape[2:] == first.shape[2:])


def _layouts(axes: int) -> Sequence[tuple[int, ...]]:
    """The axes that may be places: of (picture token dim), and of maps with channels last or first."""
    return [(1,)] if axes == 3 else [(1, 2), (2, 3)]


def _unlike(pair: Tensor, axes: tuple[int, ...]) -> Bool[Tensor, "*place"]:
    """Which places differ between the two pictures."""
    apart = (pair[1] - pair[0]).abs()
    others = [each - 1 for each in range(1, pair.ndim) if each not in axes]
    return apart.amax(dim=others) > LEAST * pair.abs().max()


def _repaired(pair: Tensor, mixed: Bool[Tensor, "*place"], axes: tuple[int, ...]) -> Tensor:
    """The second picture with what was mixed into its places taken from the first."""
    shape = [mixed.shape[axes.index(each)] if each in axes else 1 for each in range(1, pair.ndim)]
    second = torch.where(mixed.reshape(shape), pair[0], pair[1])
    return torch.stack([pair[0], second])


def mixing_sentence(paths: Sequence[str]) -> str:
    """What was found, for notes and refusals; "" where nothing was."""
    if not paths:
        return ""
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    verb = "mix" if len(paths) > 1 else "mixes"
    were = "were" if len(paths) > 1 else "was"
    return f"{', '.join(paths[:NAMED])}{more} {verb} tokens and {were} not seen"
