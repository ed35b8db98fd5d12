"""What the first block reads, taken apart: prefix tokens, patches, and what is added to them."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from vitviz.core.data.block_steps import SequenceStart
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.progress import Unsupported
from vitviz.models.families import anatomy_of
from vitviz.models.record.verify import tolerance


class _Reached(Exception):
    """The first block has been given its tokens: the rest of the pass is not wanted."""


def sequence_start_of(
    module: nn.Module, pixels: Tensor, grid: TokenGrid, called: str
) -> SequenceStart:
    """The sequence as the first block reads it, and what it is the sum of.

    Unsupported, with the reason, where the parts cannot be found or do not sum to it.
    """
    patches, tokens = _seen(module, pixels, grid, called)
    prefix = _prefix(module, grid, called)
    if not len(prefix):
        prefix = patches[:0]
    table = _added(module, grid, called)
    widths = {each.shape[1] for each in (prefix, patches, tokens, table) if each is not None}
    if len(widths) > 1:
        raise Unsupported(
            f"the patches, learned tokens and positions of {called} have vectors of "
            f"{', '.join(map(str, sorted(widths)))} numbers, so its first block does not read their sum"
        )
    joined = torch.cat([prefix.to(patches), patches])
    total = joined if table is None else joined + table.to(joined)
    largest, difference = float(tokens.abs().max()), float((total - tokens).abs().max())
    if difference > 10 * tolerance(pixels.dtype) * max(largest, 1e-12):
        raise Unsupported(
            f"the first block of {called} does not read its patches, its prefix tokens and a table of "
            f"positions added up: the sum differs by up to {difference:.2g} of numbers up to "
            f"{largest:.2g}, so something else happens between them"
        )
    return SequenceStart(
        prefix.cpu().numpy(),
        patches.cpu().numpy(),
        None if table is None else table.cpu().numpy(),
        tokens.cpu().numpy(),
        difference,
        largest,
    )


def _seen(
    module: nn.Module, pixels: Tensor, grid: TokenGrid, called: str
) -> tuple[Float[Tensor, "patch dim"], Float[Tensor, "token dim"]]:
    """The embedded patches, and what the first block (or a norm before it) is given."""
    anatomy = anatomy_of(module)
    entrance, blocks = anatomy.entrance, anatomy.blocks
    if entrance is None or not blocks:
        raise Unsupported(
            f"{called} has no patch embedding and list of blocks by the names that a ViT has, so the "
            "start of its sequence cannot be taken apart"
        )
    first = anatomy.first_norm or blocks[0]
    found: dict[str, Tensor] = {}

    def embedded(_module: nn.Module, _given: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            found["patches"] = output.detach().clone()

    def entered(_module: nn.Module, given: tuple[Any, ...]) -> None:
        tensors = [each for each in given if isinstance(each, Tensor) and each.ndim == 3]
        whole = [each for each in tensors if each.shape[1] == grid.tokens]
        if whole:
            found["tokens"] = whole[-1].detach().clone()
        raise _Reached

    with ExitStack() as hooks, torch.no_grad():
        hooks.callback(entrance.register_forward_hook(embedded).remove)
        hooks.callback(first.register_forward_pre_hook(entered).remove)
        with suppress(_Reached):
            module(pixels)
    count = grid.rows * grid.cols
    patches = found.get("patches")
    if patches is not None and patches.ndim == 4 and patches.shape[1:3] == (grid.rows, grid.cols):
        patches = rearrange(patches, "1 row col dim -> 1 (row col) dim")
    if patches is None or "tokens" not in found or tuple(patches.shape[:2]) != (1, count):
        shape = None if patches is None else tuple(patches.shape)
        raise Unsupported(
            f"the patch embedding of {called} gives {shape or 'no tensor'} and not one row for each of "
            f"its {grid.rows} × {grid.cols} patches, so the start of its sequence cannot be taken apart"
        )
    return patches[0].float(), found["tokens"][0].float()


def _prefix(module: nn.Module, grid: TokenGrid, called: str) -> Float[Tensor, "prefix dim"]:
    """The learned vectors in front of the patches, in the order of the grid's names."""
    anatomy, rows = anatomy_of(module), list[Tensor]()
    for name in grid.prefix:
        word, _, number = name.partition(" ")
        table, index = anatomy.prefix_tables.get(word), int(number or 1) - 1
        if table is None or table.ndim != 3 or index >= table.shape[1]:
            raise Unsupported(
                f"where {called} keeps the vector of its token {name!r} is not known, so the start of "
                "its sequence cannot be taken apart"
            )
        rows.append(table[0, index].detach().float())
    return torch.stack(rows) if rows else torch.zeros(0, anatomy.dim)


def _added(module: nn.Module, grid: TokenGrid, called: str) -> Float[Tensor, "token dim"] | None:
    """What is added to every token; zeros for prefix tokens that have no place in the table."""
    table = anatomy_of(module).places
    if table is None:
        return None
    rows = table.detach().float()
    if rows.ndim == 4 and rows.shape[1:3] == (grid.rows, grid.cols):
        rows = rearrange(rows, "1 row col dim -> 1 (row col) dim")
    count = grid.rows * grid.cols
    if rows.ndim != 3 or rows.shape[1] not in (count, grid.tokens):
        raise Unsupported(
            f"the table of positions of {called} has shape {tuple(table.shape)}, not a row for each of "
            f"the {grid.rows} × {grid.cols} patches, so what is added to which token is not told"
        )
    missing = torch.zeros(grid.tokens - rows.shape[1], rows.shape[2]).to(rows)
    return torch.cat([missing, rows[0]])
