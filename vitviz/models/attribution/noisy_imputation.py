"""Hidden pixels as their surroundings foretell them: the weighted mean of neighbours, with noise.

Noisy linear imputation of ROAD, Rong et al. 2022, arXiv:2202.00449. A hidden pixel weighs its four
nearest neighbours by 1/6 and its four diagonal ones by 1/12, hidden ones among them, so all hidden
pixels together are one system of linear equations: a Laplacian, solved for many sets at once by
conjugate gradients with one multigrid cycle in front of each step (Trottenberg, Oosterlee and
Schüller 2001).
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from vitviz.models.attribution.target_score import OnePicture

PixelValues = Float[Tensor, "set rgb row col"]
HiddenPixels = Bool[Tensor, "set row col"]

NOISE = 0.01
"""Standard deviation of the noise, in the numbers that the model reads."""
SMALL = 12
"""A grid with no more pixels than this along its longer side is solved whole."""
EXACT = 1e-5
"""The largest residual, over that of hidden pixels left at 0, at which a solution is exact."""
MOST_STEPS = 60


def imputed(pixels: OnePicture, hidden: HiddenPixels, *, noise: float = NOISE) -> PixelValues:
    """The picture with each set of hidden pixels foretold by the rest.

    The noise is the same for every set. Where everything is hidden, nothing foretells anything: 0, the
    model's grey, with the noise.
    """
    seen = ~hidden
    grids = _grids(hidden)
    known = torch.where(seen[:, None], pixels, 0).float()
    wanted = torch.where(hidden[:, None], _neighbours(known), 0)
    found = _solved(grids, wanted)
    if noise:
        found = found + noise * _noise(pixels)
    return torch.where(hidden[:, None], found.to(pixels.dtype), pixels)


def _noise(pixels: OnePicture) -> Tensor:
    made = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(0))
    return made.to(pixels.device)


def _neighbours(values: PixelValues) -> PixelValues:
    """The weighted sum of the eight around each pixel; beyond the edge there is nothing."""
    wide = functional.pad(values, (1, 1, 1, 1))
    across = wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]
    both = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    return both / 12 - values / 3


class _Grid:
    """The equations at one resolution: which pixels are hidden, what each one's neighbours weigh."""

    def __init__(self, hidden: HiddenPixels, inside: Bool[Tensor, "row col"]) -> None:
        self.inside = inside
        self.hidden = (hidden & inside)[:, None]
        self.weight = _neighbours(inside[None, None].float())
        self.inverse: Tensor | None = None

    def residual_of(self, values: PixelValues) -> PixelValues:
        """The equations applied to values that are 0 where nothing is hidden."""
        return torch.where(self.hidden, self.weight * values - _neighbours(values), 0)

    def smoothed(self, values: PixelValues, wanted: PixelValues) -> PixelValues:
        """One damped step towards the solution."""
        missing = wanted - self.residual_of(values)
        return values + 0.9 * missing / self.weight.clamp_min(1e-6)

    def solved_whole(self, wanted: PixelValues) -> PixelValues:
        """The solution, by the inverse of all equations."""
        rows, cols = self.inside.shape
        if self.inverse is None:
            units = torch.eye(rows * cols, device=wanted.device).reshape(-1, 1, rows, cols)
            sums = rearrange(_neighbours(units), "one 1 row col -> (row col) one")
            hidden = rearrange(self.hidden, "set 1 row col -> set (row col)").float()
            within = sums * hidden[:, :, None] * hidden[:, None]
            own = torch.where(hidden > 0, rearrange(self.weight, "1 1 row col -> (row col)"), 1.0)
            # A corner where all is hidden has no unique solution; a trace of the identity chooses one.
            self.inverse = torch.linalg.inv(torch.diag_embed(own * (1 + 1e-6)) - within)
        flat = rearrange(wanted, "set rgb row col -> set (row col) rgb")
        return rearrange(self.inverse @ flat, "set (row col) rgb -> set rgb row col", row=rows)


def _grids(hidden: HiddenPixels) -> list[_Grid]:
    """From the picture's own resolution to a few pixels, each half of the one before."""
    inside = torch.ones(hidden.shape[1:], dtype=torch.bool, device=hidden.device)
    found = [_Grid(hidden, inside)]
    while max(hidden.shape[1:]) > SMALL:
        down, right = (size % 2 for size in hidden.shape[1:])
        outside = functional.pad(inside[None].float(), (0, right, 0, down))
        # A coarse pixel is hidden where all that it stands for is: its error is 0 elsewhere.
        shown = functional.pad((~hidden & inside).float(), (0, right, 0, down))
        inside = functional.max_pool2d(outside, 2)[0] > 0
        hidden = functional.max_pool2d(shown, 2) == 0
        found.append(_Grid(hidden, inside))
    return found


def _finer(values: PixelValues, like: _Grid) -> PixelValues:
    rows, cols = like.inside.shape
    found = functional.interpolate(values, scale_factor=2, mode="bilinear", align_corners=False)
    return torch.where(like.hidden, found[..., :rows, :cols], 0)


def _coarser(values: PixelValues) -> PixelValues:
    """The transpose of `_finer`, so that a cycle is symmetric."""
    rows, cols = values.shape[-2:]
    even = functional.pad(values, (0, cols % 2, 0, rows % 2))
    wide = functional.pad(even, (1, 1, 1, 1))
    down = (
        wide[..., 0:-3:2, :]
        + 3 * wide[..., 1:-2:2, :]
        + 3 * wide[..., 2:-1:2, :]
        + wide[..., 3::2, :]
    )
    both = down[..., 0:-3:2] + 3 * down[..., 1:-2:2] + 3 * down[..., 2:-1:2] + down[..., 3::2]
    return both / 16


def _cycled(grids: list[_Grid], wanted: PixelValues) -> PixelValues:
    """About the solution: smoothed, corrected on the next coarser grid, smoothed."""
    grid = grids[0]
    if len(grids) == 1:
        return grid.solved_whole(wanted)
    found = grid.smoothed(torch.zeros_like(wanted), wanted)
    missing = _coarser(wanted - grid.residual_of(found))
    missing = torch.where(grids[1].hidden, missing, 0)
    found = found + _finer(_cycled(grids[1:], missing), grid)
    return grid.smoothed(found, wanted)


def _solved(grids: list[_Grid], wanted: PixelValues) -> PixelValues:
    """Conjugate gradients, for all sets and colours at once."""
    first = grids[0]
    found, missing = torch.zeros_like(wanted), wanted
    near = _cycled(grids, missing)
    towards, power = near, _dot(missing, near)
    least = EXACT * wanted.abs().amax(dim=(-2, -1), keepdim=True)
    for _ in range(MOST_STEPS):
        if bool((missing.abs().amax(dim=(-2, -1), keepdim=True) <= least).all()):
            break
        applied = first.residual_of(towards)
        step = power / _dot(towards, applied).clamp_min(1e-30)
        found, missing = found + step * towards, missing - step * applied
        near = _cycled(grids, missing)
        before, power = power, _dot(missing, near)
        towards = near + power / before.clamp_min(1e-30) * towards
    return found


def _dot(one: PixelValues, other: PixelValues) -> Tensor:
    return (one * other).sum(dim=(-2, -1), keepdim=True)
