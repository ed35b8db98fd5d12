"""The model's answers with patches hidden: grey, black, blurred, foretold, or their tokens left out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, assert_never

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from vitviz.core.data.attribution import Fill
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.measures.pixel_owners import pixel_owners
from vitviz.core.progress import Progress, Unsupported, silent
from vitviz.models.attribution.noisy_imputation import imputed
from vitviz.models.attribution.target_score import AnswerRows, OnePicture, TargetScore
from vitviz.models.families import anatomy_of
from vitviz.models.loading.preprocess import Preprocess

HiddenPatches = Bool[np.ndarray, "pass patch"]

TOGETHER = {"cpu": 8, "cuda": 64, "mps": 16}
"""Pictures in one pass, by device."""

BLUR_SIDE, BLUR_SIGMA = 11, 5.0
"""Of the Gaussian that fills in RISE's insertion, in pixels of the model."""


def owners(grid: TokenGrid, rows: int, cols: int) -> Int64[Tensor, "row col"]:
    """Which patch each pixel of the model belongs to, in reading order."""
    return torch.from_numpy(pixel_owners(grid, rows, cols).astype(np.int64))


def filling(pixels: OnePicture, want: Preprocess, fill: Fill) -> OnePicture:
    """What shows where something is hidden, in the model's own numbers.

    "mean" is 0 there, the mean grey of the training pictures; "zero" black; "blur" the picture under a
    Gaussian of 11 x 11 pixels with sigma 5, as in RISE.
    """
    match fill:
        case "mean" | "drop" | "impute":
            return torch.zeros_like(pixels)
        case "zero":
            mean, std = (torch.tensor(each).to(pixels) for each in (want.mean, want.std))
            return (-mean / std)[None, :, None, None].expand_as(pixels)
        case "blur":
            return blurred(pixels)
        case _:
            assert_never(fill)


def blurred(pixels: Float[Tensor, "picture rgb row col"]) -> Float[Tensor, "picture rgb row col"]:
    """Under a Gaussian; beyond the edge is the model's grey, as in RISE."""
    at = torch.arange(BLUR_SIDE, dtype=torch.float64) - (BLUR_SIDE - 1) / 2
    bell = torch.exp(-(at**2) / (2 * BLUR_SIGMA**2))
    bell = (bell / bell.sum()).to(pixels)
    channels, half = pixels.shape[1], BLUR_SIDE // 2
    down = bell.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    across = bell.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    found = functional.conv2d(pixels, down, padding=(half, 0), groups=channels)
    return functional.conv2d(found, across, padding=(0, half), groups=channels)


def hidden_answers(
    module: nn.Module,
    pixels: OnePicture,
    grid: TokenGrid,
    score: TargetScore,
    hidden: HiddenPatches,
    *,
    fill: Fill,
    want: Preprocess,
    progress: Progress = silent,
) -> Float32[np.ndarray, "pass output"]:
    """The answers, one for each row of `hidden` (True: that patch cannot be seen), in batches.

    Unsupported for "drop" where tokens cannot be left out exactly; `progress` may raise Cancelled.
    """
    if fill == "drop":
        return _without_tokens(module, pixels, grid, score, hidden, progress)
    owner = owners(grid, *pixels.shape[-2:]).to(pixels.device)
    shown = filling(pixels, want, fill)

    def make(rows: slice) -> Tensor:
        covered = torch.from_numpy(hidden[rows]).to(pixels.device)[:, owner]
        if fill == "impute":
            return imputed(pixels, covered)
        return torch.where(covered[:, None], shown, pixels)

    return batched_answers(module, score, make, len(hidden), pixels.device.type, progress)


def batched_answers(
    module: nn.Module,
    score: TargetScore,
    make: Callable[[slice], Tensor],
    count: int,
    device: str,
    progress: Progress = silent,
) -> Float32[np.ndarray, "pass output"]:
    """The answers to `count` pictures, made a few at a time."""
    found = []
    with torch.inference_mode(False), torch.no_grad():
        for rows in _batches(count, device):
            found.append(score.answers(module, make(rows)).float().cpu().numpy())
            progress(rows.stop, count, "hiding patches")
    answers: Float32[np.ndarray, "pass output"] = np.concatenate(found)
    return answers


