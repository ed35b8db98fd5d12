"""What the parts of a network are called: asked for here, once, so that nobody else needs to know."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

EmbedSides = tuple[int, int]
BLOCK_LISTS = nn.Sequential | nn.ModuleList


NORM1 = ("norm1", "norm_out", "ln_1", "layernorm_before", "layer_norm1")
ATTENTION, NORM2 = ("attn", "attn_out"), ("norm2", "norm_mlp")
"""What a block calls its parts: most of them, then a TNT's outer one, then other libraries'."""
PREFIX_TABLES = {"class": "cls_token", "distillation": "dist_token", "register": "reg_token"}
WORDS = ("norm_in", "attn_in", "norm_mlp_in", "mlp_in", "proj", "norm2_proj")
"""What a TNT's block does to the words of its sentences before."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockAnatomy:
    """The parts of one block: x + attention(norm1(x)), then + mlp(norm2(x)); None for what it has not.

    `scale1` is what the attention's output is multiplied by before it is added.
    """

    module: nn.Module
    norm1: nn.Module | None
    attention: nn.Module | None
    scale1: nn.Module
    norm2: nn.Module | None
    mlp: nn.Module | None
    fc1: nn.Module | None
    act: nn.Module | None
    words: Mapping[str, nn.Module]

    @property
    def is_plain(self) -> bool:
        """Whether it has all of norm, attention, norm and MLP."""
        return None not in (self.norm1, self.attention, self.norm2, self.mlp)


@dataclass(frozen=True, slots=True, eq=False)
class AttentionAnatomy:
    """The parts of an attention module; `is_joined` where its heads lie side by side before `proj`."""

    module: nn.Module
    heads: int
    qkv: nn.Module | None
    proj: nn.Module | None
    is_joined: bool


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """Where the parts of a model are; None, 0 or () for what it has not.

    >>> from vitviz.models.families import anatomy_of
    >>> found = anatomy_of(model.module)
    >>> len(found.blocks), found.patch, found.prefixes, found.heads
    (6, (16, 16), 1, 2)

    `blocks` is the one list of them (`stage_blocks()` goes through stages too), `embed` what cuts the
    picture, with its `patch`, `grid` and `picture` in (rows, cols); `prefixes` counts tokens in front
    of the patches. `norm`, `closing_norm` and `head` make the answer, which `reads_tokens` where they
    can be asked about any tokens; `pool` gathers tokens by attention, `pooling` says how otherwise.
    `config` is what the model was trained as, in its maker's words.
    """

    module: nn.Module
    blocks: tuple[nn.Module, ...]
    embed: nn.Module | None
    patch: EmbedSides | None
    grid: EmbedSides | None
    picture: EmbedSides | None
    classes: int
    channels: int
    dim: int
    prefixes: int
    norm: nn.Module | None
    closing_norm: nn.Module | None
    head: nn.Module | None
    pool: nn.Module | None
    pooling: str
    reads_tokens: bool
    is_rotary: bool
    config: dict[str, Any]
    entrance: nn.Module | None
    """What gives out the embedded patches: a TNT's last step before sentences, a ViT's embedding."""
    first_norm: nn.Module | None
    """What the sequence goes through before the first block."""
    places: Tensor | None
    """The table of positions that is added."""
    prefix_tables: Mapping[str, Tensor]
    """The learned vectors of prefix tokens, by the first word of their names."""
    words: nn.Module | None = None
    """What makes the words inside the patches of a TNT."""

    @property
    def heads(self) -> int:
        """Heads of the last attention; 0 where nothing says it."""
        inside = self.blocks or (self.module,)
        counts = [_heads(part) for block in inside for part in block.modules()]
        return next((each for each in reversed(counts) if each), 0)

    @property
    def depth(self) -> int:
        """Blocks of the one list, else the modules that have heads."""
        return len(self.blocks) or max(1, sum(map(has_heads, self.module.modules())))

    @property
    def says_grid(self) -> bool:
        """Whether the embedding itself knows which patches it makes of a picture."""
        return self.grid is not None or hasattr(self.embed, "dynamic_feat_size")

    def stage_blocks(self) -> list[nn.Module]:
        """The one list, else those of the stages one after the other; [] where there are none."""
        if self.blocks:
            return list(self.blocks)
        found = [
            part
            for name, part in self.module.named_modules()
            if name.rpartition(".")[2] in ("blocks", "layer", "resblocks", "layers")
            and isinstance(part, BLOCK_LISTS)
            and not any(isinstance(getattr(each, "blocks", None), BLOCK_LISTS) for each in part)
        ]
        return [block for part in found for block in part]


def block_anatomy(block: nn.Module) -> BlockAnatomy:
    """The parts of a block, of whichever family."""
    mlp, inner = _module(block, "mlp"), _module(block, "attn_in") is not None
    words = {each: _module(block, each) for each in WORDS if inner}
    return BlockAnatomy(
        module=block,
        norm1=_module(block, *NORM1),
        attention=_module(block, *ATTENTION),
        scale1=_module(block, "ls1") or nn.Identity(),
        norm2=_module(block, *NORM2),
        mlp=mlp,
        fc1=_module(mlp, "fc1"),
        act=_module(mlp, "act"),
        words={name: part for name, part in words.items() if part is not None},
    )


