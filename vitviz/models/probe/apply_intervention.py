"""A pass with something changed: other positions, pixels, heads, inner blocks, neurons.

The model is never edited: what is put in its place for a pass is taken out again behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from inspect import signature
from typing import Any, assert_never

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.intervention import Intervention
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.models.families import anatomy_of
from vitviz.models.families.anatomy import AttentionAnatomy, attention_anatomy, block_anatomy
from vitviz.models.loading.preprocess import PreparedPicture, Preprocess, tensor_of
from vitviz.models.probe.picture_change import with_picture_changed
from vitviz.models.probe.register_neurons import move_neurons, own_grid

TEMPERATURE = 10_000.0
RgbPixels = UInt8[np.ndarray, "row col rgb"]


def order_of(count: int, seed: int) -> np.ndarray:
    """Which patch comes to each place when so many are shuffled."""
    return np.random.default_rng(seed).permutation(count)


def changed(
    prepared: PreparedPicture, want: Preprocess, grid: TokenGrid, change: Intervention
) -> PreparedPicture:
    """The picture as the model is to read it: changed itself, patches shuffled or grey. Shown so too.

    VitvizError for a patch that is not there, Unsupported where patches are no whole pixels.
    """
    prepared = with_picture_changed(prepared, want, change)
    if change.patches == "in place" and not change.masked:
        return prepared
    count = grid.rows * grid.cols
    wrong = [patch for patch in change.masked if not 0 <= patch < count]
    if wrong:
        raise VitvizError(f"there is no patch {wrong[0]} to mask; the {count} are 0 to {count - 1}")
    whole = (round(grid.patch[0]), round(grid.patch[1]))
    covered = (grid.rows * whole[0], grid.cols * whole[1])
    if covered != prepared.pixels.shape[:2] or whole != grid.patch:
        raise Unsupported(
            f"patches of {grid.patch[0]:g} × {grid.patch[1]:g} pixels cannot be moved or masked "
            "exactly; take a patch size that divides the input size"
        )
    sizes = {"p": whole[0], "q": whole[1]}
    order = order_of(count, change.seed) if change.patches == "shuffled" else np.arange(count)
    masked = list(change.masked)
    shown = rearrange(prepared.pixels, "(row p) (col q) rgb -> (row col) p q rgb", **sizes).copy()
    shown[masked] = grey_of(want)
    values = rearrange(
        tensor_of(prepared, want), "1 rgb (row p) (col q) -> (row col) rgb p q", **sizes
    ).clone()
    values[masked] = 0  # the mean itself: after the normalisation it is nothing
    pixels = np.ascontiguousarray(
        rearrange(shown[order], "(row col) p q rgb -> (row p) (col q) rgb", row=grid.rows)
    )
    pixels.setflags(write=False)
    read = rearrange(
        values[torch.from_numpy(order)], "(row col) rgb p q -> 1 rgb (row p) (col q)", row=grid.rows
    ).contiguous()
    frame = prepared.crop.frame
    return replace(prepared, pixels=pixels, seen=pixels, seen_box=frame, values=read)


def grey_of(want: Preprocess) -> UInt8[np.ndarray, "rgb"]:
    """The mean that pictures are normalised by, as nearly as 8 bits show it."""
    found = np.clip(np.rint(255 * np.asarray(want.mean, np.float64)), 0, 255).astype(np.uint8)
    return found if len(found) == 3 else np.repeat(found[:1], 3)


@contextmanager
def intervened(module: nn.Module, grid: TokenGrid, change: Intervention) -> Iterator[None]:
    """The model with other positions, without some heads, with other inner blocks while it lasts.

    Unsupported, with the reason, where that cannot be done exactly; VitvizError for a layer or head
    that is not there.
    """
    grid = own_grid(grid)
    with ExitStack() as undo:
        if change.neurons:
            move_neurons(module, change, undo)
        if change.positions != "learned":
            _replace(module, grid, change, undo)
        for layer, head in change.heads:
            undo.callback(_without_head(module, layer, head).remove)
        for layer, head in change.even:
            _even_head(module, layer, head, undo)
        match change.inner:
            case "as trained":
                pass
            case "each word alone":
                for attention in _inner(module, grid, "attn_in"):
                    attention.forward = partial(_each_alone, attention)
                    undo.callback(vars(attention).pop, "forward")
            case "blocks off":
                for part in _inner(module, grid, "attn_in", "mlp_in"):
                    undo.callback(part.register_forward_hook(_nothing).remove)
            case _:
                assert_never(change.inner)
        yield


def _replace(module: nn.Module, grid: TokenGrid, change: Intervention, undo: ExitStack) -> None:
    """Everything that tells places apart is replaced: a table, rotations, a bias by place."""
    found = _table(module, grid)
    turned, biased = _turned(module), _biased(module, grid)
    if found is None and not (turned or biased):
        raise Unsupported(
            f"{type(module).__name__} has no learned table of positions that could be exchanged, and "
            "no rotations or bias over the places of one grid; take a model that has, such as a ViT"
        )
    if found is None and change.positions == "sin-cos":
        by = "rotations of queries and keys" if turned else "a bias on its scores"
        raise Unsupported(
            f"{type(module).__name__} tells places apart by {by}: it adds no vectors to its patches "
            "that fixed waves could replace; take the positions away or mix them up instead"
        )
    if found is not None:
        name, table = found
        module._parameters[name] = nn.Parameter(_other(table, grid, change), requires_grad=False)
        undo.callback(module._parameters.__setitem__, name, table)
    if change.positions == "sin-cos":
        return  # rotations are sines and cosines already
    for block in turned:
        hook = partial(_turn, grid=grid, change=change)
        undo.callback(block.register_forward_pre_hook(hook, with_kwargs=True).remove)
    for attention in biased:
        _rebias(attention, grid, change, undo)


def _turned(module: nn.Module) -> list[nn.Module]:
    """The blocks that are given rotations by place."""
    anatomy = anatomy_of(module)
    blocks = anatomy.blocks if anatomy.is_rotary else ()
    return [each for each in blocks if "rope" in signature(each.forward).parameters]


def _turn(
    _module: nn.Module,
    given: tuple[Any, ...],
    named: dict[str, Any],
    *,
    grid: TokenGrid,
    change: Intervention,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The block's arguments with other rotations: none at all, or those of other places."""
    rope, count = named.get("rope"), grid.rows * grid.cols
    if rope is None:
        return given, named
    sin, cos = rope.float().chunk(2, dim=-1)
    if rope.shape[-2] not in (count, grid.tokens) or (sin**2 + cos**2 - 1).abs().max() > 1e-2:
        raise Unsupported(
            f"the rotations have shape {tuple(rope.shape)}, not sines and cosines in a row for each of "
            f"the {grid.rows} × {grid.cols} patches, so they cannot be exchanged exactly"
        )
    prefix, patches = rope[..., :-count, :], rope[..., -count:, :]
    if change.positions == "removed":  # an angle of 0 for everybody
        still = torch.zeros_like(sin), torch.ones_like(cos)
        other = torch.cat(still, dim=-1).to(rope)[..., -count:, :]
    else:
        other = patches[..., torch.from_numpy(order_of(count, change.seed)).to(rope.device), :]
    return given, {**named, "rope": torch.cat([prefix, other], dim=-2)}


