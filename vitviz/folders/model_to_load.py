"""A model as it was asked for, in plain data: what another process or machine needs to load it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitviz.core.data.said_facts import NOTHING_SAID, SaidFacts
from vitviz.core.progress import Progress, VitvizError, silent

if TYPE_CHECKING:
    from vitviz.models import Model


@dataclass(frozen=True, slots=True)
class ModelToLoad:
    """The arguments of `vitviz.load`; an empty name stands for the first bundled model."""

    name: str = ""
    patch_size: int | None = None
    input_size: int | tuple[int, int] | None = None
    device: str = "auto"
    precision: str = "auto"
    pretrained: bool = True
    architecture: str | None = None
    facts: SaidFacts = NOTHING_SAID

    def load(self, progress: Progress = silent) -> Model:
        """The model. BadModel where it cannot be had, VitvizError where none is named or bundled."""
        from vitviz import models

        name = self.name or next((each.name for each in models.bundled()), "")
        if not name:
            raise VitvizError("no model is bundled; name one with --model, a timm name or a file")
        return models.load(
            name,
            pretrained=self.pretrained,
            patch_size=self.patch_size,
            input_size=self.input_size,
            device=self.device,
            precision=self.precision,
            architecture=self.architecture,
            **self.facts.arguments,
            progress=progress,
        )
