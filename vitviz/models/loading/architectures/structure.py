"""The arguments of a network of no name, read off its tensors: timm's classes, whatever the depth."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from vitviz.core.measures.cost import Size
from vitviz.core.progress import BadModel
from vitviz.models.loading.libraries.layout import numbers_in

Tensors = Mapping[str, Tensor]

PORTRAIT = {128: (16, 8), 192: (24, 8)}
"""Persons are recognised again in pictures of 256 x 128 and 384 x 128; all else that is no square
lies down."""


@dataclass(frozen=True, slots=True)
class ShapesShown:
    """What the tensors show, and what they do not: `heads` and `window` are () where no shape has
    them, `sizes_assumed` says that other pictures make as many tokens.
    """

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    heads: tuple[int, ...] = ()
    window: tuple[int, ...] = ()
    dim: int = 0
    sizes_assumed: bool = False


def read(kind: str, state: Tensors, name: str, size: Size | None = None) -> ShapesShown:
    """The constructor's arguments for a class of timm's; `size` is the picture's where it is known.

    BadModel, naming the file, where the tensors are not of this kind.
    """
    try:
        return _READERS[kind](state, name, size)
    except (KeyError, ZeroDivisionError, IndexError, ValueError) as error:
        raise BadModel(
            f"{name}: its tensors are not those of a {kind} ({type(error).__name__}: {error}); name "
            "its architecture"
        ) from error


def kind_of(state: Tensors) -> str | None:
    """The class whose pattern of names a file has; None where it is none of these."""
    if "blocks.0.attn_in.qk.weight" in state:
        return "TNT"
    if "patch_embed.proj.weight" not in state:
        return None
    if (
        "layers.0.blocks.0.attn.logit_scale" in state
        and "layers.0.blocks.0.attn.cpb_mlp.0.weight" in state
    ):
        return "SwinTransformerV2"
    if "layers.0.blocks.0.attn.relative_position_bias_table" in state:
        return "SwinTransformer"
    if "blocks.0.attn.qkv.weight" not in state:
        return None
    if "blocks.0.attn.rel_pos_h" in state:
        return "VisionTransformerSAM"
    if any("relative_position_bias_table" in key for key in state):
        return "Beit" if "blocks.0.mlp.fc1.weight" in state else None
    plain = "blocks.0.mlp.fc1.weight" in state and not strangers(state)
    return "VisionTransformer" if plain else None


_PLAIN = re.compile(
    r"^blocks\.\d+\.(norm[12]\.|ls[12]\.gamma|mlp\.(fc1|fc2)\.|attn\.(qkv|proj|q_norm|k_norm)\.)"
)


def strangers(state: Tensors) -> list[str]:
    """Tensors inside the blocks that a plain ViT's have not; [] where it is something else."""
    if "blocks.0.attn.qkv.weight" not in state:
        return []
    return [key for key in state if key.startswith("blocks.") and not _PLAIN.match(key)]