_BIAS, _PLACES = "relative_position_bias_table", "relative_position_index"


def _biased(module: nn.Module, grid: TokenGrid) -> list[nn.Module]:
    """The modules that add a bias by place over all tokens of the grid."""
    return [
        each
        for each in module.modules()
        if each._parameters.get(_BIAS) is not None
        and (index := each._buffers.get(_PLACES)) is not None
        and index.shape == (grid.tokens, grid.tokens)
    ]


def _rebias(attention: nn.Module, grid: TokenGrid, change: Intervention, undo: ExitStack) -> None:
    """Another bias between patches; what is added for prefix tokens stays."""
    index, first = attention._buffers[_PLACES], len(grid.prefix)
    table = attention._parameters[_BIAS]
    assert index is not None
    assert table is not None
    other = index.clone()
    if change.positions == "shuffled":
        order = torch.from_numpy(order_of(grid.rows * grid.cols, change.seed)).to(index.device)
        other[first:, first:] = index[first:, first:][order][:, order]
    else:  # one more row, of zeros, for every two patches
        other[first:, first:] = len(table)
        wider = torch.cat([table.detach(), torch.zeros_like(table[:1])])
        attention._parameters[_BIAS] = nn.Parameter(wider, requires_grad=False)
        undo.callback(attention._parameters.__setitem__, _BIAS, table)
    attention._buffers[_PLACES] = other
    undo.callback(attention._buffers.__setitem__, _PLACES, index)


def _table(module: nn.Module, grid: TokenGrid) -> tuple[str, nn.Parameter] | None:
    """The table of patches' positions and its name, None without; a TNT's words have another one,
    left alone.
    """
    name = "patch_pos" if "patch_pos" in module._parameters else "pos_embed"
    table = module._parameters.get(name)
    if table is None:
        return None
    rows = table.shape[1] if table.ndim == 3 else 0
    if rows not in (grid.tokens, grid.rows * grid.cols):
        raise Unsupported(
            f"the table of positions has shape {tuple(table.shape)}, not a row for each of the "
            f"{grid.rows} × {grid.cols} patches, so its rows cannot be exchanged exactly"
        )
    return name, table


def _other(table: Tensor, grid: TokenGrid, change: Intervention) -> Tensor:
    """The table with other rows for the patches; prefix tokens keep theirs."""
    count = grid.rows * grid.cols
    first = table.shape[1] - count
    prefix, patches = table[:, :first].detach(), table[:, first:].detach()
    match change.positions:
        case "removed":
            patches = torch.zeros_like(patches)
        case "shuffled":
            patches = patches[:, torch.from_numpy(order_of(count, change.seed)).to(table.device)]
        case "sin-cos":
            waves = sines(grid, table.shape[2]).to(table)
            length = patches.float().norm(dim=-1).mean() / waves.float().norm(dim=-1).mean()
            patches = rearrange(waves * length.to(table), "patch dim -> 1 patch dim")
        case "learned":
            pass
    return torch.cat([prefix, patches], dim=1)


