"""The blocks of a module that calls nothing "blocks", and the order in which it holds its tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from vitviz.core.progress import Unsupported
from vitviz.models.families.measured import MeasuredFamily
from vitviz.models.loading.model import Model


def block_lists(module: nn.Module, calls: Sequence[str]) -> list[str]:
    """Paths of the outermost lists of which several members make attention calls, one call each."""
    found: list[str] = []
    for path, part in module.named_modules():
        if not isinstance(part, nn.Sequential | nn.ModuleList):
            continue
        if any(path.startswith(f"{each}.") for each in found):
            continue
        inside = f"{path}." if path else ""
        members = [
            call[len(inside) :].partition(".")[0] for call in calls if call.startswith(inside)
        ]
        if len(members) > 1 and len(set(members)) == len(members):
            found.append(path)
    return found


def in_reading_order(model: Model) -> Int64[Tensor, "token"] | None:
    """Which of the sequence's tokens comes when, where a module holds them in another order than the
    prefix and the patches in reading order; None where it does not.

    Unsupported where its blocks work on windows: the order of what they give on was not measured.
    """
    if not isinstance(model.family, MeasuredFamily):
        return None
    places = next((each.asking for each in model.family.map.calls if each.asking), None)
    if places is None or places.in_order:
        return None
    if len(places.tokens) > 1:
        raise Unsupported(
            f"{model.info.called} attends inside windows, and in which order its blocks give tokens on "
            "was not measured, so its layers cannot be compared token by token"
        )
    return torch.from_numpy(places.tokens[0].argsort())