def timm_anatomy(module: nn.Module) -> Anatomy:
    """The anatomy by the names that timm's files have for it."""
    blocks, embed = getattr(module, "blocks", None), _module(module, "patch_embed")
    config = getattr(module, "pretrained_cfg", None)
    norm = _module(module, "norm")
    return Anatomy(
        module=module,
        blocks=tuple(blocks) if isinstance(blocks, BLOCK_LISTS) else (),
        **embedded(embed),
        classes=_count(module, "num_classes"),
        channels=_count(module, "in_chans"),
        dim=_count(module, "num_features"),
        prefixes=_count(module, "num_prefix_tokens"),
        norm=norm,
        closing_norm=_module(module, "fc_norm"),
        head=_module(module, "head"),
        pool=_module(module, "attn_pool"),
        pooling=str(getattr(module, "global_pool", "")),
        reads_tokens=norm is not None and hasattr(module, "forward_head"),
        is_rotary=getattr(module, "rope", None) is not None,
        config=config if isinstance(config, dict) else {},
        entrance=_module(module, "norm2_proj", "patch_embed"),
        first_norm=_module(module, "norm_pre"),
        places=_tensor(module, "patch_pos", "pos_embed"),
        prefix_tables={
            word: table
            for word, name in PREFIX_TABLES.items()
            if (table := _tensor(module, name)) is not None
        },
    )


def embedded(embed: nn.Module | None) -> dict[str, Any]:
    """What an embedding says of itself, as fields of an `Anatomy`."""
    return {
        "embed": embed,
        "patch": _sides(getattr(embed, "patch_size", None)),
        "grid": _sides(getattr(embed, "grid_size", None)),
        "picture": _sides(getattr(embed, "img_size", None)),
    }


def attention_anatomy(module: nn.Module | None) -> AttentionAnatomy | None:
    """The parts of an attention module; None for None."""
    if module is None:
        return None
    proj = _module(module, "proj")
    known = any(hasattr(module, name) for name in ("qkv", "qk"))
    plain = isinstance(getattr(module, "norm", nn.Identity()), nn.Identity)
    return AttentionAnatomy(
        module, _heads(module), _module(module, "qkv"), proj, proj is not None and known and plain
    )


def has_heads(part: nn.Module) -> bool:
    """Whether a module says how many heads it has."""
    return _heads(part) > 0


def heads_inside(parts: list[nn.Module]) -> Iterator[int]:
    """The heads of every attention among the parts of a network, in their order."""
    for part in parts:
        value = getattr(part, "num_heads", getattr(part, "heads", None))
        inner = any(isinstance(getattr(each, "num_heads", None), int) for each in part.children())
        if isinstance(value, int) and not inner:
            yield value


def windows_inside(parts: list[nn.Module]) -> Iterator[int]:
    """The sides of every window among the parts of a network, in their order."""
    for part in parts:
        value = getattr(part, "window_size", getattr(part, "partition_size", None))
        side = value[0] if isinstance(value, tuple | list) and value else value
        inner = any(hasattr(each, "window_size") for each in part.children())
        if isinstance(side, int) and side > 0 and not inner:
            yield side


def checkpoint_filter(module: nn.Module) -> Callable[..., Any] | None:
    """timm's own function for a family's checkpoints, beside the network's class; None without."""
    found: Callable[..., Any] | None = getattr(
        sys.modules.get(type(module).__module__), "checkpoint_filter_fn", None
    )
    return found


def input_resizer(module: Any) -> Callable[..., None] | None:
    """timm's own way to have a built network read pictures of another size; None without."""
    found: Callable[..., None] | None = getattr(module, "set_input_size", None)
    return found


def window_bias(attention: Any) -> Callable[[], Any] | None:
    """What a Swin adds between the places of its window, by its module; None in others."""
    if getattr(attention, "window_area", None) is None:
        return None
    found: Callable[[], Any] | None = getattr(attention, "_get_rel_pos_bias", None)
    return found


def place_bias(attention: Any) -> Callable[[], Any] | None:
    """What LeViT, TinyViT and their like keep for every two places; None in others."""
    kept, read = (
        getattr(attention, name, None) for name in ("attention_biases", "get_attention_biases")
    )
    return None if kept is None or read is None else lambda: read(kept.device)


def _module(module: Any, *names: str) -> nn.Module | None:
    """The first of these parts that is there and a module."""
    found = (getattr(module, name, None) for name in names)
    return next((each for each in found if isinstance(each, nn.Module)), None)


def _tensor(module: Any, *names: str) -> Tensor | None:
    """The first of these that is there and a tensor."""
    found = (getattr(module, name, None) for name in names)
    return next((each for each in found if isinstance(each, Tensor)), None)


def _heads(part: nn.Module) -> int:
    value = getattr(part, "num_heads", None)
    return value if isinstance(value, int) else 0


def _count(module: nn.Module, name: str) -> int:
    value = getattr(module, name, None)
    return int(value) if isinstance(value, int) else 0


def _sides(value: Any) -> EmbedSides | None:
    value = (value, value) if isinstance(value, int) else value
    return tuple(map(int, value)) if isinstance(value, tuple | list) and len(value) == 2 else None  # type: ignore[return-value]
