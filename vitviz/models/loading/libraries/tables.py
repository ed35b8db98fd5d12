"""All tables of names, and which of them a file is of."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from vitviz.models.loading.libraries import (
    baai_eva,
    meta_dino,
    openai_clip,
    swin_names,
    torchvision_vit,
    transformers_beit,
    transformers_clip,
    transformers_dinov3,
    transformers_vit,
)
from vitviz.models.loading.libraries.layout import Layout, LibraryConfig, Renamed, renamed

LAYOUTS: tuple[Layout, ...] = (
    *meta_dino.LAYOUTS,
    *baai_eva.LAYOUTS,
    *swin_names.LAYOUTS,
    *transformers_beit.LAYOUTS,
    *transformers_vit.LAYOUTS,
    *transformers_dinov3.LAYOUTS,
    *transformers_clip.LAYOUTS,
    *torchvision_vit.LAYOUTS,
    *openai_clip.LAYOUTS,
)


def in_timms_names(state: Mapping[str, Tensor], config: LibraryConfig) -> Renamed | None:
    """A file's tensors by timm's names; None where no other library's table fits.

    `config` is the part of config.json about the network that sees, {} where there is none; its
    model_type decides between two tables that fit.
    """
    fitting = [
        (layout, before) for layout in LAYOUTS if (before := layout.prefix(state)) is not None
    ]
    if not fitting:
        return None
    named = [each for each in fitting if config.get("model_type") in each[0].model_type]
    layout, before = (named or fitting)[0]
    return renamed(layout, state, before, config)
