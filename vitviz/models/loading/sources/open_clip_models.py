"""The image towers of open_clip, with open_clip's own preprocessing."""

from __future__ import annotations

import difflib
from typing import Any

import open_clip
from torch import Tensor

from vitviz.core.progress import BadModel
from vitviz.models.loading.sources import SourcedModule
from vitviz.models.loading.sources.open_clip_text import text_side


class OpenClipModels:
    """Names are open_clip's, the weights behind a colon: "ViT-B-32:laion2b_s34b_b79k"."""

    def build(self, name: str, *, pretrained: bool, allow_download: bool) -> SourcedModule:
        """As `SourceLibrary`. BadModel for no such model, or weights not named or not to be had."""
        architecture, _, tag = name.partition(":")
        known = open_clip.list_models()
        if architecture not in known:
            near = difflib.get_close_matches(architecture, known, n=1)
            meant = f"; did you mean open_clip/{near[0]}?" if near else ""
            raise BadModel(f"open_clip has no model called {architecture!r}{meant}")
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        if pretrained and not tag:
            raise BadModel(
                f"open_clip has several weights for {architecture}: say which, as "
                f"open_clip/{architecture}:{tags[0] if tags else 'TAG'}, or take random ones with "
                "pretrained=False"
            )
        if pretrained and not allow_download:
            raise BadModel(
                f"the weights of open_clip/{name} may have to be fetched; allow that, or take random "
                "ones with pretrained=False"
            )
        try:
            module, _, prepared = open_clip.create_model_and_transforms(
                architecture, pretrained=tag if pretrained else None
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise BadModel(
                f"open_clip cannot make {name} ({str(error).strip().splitlines()[0][:140]})"
            ) from error
        return SourcedModule(
            module,
            architecture,
            prepared,
            _image_tower,
            classes=False,
            source=f"open_clip: {name}",
            weights_hash=tag if pretrained else "",
            text=text_side(module, architecture),
        )


def _image_tower(module: Any, pixels: Tensor) -> Any:
    return module.encode_image(pixels)


SOURCE = OpenClipModels()
