"""What a figure was made from, exactly: enough to make its numbers again, and no folder's name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vitviz.core.data.intervention import Intervention
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Fit, LoadArguments, Trace, Weights
from vitviz.core.data.weight_files import is_in_memory
from vitviz.core.progress import BadModel

NEWEST = 4
"""The version of recipes written now; one of a newer version is refused.

3: what-if changes nothing unless told (before: positions removed); rollout adds the identity before it
divides (before: max, min and discarded maps were divided first).
4: maps fade over the picture unless told (before: they tinted it).
"""

RecipeValue = str | float | int | bool | None
OpenedAs = tuple[tuple[str, int | bool | tuple[int, ...]], ...]
"""What differs from how any viewer opens a picture, by name (`PictureChoice.said`)."""

_SIZES = (
    "patch_size",
    "input_size",
    "img_size",
    "in_chans",
    "num_classes",
    "embed_dim",
    "depth",
    "depths",
    "num_heads",
    "num_heads_inner",
    "num_heads_outer",
    "inner_dim",
    "first_stride",
    "kernel",
    "reg_tokens",
    "mlp_ratio",
    "init_values",
    "drop_rate",
    "drop_path_rate",
    "attn_drop_rate",
    "proj_drop_rate",
    "pos_drop_rate",
    "patch_drop_rate",
    "window_size",
    "mean",
    "std",
    "crop_pct",
    "embed_dims",
    "stages",
)
_SWITCHES = (
    "qkv_bias",
    "qk_norm",
    "class_token",
    "no_embed_class",
    "pre_norm",
    "fc_norm",
    "final_norm",
    "dynamic_img_size",
    "dynamic_img_pad",
    "strict_img_size",
    "always_partition",
    "legacy",
    "scale_attn_norm",
    "scale_mlp_norm",
    "proj_bias",
    "use_rot_pos_emb",
    "use_abs_pos_emb",
    "attn_gate",
    "use_fc_norm",
    "multi_label",
)
_WORDS = (
    "architecture",
    "encoder",
    "global_pool",
    "pos_embed",
    "weight_init",
    "norm_layer",
    "act_layer",
    "mlp_layer",
    "block_fn",
    "embed_norm_layer",
    "prompts",
)
ARGUMENTS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(_SIZES, (int, float, tuple)),
    **dict.fromkeys(_SWITCHES, (bool,)),
    **dict.fromkeys(_WORDS, (str,)),
}
"""All that a file may ask `vitviz.load` for beside the name, with the types it may have. Whatever else
timm's constructors take (a checkpoint's path, an address) is a person's to say, in Python."""
_MOST_NUMBER, _MOST_LETTERS, _MOST_OF_PROMPTS = 1_000_000, 80, 4_000
LARGEST_SIDE = 16_384
"""Pixels of a side that a file may ask for: over a million tokens at patch 16."""


@dataclass(frozen=True, slots=True)
class RunRecipe:
    """One model over one picture: what it takes to run it again.

    `model` and `picture` are names without folders; `weights_hash` and `picture_key` say whether a
    file found under these names is the same one. `asked` is what `load` was asked for beside the name,
    `intervention` what was changed about the pass, `opened` which page and bands of the file were the
    picture, where not the first.
    """

    model: str
    weights: Weights
    weights_hash: str
    device: str
    precision: str
    picture: str
    picture_key: str
    fit: Fit = "crop"
    asked: LoadArguments = ()
    intervention: Intervention | None = None
    opened: OpenedAs = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """One view of one run, or of two; `also` are further pictures through the same two models, `others`
    further pictures through the one model.
    """

    view: str
    options: tuple[tuple[str, RecipeValue], ...]
    selection: Selection
    run: RunRecipe
    against: RunRecipe | None = None
    also: tuple[tuple[RunRecipe, RunRecipe], ...] = ()
    others: tuple[RunRecipe, ...] = ()


@dataclass(frozen=True, slots=True)
class PageRecipe:
    """How drawings are put together on one page, in reading order, `across` in a row.

    `labels` name the drawings; with `rows` they name the columns instead, and `rows` the rows. `panel`
    takes that panel of each drawing only. `one_range`: one colour means one value on the whole page.
    """

    title: str = ""
    caption: str = ""
    across: int = 3
    labels: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    panel: int | None = None
    one_range: bool = True


def run_of(trace: Trace) -> RunRecipe:
    """What it takes to make a trace again."""
    info = trace.model
    return RunRecipe(
        info.name if is_in_memory(info.name) else info.called,
        info.weights,
        info.weights_hash,
        info.device,
        info.precision,
        trace.picture.name,
        trace.picture.key,
        trace.fit,
        info.asked,
        trace.intervention,
        tuple(trace.picture.choice.said.items()),
    )


def checked_arguments(arguments: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What a file asks `vitviz.load` for. BadModel for a key or a type that is not in `ARGUMENTS`.

    `where` names the file.
    """
    for name, value in arguments.items():
        if name not in ARGUMENTS:
            raise BadModel(
                f"{where} asks to build its model with {str(name)[:40]!r}, which is not among the "
                f"{len(ARGUMENTS)} sizes and switches that a file may set; it is not followed"
            )
        letters = _MOST_OF_PROMPTS if name == "prompts" else _MOST_LETTERS
        side = name in ("patch_size", "input_size", "img_size")
        if not _is_of(value, ARGUMENTS[name], LARGEST_SIDE if side else _MOST_NUMBER, letters):
            raise BadModel(
                f"{where} sets {name} to {str(value)[:40]!r}, which is not of the kind that it takes; "
                "it is not followed"
            )
    return dict(arguments)


def _is_of(value: Any, kinds: tuple[type, ...], most: float, letters: int) -> bool:
    match value:
        case None:
            return True
        case bool():
            return bool in kinds or int in kinds
        case int() | float():
            return int in kinds and math.isfinite(value) and 0 <= value <= most
        case tuple():
            return (
                tuple in kinds
                and 0 < len(value) <= 64
                and all(_is_of(each, (int,), most, letters) for each in value)
            )
        case str():
            return str in kinds and len(value) <= letters
    return False
