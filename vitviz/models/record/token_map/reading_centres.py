"""Where tokens whose reading overlaps read most: the centre of what each is moved by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import Tensor

DRAWS = 4
"""Random changes that are averaged over."""

SMALL = 0.01
"""Size of the changes beside noise of size 1: so small that the network answers in proportion."""


def small_changes(noise: Tensor) -> list[Tensor]:
    """The picture with a small random change everywhere; then with the same, times the square root of
    how far down each pixel is, and of how far across; for every draw.

    What moves a token is summed in squares, so that the ratio of its squared changes is the mean place
    of what it reads, weighed by how strongly: sum J^2 row / sum J^2.
    """
    rows, cols = noise.shape[-2:]
    down = torch.linspace(0.5 / rows, 1 - 0.5 / rows, rows).sqrt()[:, None]
    across = torch.linspace(0.5 / cols, 1 - 0.5 / cols, cols).sqrt()[None]
    chance = torch.Generator().manual_seed(2)
    found = []
    for _ in range(DRAWS):
        change = SMALL * torch.randn(noise.shape, generator=chance)
        found += [noise + change, noise + change * down, noise + change * across]
    return found


def energy(before: Tensor, now: Tensor) -> Float32[np.ndarray, "*lead slot"]:
    """The squared change of every slot."""
    found: Float32[np.ndarray, "*lead slot"] = (
        (now - before).double().square().sum(-1).float().cpu().numpy()
    )
    return found


def centres(
    energies: Sequence[Float32[np.ndarray, "*lead slot"]],
) -> tuple[Float32[np.ndarray, "*lead slot"], Float32[np.ndarray, "*lead slot"]]:
    """Of every slot how far down and how far across it reads on average, 0 to 1."""
    drawn = np.stack(energies).astype(np.float64)
    whole = np.maximum(drawn[0::3].sum(axis=0), 1e-300)
    down, across = (drawn[at::3].sum(axis=0) / whole for at in (1, 2))
    return down.astype(np.float32), across.astype(np.float32)


def ranked(places: Float32[np.ndarray, "slot"], lines: int) -> Int[np.ndarray, "slot"] | None:
    """Which of so many lines, of as many slots each, every slot is on; None where they overlap."""
    order = np.argsort(places, kind="stable")
    each = len(places) // lines
    line = np.empty(len(places), np.intp)
    line[order] = np.arange(len(places)) // each
    inside = places[order].reshape(lines, each)
    if lines > 1 and not (inside[:-1].max(axis=1) < inside[1:].min(axis=1)).all():
        return None
    return line
