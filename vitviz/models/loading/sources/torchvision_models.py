"""torchvision's transformers, with torchvision's own preprocessing."""

from __future__ import annotations

import difflib
from pathlib import Path

import torch
import torchvision

from vitviz.core.progress import BadModel
from vitviz.models.loading.sources import SourcedModule


class TorchvisionModels:
    """Names are torchvision's: "vit_b_16", "swin_t", "maxvit_t"."""

    def build(self, name: str, *, pretrained: bool, allow_download: bool) -> SourcedModule:
        """As `SourceLibrary`. BadModel for no such classifier, or weights that cannot be fetched."""
        known = torchvision.models.list_models(torchvision.models)
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean torchvision/{near[0]}?" if near else ""
            raise BadModel(f"torchvision has no classifier called {name!r}{meant}")
        weights = torchvision.models.get_model_weights(name).DEFAULT
        file = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
        if pretrained and not allow_download and not file.exists():
            raise BadModel(
                f"the weights of torchvision/{name} are not on this computer and must be fetched; "
                "allow that, or take random ones with pretrained=False"
            )
        try:
            module = torchvision.models.get_model(name, weights=weights if pretrained else None)
        except OSError as error:
            raise BadModel(
                f"the weights of torchvision/{name} could not be fetched ({str(error)[:120]}); take "
                "random ones with pretrained=False, or open a file of them"
            ) from error
        labels = tuple(weights.meta["categories"]) if pretrained else ()
        digest = file.stem.rpartition("-")[2] if pretrained else ""
        return SourcedModule(
            module,
            name,
            weights.transforms(),
            labels=labels,
            source="torchvision",
            weights_hash=digest,
        )


SOURCE = TorchvisionModels()