def _batches(count: int, device: str) -> Iterator[slice]:
    step = TOGETHER.get(device, 8)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def _without_tokens(
    module: nn.Module,
    pixels: OnePicture,
    grid: TokenGrid,
    score: TargetScore,
    hidden: HiddenPatches,
    progress: Progress,
) -> Float32[np.ndarray, "pass output"]:
    """Tokens taken out behind the position embeddings, as PatchDropout does it in training."""
    blocks = _droppable(module)
    if hidden.all(axis=1).any() and not grid.prefix:
        raise Unsupported(
            "a sequence without any token has no answer: leave a patch in, or fill patches instead"
        )
    answers: list[Float32[np.ndarray, "1 output"]] = [np.zeros((0, 0), np.float32)] * len(hidden)
    kept = grid.tokens - hidden.sum(axis=1)
    done = 0
    with torch.inference_mode(False), torch.no_grad():
        for count in np.unique(kept):
            alike = np.flatnonzero(kept == count)
            for few in _batches(len(alike), pixels.device.type):
                found = _shortened(module, pixels, grid, score, hidden[alike[few]], blocks[0])
                for at, row in zip(alike[few], found.float().cpu().numpy(), strict=True):
                    answers[at] = row[None]
                done += len(alike[few])
                progress(done, len(hidden), "leaving out tokens")
    stacked: Float32[np.ndarray, "pass output"] = np.concatenate(answers)
    return stacked


def _shortened(
    module: nn.Module,
    pixels: OnePicture,
    grid: TokenGrid,
    score: TargetScore,
    hidden: HiddenPatches,
    first: nn.Module,
) -> AnswerRows:
    seen = np.concatenate([np.ones((len(hidden), len(grid.prefix)), bool), ~hidden], axis=1)
    keep = torch.from_numpy(np.stack([np.flatnonzero(row) for row in seen])).to(pixels.device)

    def shorten(_module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        tokens = given[0]
        if tokens.ndim != 3 or tokens.shape[1] != grid.tokens:
            raise Unsupported(
                f"the first block reads {tuple(tokens.shape)} and not {grid.tokens} tokens in a row, "
                "so none can be left out; fill patches instead"
            )
        every = repeat(keep, "set token -> set token dim", dim=tokens.shape[2])
        return (tokens.gather(1, every), *given[1:])

    with ExitStack() as undo:
        undo.callback(first.register_forward_pre_hook(shorten).remove)
        return score.answers(module, pixels.expand(len(hidden), -1, -1, -1))


def _droppable(module: nn.Module) -> list[nn.Module]:
    """The blocks of a model whose tokens know their places by themselves. Unsupported for others."""
    anatomy, name = anatomy_of(module), type(module).__name__
    blocks = list(anatomy.blocks)
    # A block that is also told rows and columns reads its tokens as a map, with none missing.
    if not blocks or not all(_takes_tokens_alone(each) for each in blocks):
        raise Unsupported(
            f"{name} has not one list of blocks that read any number of tokens, so none can be left "
            "out; fill patches with mean, zero or blur instead"
        )
    if tells_places_inside(module):
        raise Unsupported(
            f"{name} tells places apart inside its attention, for all tokens together, so none can be "
            "left out exactly; fill patches with mean, zero or blur instead"
        )
    return blocks


def tells_places_inside(module: nn.Module) -> bool:
    """Whether attention itself tells places apart, by rotations or a bias over all tokens."""
    named = [each for each, _ in module.named_modules()]
    tables = [each for each, _ in (*module.named_parameters(), *module.named_buffers())]
    inside = any("rel_pos" in each or "relative_position" in each for each in (*named, *tables))
    return inside or anatomy_of(module).is_rotary


def _takes_tokens_alone(block: nn.Module) -> bool:
    given = inspect.signature(block.forward).parameters.values()
    needed = [each for each in given if each.default is each.empty]
    return sum(each.kind is each.POSITIONAL_OR_KEYWORD for each in needed) == 1


def by_patch(values: Float[Tensor, "row col"], grid: TokenGrid) -> Float[Tensor, "patch"]:
    """A map over pixels added up in each patch."""
    owner = owners(grid, *values.shape).to(values.device)
    found = torch.zeros(grid.rows * grid.cols, dtype=values.dtype, device=values.device)
    return found.index_add_(
        0, rearrange(owner, "row col -> (row col)"), rearrange(values, "row col -> (row col)")
    )
