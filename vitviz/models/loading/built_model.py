"""What was asked for beside a model's name, and what was built of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from vitviz.core.data.evidence import Evidence
from vitviz.core.data.trace import Weights
from vitviz.models.loading.architectures.evidence import mean_and_std_of
from vitviz.models.loading.preprocess import Preprocess
from vitviz.models.loading.said import Said

InputSides = tuple[int, int]


@dataclass(frozen=True, slots=True)
class WantedModel:
    """What was asked for beside the name."""

    patch_size: int | None = None
    size: InputSides | None = None
    said: Said = field(default_factory=Said)
    encoder: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    allow_download: bool = True

    @property
    def heard(self) -> Said:
        """All that was said of a file."""
        return replace(self.said, arguments=self.arguments, input_size=self.size)

    @property
    def changes(self) -> dict[str, Any]:
        """Arguments for timm's constructors."""
        changes = {**self.arguments, **self.said.changes}
        if self.patch_size is not None:
            changes["patch_size"] = self.patch_size
        if self.size is not None:
            changes["img_size"] = self.size
        return changes


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A filled module and where it came from."""

    module: nn.Module
    preprocess: Preprocess
    weights: Weights
    title: str
    architecture: str
    labels: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""
    weights_hash: str = ""
    notes: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def named_evidence(architecture: str, preprocess: Preprocess, because: str) -> tuple[Evidence, ...]:
    """What a model that was asked for by its name is known by."""
    said = f"{because} says so"
    prepared = mean_and_std_of((preprocess.mean, preprocess.std), "known", said)
    return (Evidence("architecture", architecture, "known", said), prepared)


def weights_word(trained: bool, notes: tuple[str, ...]) -> Weights:
    """Whether a model has all its trained weights, some of them, or none."""
    if not trained:
        return "untrained"
    return "partly loaded" if any("untrained" in note for note in notes) else "trained"


def resized_note(trained: InputSides) -> str:
    """What is said of a model that reads another size than the one it was trained at."""
    return f"trained at {trained[1]} × {trained[0]} pixels: its position embeddings are resampled"