def sines(grid: TokenGrid, dim: int) -> Float[Tensor, "patch dim"]:
    """Fixed positions in two dimensions: a quarter each sin and cos of the column, then of the row.

    As in Chen, Xie and He 2021, arXiv:2104.02057. Unsupported for a width that 4 does not divide.
    """
    if dim % 4:
        raise Unsupported(
            f"sines and cosines in two dimensions need a width that 4 divides, not {dim}"
        )
    speed = TEMPERATURE ** -(torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    row, col = torch.meshgrid(
        torch.arange(grid.rows, dtype=torch.float64),
        torch.arange(grid.cols, dtype=torch.float64),
        indexing="ij",
    )
    across, down = (rearrange(each, "row col -> (row col) 1") * speed for each in (col, row))
    return torch.cat([across.sin(), across.cos(), down.sin(), down.cos()], dim=1).float()


def _joined_attention(module: nn.Module, layer: int, head: int) -> AttentionAnatomy:
    """The attention of a layer whose heads lie side by side before one projection."""
    blocks = anatomy_of(module).blocks
    if not blocks:
        raise Unsupported(
            f"the blocks of {type(module).__name__} are in no one list, so no head of one is taken out"
        )
    if not 0 <= layer < len(blocks):
        raise VitvizError(f"there is no layer {layer} to mask; the {len(blocks)} count from 0")
    attention = attention_anatomy(block_anatomy(blocks[layer]).attention)
    if attention is None or attention.proj is None or not attention.is_joined:
        raise Unsupported(
            f"the heads of {type(module).__name__} are not put side by side before one projection, so "
            "one cannot be taken out exactly"
        )
    if not 0 <= head < attention.heads:
        raise VitvizError(
            f"there is no head {head} in layer {layer}; it has 0 to {attention.heads - 1}"
        )
    return attention


def _without_head(module: nn.Module, layer: int, head: int) -> Any:
    """A hook that takes one head's part out of what the projection of a layer reads."""
    attention = _joined_attention(module, layer, head)
    assert attention.proj is not None

    def take_out(_module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor]:
        width = given[0].shape[-1] // attention.heads
        kept = given[0].clone()
        kept[..., head * width : (head + 1) * width] = 0
        return (kept,)

    return attention.proj.register_forward_pre_hook(take_out)


def _even_head(module: nn.Module, layer: int, head: int, undo: ExitStack) -> None:
    """One head looks at every token alike: what it gives is the mean of its values."""
    attention = _joined_attention(module, layer, head)
    assert attention.proj is not None
    if attention.qkv is None:
        raise Unsupported(
            f"the values of {type(module).__name__}'s heads do not come from one layer with queries "
            "and keys, so a head cannot be made to look everywhere alike exactly; take it out instead"
        )
    values: list[Tensor] = []

    def keep(_module: nn.Module, _given: Any, output: Tensor) -> None:
        values[:] = [output]

    def give(_module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor]:
        mixed = given[0].clone()
        dim, (found,) = mixed.shape[-1], values
        if found.shape != (*mixed.shape[:-1], 3 * dim):
            raise Unsupported(
                f"queries, keys and values have shape {tuple(found.shape)}, not three times the "
                f"{dim} numbers of each token, so a head cannot be made to look everywhere alike"
            )
        width = dim // attention.heads
        part = slice(head * width, (head + 1) * width)
        mixed[..., part] = found[..., 2 * dim :][..., part].mean(dim=-2, keepdim=True)
        return (mixed,)

    undo.callback(attention.qkv.register_forward_hook(keep).remove)
    undo.callback(attention.proj.register_forward_pre_hook(give).remove)


def _inner(module: nn.Module, grid: TokenGrid, *names: str) -> list[nn.Module]:
    """These parts of every inner block. Unsupported where patches are not divided into words."""
    inner = [block_anatomy(block).words for block in anatomy_of(module).blocks]
    if grid.words is None or not all(name in each for each in inner for name in names):
        raise Unsupported(
            f"{type(module).__name__} has no inner blocks, since it does not divide its patches into "
            "words; take a Transformer in Transformer, such as tnt_s_patch16_224"
        )
    return [each[name] for each in inner for name in names]


def _each_alone(
    attention: Any, x: Float[Tensor, "sentence word dim"]
) -> Float[Tensor, "sentence word dim"]:
    """Inner attention whose mask leaves every word itself alone: its map is then exactly that."""
    query, key = rearrange(
        attention.qk(x),
        "sentence word (two head dim) -> two sentence head word dim",
        two=2,
        head=attention.num_heads,
    )
    value = rearrange(
        attention.v(x),
        "sentence word (head dim) -> sentence head word dim",
        head=attention.num_heads,
    )
    itself = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=itself)
    out: Tensor = attention.proj(
        rearrange(mixed, "sentence head word dim -> sentence word (head dim)")
    )
    return out


def _nothing(_module: nn.Module, _given: Any, output: Tensor) -> Tensor:
    """In place of what a branch adds."""
    return torch.zeros_like(output)