def grid_of_table(
    rows: int, prefix: int, name: str, patch: Size, size: Size | None
) -> tuple[Size, bool, bool]:
    """(rows and cols of patches, whether the table has rows for the prefix too, whether it is a guess).

    `size` decides where it fits. BadModel where nothing does.
    """
    if size is not None:
        grid = (size[0] // patch[0], size[1] // patch[1])
        for covers in (True, False):
            if grid[0] * grid[1] + (prefix if covers else 0) == rows:
                return grid, covers and prefix > 0, False
    for covers in (True, False) if prefix else (False,):
        side = math.isqrt(rows - (prefix if covers else 0))
        if side * side == rows - (prefix if covers else 0):
            return (side, side), covers, False
    patches = rows - prefix
    if patches < 2:
        raise BadModel(
            f"{name}: {rows} position embeddings with {prefix} prefix tokens make no picture; name "
            "its architecture"
        )
    return PORTRAIT.get(patches) or _lying(patches, name), prefix > 0, True


def _lying(patches: int, name: str) -> Size:
    """The grid next to a square, wider than high."""
    rows = next(each for each in range(math.isqrt(patches), 0, -1) if patches % each == 0)
    if rows == 1:
        raise BadModel(
            f"{name}: {patches} patches make no grid but a single row; say its size with input_size, "
            "or name its architecture"
        )
    return rows, patches // rows


def _vit(state: Tensors, name: str, size: Size | None) -> ShapesShown:
    kernel, fc1 = state["patch_embed.proj.weight"], state["blocks.0.mlp.fc1.weight"]
    fc2 = state["blocks.0.mlp.fc2.weight"]
    dim, patch = _kernel(kernel)
    registers = state["reg_token"].shape[1] if "reg_token" in state else 0
    prefix = sum(key in state for key in ("cls_token", "dist_token")) + registers
    table = state.get("pos_embed")
    if table is not None:
        grid, covers, guessed = grid_of_table(table.shape[1], prefix, name, patch, size)
    else:
        side = size or (224, 224)
        grid, covers, guessed = (side[0] // patch[0], side[1] // patch[1]), False, size is None
    arguments = {
        "img_size": (grid[0] * patch[0], grid[1] * patch[1]),
        "patch_size": patch,
        "in_chans": int(kernel.shape[1]),
        "embed_dim": dim,
        "depth": numbers_in(state, "blocks.*."),
        "mlp_ratio": _ratio(fc2.shape[1], dim),
        "num_classes": _classes(state, "head.weight"),
        "qkv_bias": "blocks.0.attn.qkv.bias" in state,
    }
    heads: tuple[int, ...] = ()
    if "blocks.0.attn.q_norm.weight" in state:
        heads = (dim // state["blocks.0.attn.q_norm.weight"].numel(),)
    if "dist_token" in state:
        return ShapesShown("VisionTransformerDistilled", arguments, heads, (), dim, guessed)
    if fc1.shape[0] == 2 * fc2.shape[1]:
        arguments |= {"mlp_layer": "swiglu_packed", "mlp_ratio": _ratio(fc1.shape[0], dim)}
    average = "fc_norm.weight" in state or "cls_token" not in state
    pool = "map" if "attn_pool.latent" in state else "avg" if average else "token"
    arguments |= {
        "class_token": "cls_token" in state,
        "reg_tokens": registers,
        "no_embed_class": not covers and prefix > 0,
        "pos_embed": "learn" if table is not None else "none",
        "qk_norm": "blocks.0.attn.q_norm.weight" in state,
        "init_values": 1e-5 if "blocks.0.ls1.gamma" in state else None,
        "pre_norm": "norm_pre.weight" in state,
        "global_pool": pool,
        "fc_norm": "fc_norm.weight" in state,
        "final_norm": "norm.weight" in state or "fc_norm.weight" in state,
    }
    return ShapesShown("VisionTransformer", arguments, heads, (), dim, guessed)


def _eva(state: Tensors, _name: str, size: Size | None) -> ShapesShown:
    """Only with rotations in place of position embeddings, as DINOv3 has them."""
    dim, patch = _kernel(state["patch_embed.proj.weight"])
    gated = "blocks.0.mlp.fc1_g.weight" in state
    hidden = state["blocks.0.mlp.fc2.weight"].shape[1]
    return ShapesShown(
        "Eva",
        {
            "img_size": size or (14 * patch[0], 14 * patch[1]),
            "patch_size": patch,
            "in_chans": int(state["patch_embed.proj.weight"].shape[1]),
            "embed_dim": dim,
            "depth": numbers_in(state, "blocks.*."),
            "mlp_ratio": _ratio(hidden, dim),
            "swiglu_mlp": gated,
            "swiglu_align_to": 1 if gated else 0,
            "qkv_bias": "blocks.0.attn.q_bias" in state,
            "init_values": 1e-5 if "blocks.0.gamma_1" in state else None,
            "class_token": "cls_token" in state,
            "num_reg_tokens": state["reg_token"].shape[1] if "reg_token" in state else 0,
            "num_classes": _classes(state, "head.weight"),
        },
        dim=dim,
    )


def _beit(state: Tensors, name: str, size: Size | None) -> ShapesShown:
    dim, patch = _kernel(state["patch_embed.proj.weight"])
    own, shared = (
        state.get("blocks.0.attn.relative_position_bias_table"),
        state.get("rel_pos_bias.relative_position_bias_table"),
    )
    table = own if own is not None else shared
    places = state.get("pos_embed")
    guessed = False
    if table is not None:
        grid = _grid_of_offsets(table.shape[0] - 3, name, patch, size)
    elif places is not None:
        grid, _, guessed = grid_of_table(places.shape[1], 1, name, patch, size)
    else:
        grid, guessed = (
            ((size or (224, 224))[0] // patch[0], (size or (224, 224))[1] // patch[1]),
            True,
        )
    return ShapesShown(
        "Beit",
        {
            "img_size": (grid[0] * patch[0], grid[1] * patch[1]),
            "patch_size": patch,
            "in_chans": int(state["patch_embed.proj.weight"].shape[1]),
            "embed_dim": dim,
            "depth": numbers_in(state, "blocks.*."),
            "mlp_ratio": _ratio(state["blocks.0.mlp.fc1.weight"].shape[0], dim),
            "qkv_bias": "blocks.0.attn.q_bias" in state,
            "init_values": 1e-5 if "blocks.0.gamma_1" in state else None,
            "use_abs_pos_emb": places is not None,
            "use_rel_pos_bias": own is not None,
            "use_shared_rel_pos_bias": shared is not None,
            "global_pool": "token" if "norm.weight" in state else "avg",
            "num_classes": _classes(state, "head.weight"),
        },
        heads=(int(table.shape[1]),) if table is not None else (),
        dim=dim,
        sizes_assumed=guessed,
    )


def _grid_of_offsets(rows: int, name: str, patch: Size, size: Size | None) -> Size:
    """The grid of a table of (2 rows - 1)(2 cols - 1) offsets."""
    if size is not None:
        grid = (size[0] // patch[0], size[1] // patch[1])
        if (2 * grid[0] - 1) * (2 * grid[1] - 1) == rows:
            return grid
    side = math.isqrt(rows)
    if side * side != rows or side % 2 == 0:
        raise BadModel(
            f"{name}: a bias of {rows} offsets fits no square grid; say its size with input_size"
        )
    return (side + 1) // 2, (side + 1) // 2


def _swin(state: Tensors, name: str, size: Size | None) -> ShapesShown:
    return _windowed("SwinTransformer", state, name, size)


def _swin_v2(state: Tensors, name: str, size: Size | None) -> ShapesShown:
    return _windowed("SwinTransformerV2", state, name, size)


def _windowed(kind: str, state: Tensors, name: str, size: Size | None) -> ShapesShown:
    dim, patch = _kernel(state["patch_embed.proj.weight"])
    stages = numbers_in(state, "layers.*.")
    depths = tuple(numbers_in(state, f"layers.{stage}.blocks.*.") for stage in range(stages))
    if kind == "SwinTransformer":
        tables = [
            state[f"layers.{stage}.blocks.0.attn.relative_position_bias_table"]
            for stage in range(stages)
        ]
        heads = tuple(int(table.shape[1]) for table in tables)
        window = tuple(_side(table.shape[0], name) for table in tables)
    else:
        heads = tuple(
            state[f"layers.{stage}.blocks.0.attn.logit_scale"].shape[0] for stage in range(stages)
        )
        window = stored_windows(state, stages, name)
    mlp = state["layers.0.blocks.0.mlp.fc1.weight"].shape[0]
    arguments = {
        "img_size": size or _picture(window or (8,), patch[0]),
        "patch_size": patch[0],
        "in_chans": int(state["patch_embed.proj.weight"].shape[1]),
        "embed_dim": dim,
        "depths": depths,
        "num_heads": heads,
        "mlp_ratio": _ratio(mlp, dim),
        "num_classes": _classes(state, "head.fc.weight"),
        "qkv_bias": any(
            f"layers.0.blocks.0.attn.{bias}" in state for bias in ("qkv.bias", "q_bias")
        ),
    }
    if window:
        arguments["window_size"] = window[0] if len(set(window)) == 1 else window
    return ShapesShown(kind, arguments, heads, window, dim)


def _side(rows: int, name: str) -> int:
    """The side of the window that a table of (2 side - 1)^2 offsets is for."""
    root = math.isqrt(rows)
    if root * root != rows or root % 2 == 0:
        raise BadModel(f"{name}: a bias table of {rows} rows is for no square window")
    return (root + 1) // 2


def stored_windows(state: Tensors, stages: int, name: str) -> tuple[int, ...]:
    """Each stage's window, in tokens, by what a module computed and stored; () where it did not.

    BadModel where that is for no square window.
    """
    found = []
    for stage in range(stages):
        path = f"layers.{stage}.blocks.0.attn"
        coordinates = state.get(f"{path}.relative_coords_table")
        pairs = state.get(f"{path}.relative_position_index")
        if coordinates is not None:
            found.append(
                (coordinates.shape[1] + 1) // 2
                if coordinates.ndim == 4
                else _side(coordinates.shape[0], name)
            )
        elif pairs is not None:
            tokens = pairs.shape[0] if pairs.ndim == 2 else math.isqrt(pairs.shape[0])
            found.append(math.isqrt(tokens))
    return tuple(found) if len(found) == stages else ()


def _picture(window: tuple[int, ...], patch: int) -> Size:
    """The smallest picture of which every stage has a whole window, 224 pixels where that fits."""
    least = max(side * patch * 2**stage for stage, side in enumerate(window))
    side = 224 if 224 % least == 0 else least
    return side, side


def _sam(state: Tensors, name: str, size: Size | None) -> ShapesShown:
    dim, patch = _kernel(state["patch_embed.proj.weight"])
    places, depth = state.get("pos_embed"), numbers_in(state, "blocks.*.")
    rows = [state[f"blocks.{block}.attn.rel_pos_h"].shape[0] for block in range(depth)]
    if places is not None:
        grid = (int(places.shape[1]), int(places.shape[2]))
    else:
        grid = (
            ((max(rows) + 1) // 2,) * 2
            if size is None
            else (size[0] // patch[0], size[1] // patch[1])
        )
    whole = [block for block, each in enumerate(rows) if each == 2 * grid[0] - 1]
    windows = {(each + 1) // 2 for block, each in enumerate(rows) if block not in whole}
    if len(windows) > 1:
        raise BadModel(
            f"{name}: its blocks have windows of {sorted(windows)} tokens; name its architecture"
        )
    heads = dim // state["blocks.0.attn.rel_pos_h"].shape[1]
    window = windows.pop() if windows else 0
    return ShapesShown(
        "VisionTransformerSAM",
        {
            "img_size": (grid[0] * patch[0], grid[1] * patch[1]),
            "patch_size": patch[0],
            "in_chans": int(state["patch_embed.proj.weight"].shape[1]),
            "embed_dim": dim,
            "depth": depth,
            "num_heads": heads,
            "mlp_ratio": _ratio(state["blocks.0.mlp.fc1.weight"].shape[0], dim),
            "qkv_bias": "blocks.0.attn.qkv.bias" in state,
            "use_abs_pos": places is not None,
            "use_rel_pos": True,
            "window_size": window,
            "global_attn_indexes": tuple(whole),
            "neck_chans": state["neck.0.weight"].shape[0] if "neck.0.weight" in state else 0,
            "num_classes": _classes(state, "head.fc.weight"),
        },
        heads=(heads,),
        window=(window,),
        dim=dim,
    )


def _tnt(state: Tensors, _name: str, _size: Size | None) -> ShapesShown:
    kernel, table = state["pixel_embed.proj.weight"], state["patch_pos"]
    inner, dim = kernel.shape[0], table.shape[2]
    patch = 4 * math.isqrt(state["blocks.0.proj.weight"].shape[1] // inner)
    side = math.isqrt(table.shape[1] - 1) * patch
    return ShapesShown(
        "TNT",
        {
            "img_size": side,
            "patch_size": patch,
            "in_chans": int(kernel.shape[1]),
            "embed_dim": dim,
            "inner_dim": inner,
            "depth": numbers_in(state, "blocks.*."),
            "num_heads_inner": 4,
            "first_stride": 4,
            "num_classes": _classes(state, "head.weight"),
            "legacy": "blocks.0.norm2_proj.weight" not in state,
            "kernel": int(kernel.shape[2]),
        },
        dim=dim,
    )


def _ratio(hidden: int, dim: int) -> float:
    """Hidden units by width, half a unit more where rounding down would take one away."""
    return hidden / dim if int(dim * (hidden / dim)) == hidden else (hidden + 0.5) / dim


def _kernel(kernel: Tensor) -> tuple[int, Size]:
    if kernel.ndim != 4:
        raise ValueError(f"a patch kernel of {kernel.ndim} axes")
    return int(kernel.shape[0]), (int(kernel.shape[2]), int(kernel.shape[3]))


def _classes(state: Tensors, head: str) -> int:
    return int(state[head].shape[0]) if head in state and state[head].ndim == 2 else 0


_READERS: dict[str, Callable[[Tensors, str, Size | None], ShapesShown]] = {
    "VisionTransformer": _vit,
    "VisionTransformerDistilled": _vit,
    "Eva": _eva,
    "Beit": _beit,
    "SwinTransformer": _swin,
    "SwinTransformerV2": _swin_v2,
    "VisionTransformerSAM": _sam,
    "TNT": _tnt,
}
