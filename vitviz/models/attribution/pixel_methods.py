"""Input x gradient, integrated gradients, SmoothGrad, occlusion and RISE, with patches as units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Float, Float32, Float64
from torch import Tensor, nn
from torch.nn import functional

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.progress import Progress, silent
from vitviz.models.attribution.gradient_ready import ready_for_gradients
from vitviz.models.attribution.hidden_patches import TOGETHER, batched_answers, by_patch, owners
from vitviz.models.attribution.target_score import OnePicture, PixelBatch, TargetScore

PatchTensor = Float[Tensor, "patch"]

RISE_CELLS = 7
"""Cells each way of RISE's coarse masks, and the share of cells that stay visible."""
RISE_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class PixelPasses:
    """A model and a target to be run over many pictures with their gradients, a few at a time."""

    module: nn.Module
    score: TargetScore
    progress: Progress = silent

    def gradients(
        self,
        make: Callable[[slice], PixelBatch],
        count: int,
        take: Callable[[slice, PixelBatch], None],
    ) -> None:
        """Hands the gradient of each made picture to `take`. `progress` may raise Cancelled."""
        step = max(1, TOGETHER.get(next(self.module.parameters()).device.type, 8) // 2)
        with ready_for_gradients(self.module):
            for start in range(0, count, step):
                rows = slice(start, min(start + step, count))
                leaf = make(rows).detach().requires_grad_()
                with torch.enable_grad():
                    total = self.score.score(self.score.answers(self.module, leaf)).sum()
                take(rows, torch.autograd.grad(total, leaf)[0])
                self.progress(rows.stop, count, "running with gradients")


def input_x_gradient(pixels: OnePicture, gradient: OnePicture, grid: TokenGrid) -> PatchTensor:
    """The model's numbers times their gradient, added up in each patch. Shrikumar et al. 2016,
    arXiv:1605.01713; the baseline is 0, the model's mean grey.
    """
    product = reduce((pixels * gradient).double(), "1 rgb row col -> row col", "sum")
    return by_patch(product, grid)


def integrated_gradients(
    passes: PixelPasses, pixels: OnePicture, baseline: OnePicture, grid: TokenGrid, steps: int
) -> PatchTensor:
    """(x - x0) times the mean gradient on the straight way from x0 to x, by Gauss and Legendre.

    Sundararajan et al. 2017, arXiv:1703.01365. All patches together sum to f(x) - f(x0) but for the
    quadrature (the completeness error).
    """
    at, weight = np.polynomial.legendre.leggauss(steps)
    alphas, weights = (torch.from_numpy(each).to(pixels) for each in ((at + 1) / 2, weight / 2))
    total = torch.zeros_like(pixels, dtype=torch.float64)

    def make(rows: slice) -> PixelBatch:
        return baseline + alphas[rows, None, None, None] * (pixels - baseline)

    def take(rows: slice, gradients: PixelBatch) -> None:
        weighed = weights[rows, None, None, None] * gradients
        total.add_(reduce(weighed.double(), "picture rgb row col -> 1 rgb row col", "sum"))

    passes.gradients(make, steps, take)
    product = reduce((pixels - baseline) * total, "1 rgb row col -> row col", "sum")
    return by_patch(product, grid)


def smooth_noise(pixels: OnePicture, samples: int, share: float, seed: int) -> PixelBatch:
    """SmoothGrad's noise: a normal one whose deviation is `share` of the input's range."""
    generator = torch.Generator().manual_seed(seed)
    spread = share * float(pixels.max() - pixels.min())
    noise = torch.randn((samples, *pixels.shape[1:]), generator=generator)
    return noise.mul_(spread).to(pixels)


def smooth_gradient(
    passes: PixelPasses, pixels: OnePicture, noise: PixelBatch, grid: TokenGrid
) -> PatchTensor:
    """The mean gradient under noise; a patch's value is the sum of its absolute numbers.

    Smilkov et al. 2017, arXiv:1706.03825.
    """
    total = torch.zeros_like(pixels, dtype=torch.float64)

    def make(rows: slice) -> PixelBatch:
        return pixels + noise[rows]

    def take(rows: slice, gradients: PixelBatch) -> None:
        total.add_(reduce(gradients.double(), "picture rgb row col -> 1 rgb row col", "sum"))

    passes.gradients(make, len(noise), take)
    mean = total / len(noise)
    return by_patch(reduce(mean.abs(), "1 rgb row col -> row col", "sum"), grid)


def occlusion_windows(grid: TokenGrid, side: int) -> np.ndarray:
    """Which patches each window of side x side hides, (window patch): every place inside the grid."""
    down, across = min(side, grid.rows), min(side, grid.cols)
    rows, cols = np.divmod(np.arange(grid.rows * grid.cols), grid.cols)
    tops, lefts = np.divmod(
        np.arange((grid.rows - down + 1) * (grid.cols - across + 1)), grid.cols - across + 1
    )
    inside_rows = (rows[None] >= tops[:, None]) & (rows[None] < tops[:, None] + down)
    inside_cols = (cols[None] >= lefts[:, None]) & (cols[None] < lefts[:, None] + across)
    hidden: np.ndarray = inside_rows & inside_cols
    return hidden


def spread_over_patches(
    fall: Float64[np.ndarray, "window"], hidden: np.ndarray
) -> Float32[np.ndarray, "patch"]:
    """Each patch's mean fall over the windows that hid it."""
    covered = hidden.astype(np.float64)
    found: Float32[np.ndarray, "patch"] = (fall @ covered / covered.sum(axis=0)).astype(np.float32)
    return found


def rise_masks(
    rows: int,
    cols: int,
    count: int,
    seed: int,
    *,
    cells: int = RISE_CELLS,
    share: float = RISE_SHARE,
) -> Callable[[slice], Float[Tensor, "mask row col"]]:
    """RISE's masks, made when they are wanted: coarse random cells, enlarged, at a random shift.

    Petsiuk et al. 2018, arXiv:1806.07421, section 3.2.
    """
    dice = np.random.default_rng(seed)
    coarse = (dice.random((count, cells, cells)) < share).astype(np.float32)
    high, wide = -(-rows // cells), -(-cols // cells)
    shifts = np.stack([dice.integers(0, high, count), dice.integers(0, wide, count)], axis=1)
    size = ((cells + 1) * high, (cells + 1) * wide)

    def make(wanted: slice) -> Float[Tensor, "mask row col"]:
        few = torch.from_numpy(coarse[wanted])[:, None]
        large = functional.interpolate(few, size=size, mode="bilinear", align_corners=False)[:, 0]
        parts = [
            each[top : top + rows, left : left + cols]
            for each, (top, left) in zip(large, shifts[wanted], strict=True)
        ]
        return torch.stack(parts)

    return make


def rise(
    passes: PixelPasses,
    pixels: OnePicture,
    shown: OnePicture,
    grid: TokenGrid,
    count: int,
    seed: int,
    score_of: Callable[[Float32[np.ndarray, "pass output"]], Float64[np.ndarray, "pass"]],
) -> tuple[Float32[np.ndarray, "patch"], Float32[np.ndarray, "patch"]]:
    """Each patch's mean score over masks, weighed by how visible it was; and its standard error."""
    made = rise_masks(pixels.shape[-2], pixels.shape[-1], count, seed)
    owner = owners(grid, *pixels.shape[-2:])
    size = torch.bincount(rearrange(owner, "row col -> (row col)"), minlength=grid.rows * grid.cols)
    visible = []

    def make(rows: slice) -> PixelBatch:
        masks = made(rows)
        flat = rearrange(masks, "mask row col -> mask (row col)").double()
        sums = torch.zeros(len(flat), len(size), dtype=torch.float64)
        sums.index_add_(1, rearrange(owner, "row col -> (row col)"), flat)
        visible.append((sums / size).numpy())
        mask = rearrange(masks, "mask row col -> mask 1 row col").to(pixels)
        return mask * pixels + (1 - mask) * shown

    answers = batched_answers(
        passes.module, passes.score, make, count, pixels.device.type, passes.progress
    )
    weighed = score_of(answers)[:, None] * np.concatenate(visible) / RISE_SHARE
    error = (
        weighed.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else np.full(len(size), np.nan)
    )
    return weighed.mean(axis=0).astype(np.float32), error.astype(np.float32)
