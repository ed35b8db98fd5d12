"""A model's dimensions, read off its architecture without its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from timm.data import resolve_model_data_config
from timm.layers import PatchEmbed
from torch import nn

from vitviz.core.measures.cost import ModelDimensions, Size, check_divides, note
from vitviz.core.progress import BadModel
from vitviz.models.families import anatomy_of, family_of
from vitviz.models.families.anatomy import checkpoint_filter
from vitviz.models.loading.architectures.network import ModelBlueprint, empty
from vitviz.models.loading.bundled import bundled
from vitviz.models.loading.checkpoint.blueprint import blueprint_of
from vitviz.models.loading.checkpoint.checkpoint import read_checkpoint
from vitviz.models.loading.checkpoint.checkpoint_files import checkpoint_path
from vitviz.models.loading.preprocess import preprocess_of

FLEXIBLE = (8, 10, 12, 15, 16, 20, 24, 30, 40, 48)
"""Patch sizes that FlexiViT was trained at (Beyer et al. 2023, arXiv:2212.08013)."""


def dimensions(name: str | Path, architecture: str | None = None) -> ModelDimensions:
    """The dimensions of a model by the name that `vitviz.load` takes. BadModel when there is none."""
    path = checkpoint_path(name)
    if path is not None:
        found = read_checkpoint(path)
        return planned(blueprint_of(found, architecture), path.name)
    card = next((model for model in bundled() if model.name == name), None)
    if card is not None:
        described = card.card["architecture"]
        arguments = {
            **described["arguments"],
            "img_size": card.input_size,
            "patch_size": card.default_patch_size,
        }
        module = empty(ModelBlueprint(described["class"], arguments), card.name)
        return dimensions_of(module, card.name, trained=card.patch_sizes)
    plain = str(name).removeprefix("timm/")
    return planned(ModelBlueprint("", family=plain), plain)


def planned(plan: ModelBlueprint, name: str) -> ModelDimensions:
    """The dimensions of what will be built."""
    return dimensions_of(empty(plan, name), name, plan.timm_name)


def dimensions_of(
    module: nn.Module, name: str, timm_name: str = "", trained: tuple[int, ...] = ()
) -> ModelDimensions:
    """The dimensions of a module at its own sizes; where it is no plain ViT only why it stays so."""
    fixed = _fixed(module, name)
    anatomy = anatomy_of(module)
    patch, size = anatomy.patch, anatomy.picture or _configured(module)
    if fixed or patch is None:
        return ModelDimensions(name, patch[0] if patch else 0, size, 0, 0, 0, 0, (), fixed)
    _, reader = family_of(module)
    grid = reader.grid(module, size)
    blocks = list(module.blocks.parameters())  # type: ignore[union-attr]
    return ModelDimensions(
        name,
        patch[0],
        (size[0], size[1]),
        depth=len(module.blocks),  # type: ignore[arg-type]
        dim=int(module.embed_dim),  # type: ignore[arg-type]
        prefix=len(grid.prefix) if grid is not None else 0,
        weights=sum(each.numel() for each in blocks if each.ndim > 1),
        trained=trained or (FLEXIBLE if _flexible(timm_name) else (patch[0],)),
    )


def check_input(module: nn.Module, size: Size) -> None:
    """Unsupported, naming what fits, where a module's patches leave pixels of the picture over."""
    anatomy = anatomy_of(module)
    embed: Any = anatomy.embed
    if type(embed) is PatchEmbed and not embed.dynamic_img_pad and anatomy.blocks:
        check_divides(embed.patch_size[0], size)


def resampling_notes(known: ModelDimensions, patch: int | None) -> tuple[str, ...]:
    """What must be known of trained weights at a patch size. BadModel where they cannot take it."""
    if patch in (None, known.patch):
        return ()
    if known.fixed:
        raise BadModel(f"{known.fixed}; leave the patch size out")
    said = note(known, patch)
    return (said,) if said else ()


def _fixed(module: nn.Module, name: str) -> str:
    """Why the patch size cannot change, in a sentence; "" where it can."""
    anatomy = anatomy_of(module)
    if not anatomy.blocks:
        return f"{name} has no plain row of blocks over one grid, so its patches stay as they are"
    if type(anatomy.embed) is not PatchEmbed:
        return (
            f"{name} makes its tokens otherwise than by one convolution over its patches, so these "
            "cannot be resampled"
        )
    convert = checkpoint_filter(module)
    if convert is None or "resample_patch_embed" not in convert.__code__.co_names:
        return f"timm knows no way to resample the patches and positions of {name}"
    return ""


def _flexible(name: str) -> bool:
    stem, _, tag = name.partition(".")
    return stem.startswith("flexivit_") and not tag.startswith("patch")


def _configured(module: nn.Module) -> Size:
    return preprocess_of(resolve_model_data_config(module)).size
