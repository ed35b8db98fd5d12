"""What another patch or picture size will cost, said before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from vitviz.core.language import _
from vitviz.core.progress import Unsupported

Size = tuple[int, int]

KEEP_VALUES = 1024
"""Tokens up to which a trace keeps v beside q and k, unless it is told."""

SMALLEST = 4
"""Pixels: below this a patch says little, and tokens are many."""


@dataclass(frozen=True, slots=True)
class ModelDimensions:
    """What of a model decides what a picture costs; sizes are (rows, cols) in model pixels.

    `weights` are the numbers in its blocks that multiply each token. `trained` are the patch sizes it
    was trained at. `fixed` is the reason, in a sentence, why its patch size cannot change, "" where
    it can.
    """

    name: str
    patch: int
    input_size: Size
    depth: int
    dim: int
    prefix: int
    weights: int
    trained: tuple[int, ...]
    fixed: str = ""
    itemsize: int = 4


@dataclass(frozen=True, slots=True)
class PassCost:
    """A pass at one patch and picture size: tokens, bytes that its trace holds, multiplications, and
    how many times those of the model's own sizes.
    """

    patch: int
    input_size: Size
    grid: Size
    tokens: int
    trace_bytes: int
    compute: int
    relative: float


def cost(model: ModelDimensions, patch: int | None = None, size: Size | None = None) -> PassCost:
    """What a pass costs. Unsupported, naming what fits, where the patch does not divide the picture
    or what this model does is not known from its sizes.
    """
    if model.fixed:
        raise Unsupported(model.fixed)
    patch, size = patch or model.patch, size or model.input_size
    check_divides(patch, size)
    own = _compute(model, model.patch, model.input_size)
    rows, cols = size[0] // patch, size[1] // patch
    tokens, compute = model.prefix + rows * cols, _compute(model, patch, size)
    kept = 3 if tokens <= KEEP_VALUES else 2
    held = kept * model.depth * tokens * model.dim * model.itemsize
    return PassCost(patch, size, (rows, cols), tokens, held, compute, compute / own)


def check_divides(patch: int, size: Size) -> None:
    """Unsupported, in a sentence that names what fits, where patches leave pixels over."""
    if size[0] % patch == 0 and size[1] % patch == 0:
        return
    fits = ", ".join(map(str, divisors(size))) or "none"
    sides = " or ".join(str(side) for side in _near(patch, min(size)))
    raise Unsupported(
        _(
            "patch {patch} does not divide a picture of {width} × {height} pixels; take "
            "patch {fits}, or a picture of {sides} pixels"
        ).format(patch=patch, width=size[1], height=size[0], fits=fits, sides=sides)
    )


def patch_sizes(model: ModelDimensions, size: Size | None = None) -> tuple[int, ...]:
    """The patch sizes that a model can take at a picture size, smallest first.

    Its own alone, if that fits, where they cannot change (`model.fixed` says why).
    """
    size = size or model.input_size
    found = divisors(size)
    return tuple(patch for patch in found if patch == model.patch) if model.fixed else found


def divisors(size: Size) -> tuple[int, ...]:
    """Patch sizes from 4 pixels that divide a picture into at least 2 × 2 patches."""
    whole = gcd(*size)
    return tuple(patch for patch in range(SMALLEST, min(size) // 2 + 1) if whole % patch == 0)


def note(model: ModelDimensions, patch: int) -> str:
    """What must be known of a patch size: "" where the model was trained at it."""
    if patch in model.trained:
        return ""
    if len(model.trained) > 1:
        listed = ", ".join(map(str, model.trained))
        return _(
            "patch {patch} was not among the trained ones ({listed}): its kernel is resampled"
        ).format(patch=patch, listed=listed)
    return _("patch {patch} resampled from {trained}, not trained at this size").format(
        patch=patch, trained=model.patch
    )


def _compute(model: ModelDimensions, patch: int, size: Size) -> int:
    """Multiplications of a pass: the patch embedding, every block's weights, and q kᵀ and A v."""
    tokens = model.prefix + (size[0] // patch) * (size[1] // patch)
    embedding = 3 * model.dim * size[0] * size[1]
    return embedding + tokens * model.weights + 2 * model.depth * tokens**2 * model.dim


def _near(patch: int, side: int) -> tuple[int, ...]:
    below = side // patch * patch
    return tuple(each for each in (below, below + patch) if each >= 2 * patch)
