"""A target followed back through stages: with its norm's scale held, what joins them is linear."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Float64
from torch import Tensor, nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.progress import Unsupported
from vitviz.models.attribution.gradient_ready import ready_for_gradients

TokenStream = Float[Tensor, "1 *place dim"]

CONSTANT = 1e-4
"""Largest difference, over the largest number met, for which a step is linear."""


class FixedScale:
    """A LayerNorm or RMSNorm whose scale is that of the first tokens it meets: linear from then on."""

    def __init__(self, norm: nn.Module) -> None:
        """`norm` is the model's own; one that is no RMSNorm by its name is centred too."""
        self.norm: Any = norm
        self.scale: Tensor | None = None
        self.centred = not type(norm).__name__.lower().startswith("rms")

    def __call__(self, tokens: Tensor) -> Tensor:
        """The norm's own formula."""
        if self.centred:
            tokens = tokens - tokens.mean(dim=-1, keepdim=True)
        if self.scale is None:
            power = tokens.detach().square().mean(dim=-1, keepdim=True)
            self.scale = torch.rsqrt(power + float(self.norm.eps))
        found = tokens * self.scale
        own = dict(self.norm.named_parameters(recurse=False))
        weight, bias = own.get("weight"), own.get("bias")
        found = found if weight is None else found * weight
        return found if bias is None else found + bias


@contextmanager
def fixed_scales(norms: Sequence[nn.Module | None]) -> Iterator[None]:
    """These norms with the scale of the first tokens that they meet meanwhile."""
    with ExitStack() as undo:
        for norm in norms:
            if norm is not None and not isinstance(norm, nn.Identity) and hasattr(norm, "eps"):
                own: Any = norm
                own.forward = FixedScale(norm)
                undo.callback(vars(own).pop, "forward")
        yield


@dataclass(eq=False)
class SeenStep:
    """A module outside of all blocks, with what it read and gave."""

    module: nn.Module
    given: Tensor
    output: Tensor


def watch_steps(module: nn.Module, blocks: Sequence[nn.Module], undo: ExitStack) -> list[SeenStep]:
    """Everything between blocks that reads one tensor and gives one, filled as the model runs."""
    inside = {id(part) for block in blocks for part in block.modules()}
    around = {
        id(part) for part in module.modules() if any(id(each) in inside for each in part.modules())
    }
    seen: list[SeenStep] = []

    def keep(part: nn.Module, given: Any, output: Any) -> None:
        if len(given) == 1 and isinstance(given[0], Tensor) and isinstance(output, Tensor):
            seen.append(SeenStep(part, given[0].detach(), output.detach()))

    for part in module.modules():
        if id(part) not in inside and id(part) not in around:
            undo.callback(part.register_forward_hook(keep).remove)
    return seen


def directs(
    last: TokenStream,
    ends: Sequence[TokenStream],
    starts: Sequence[TokenStream],
    steps: Sequence[SeenStep],
    called: str,
) -> tuple[list[TokenStream], float]:
    """d target / d stream behind every block, given that behind the last one; and the constants on the
    way.

    Unsupported where what lies between two blocks is not one linear step behind its norm's scale.
    """
    found, constant = [last], 0.0
    for at in range(len(ends) - 2, -1, -1):
        end, start, direct = ends[at], starts[at + 1], found[0]
        if end.shape == start.shape and torch.equal(end, start):
            found.insert(0, direct)
            continue
        step = next((one for one in steps if _joins(one, end, start)), None)
        if step is None:
            raise Unsupported(
                f"what lies between blocks {at + 1} and {at + 2} of {called} is not one step, so its "
                "answer is no sum of what they add"
            )
        before, added = _through(step, direct, called)
        found.insert(0, before)
        constant += added
    return found, constant


def _joins(step: SeenStep, end: Tensor, start: Tensor) -> bool:
    return (
        step.given.shape == end.shape
        and step.output.shape == start.shape
        and torch.equal(step.given, end)
        and torch.equal(step.output, start)
    )


def _through(step: SeenStep, direct: TokenStream, called: str) -> tuple[TokenStream, float]:
    """The direct effect in front of a step, and what the step adds whatever it reads."""
    module = step.module
    with ready_for_gradients(module), fixed_scales(list(module.modules())), torch.enable_grad():
        leaf = step.given.clone().requires_grad_()
        run: Callable[[Tensor], Tensor] = step.module
        told = (run(leaf).double() * direct.double()).sum()
        (before,) = torch.autograd.grad(told, leaf)
        with torch.no_grad():
            doubled = float((run(2 * step.given).double() * direct.double()).sum())
    value = float(told.detach())
    product = float((before.double() * step.given.double()).sum())
    size = max(abs(value), abs(product), 1e-6)
    if abs(doubled - value - product) > CONSTANT * size:
        raise Unsupported(
            f"a step between two stages of {called} is not linear behind its norm's scale, so its "
            "answer is no sum of what the blocks add"
        )
    return before, value - product


def seen_by_heads(
    block: nn.Module, proj: nn.Module, middle: nn.Module, start: Tensor, direct: TokenStream
) -> tuple[Tensor, Tensor, bool]:
    """(d target / d the heads' outputs side by side, the stream between attention and MLP, whether
    this is linear in those) of a block that runs again.
    """
    heads: list[Tensor] = []

    def run(times: float) -> Tensor:
        streams: list[Tensor] = []

        def cut(_module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            heads.append((times * given[0].detach()).requires_grad_())
            return (heads[-1], *given[1:])

        def keep(_module: nn.Module, given: tuple[Tensor, ...]) -> None:
            streams.append(given[0].reshape(direct.shape))

        with ExitStack() as hooks:
            hooks.callback(proj.register_forward_pre_hook(cut).remove)
            hooks.callback(middle.register_forward_pre_hook(keep).remove)
            block(start)
        return streams[0]

    with ready_for_gradients(block), torch.enable_grad():
        stream = run(1.0)
        told = (stream.double() * direct.double()).sum()
        (seen,) = torch.autograd.grad(told, heads[0])
    value = float(told.detach())
    with torch.no_grad():
        doubled = float((run(2.0).double() * direct.double()).sum())
    product = float((seen.double() * heads[0].detach().double()).sum())
    size = max(abs(value), abs(product), 1e-6)
    linear = abs(doubled - value - product) <= CONSTANT * size
    return seen, stream.detach(), linear


def spread(
    entries: Float64[np.ndarray, "head token"], grid: TokenGrid, finest: TokenGrid, called: str
) -> Float64[np.ndarray, "head token"]:
    """Entries of a grid's tokens shared evenly by the patches of a finer one that each covers.

    Unsupported where these do not divide.
    """
    if grid == finest:
        return entries
    down, right = finest.rows / grid.rows, finest.cols / grid.cols
    if grid.prefix or finest.prefix or down % 1 or right % 1:
        raise Unsupported(
            f"the {grid.rows} × {grid.cols} tokens of a stage of {called} do not divide the "
            f"{finest.rows} × {finest.cols} of the first, so they cannot be drawn as one account"
        )
    small = rearrange(entries, "head (row col) -> head row col", row=grid.rows)
    wide = small.repeat(int(down), axis=1).repeat(int(right), axis=2) / (down * right)
    shared: Float64[np.ndarray, "head token"] = rearrange(wide, "head row col -> head (row col)")
    return shared
