"""The pictures that a model was trained on, where they are no squares: said in or by its file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vitviz.core.data.evidence import Certainty, Evidence
from vitviz.models.loading.checkpoint.checkpoint import Checkpoint

_WORDS = ("img_size", "image_size", "input_size", "size_train", "crop_size", "resolution")
_SETTINGS = ("args", "hyper_parameters", "hparams", "config", "cfg", "model_args", "model_kwargs")
_NAMED = re.compile(r"(?<![0-9a-z])([0-9]{2,4})x([0-9]{2,4})(?![0-9a-z])")


@dataclass(frozen=True, slots=True)
class TrainingSize:
    """(rows, cols) in pixels that something says, and how far that can be trusted."""

    size: tuple[int, int]
    certainty: Certainty
    because: str

    @property
    def evidence(self) -> Evidence:
        """How the size is known, as other facts of a model are."""
        words = f"{self.size[1]} × {self.size[0]} pixels"
        return Evidence("input size", words, self.certainty, self.because)


def training_size(found: Checkpoint) -> TrainingSize | None:
    """What the training's settings in the file say, else the file's name; None for squares.

    A name is no proof: 448x224 is written for rows and cols, and for width and height.
    """
    for where, settings in _settings(found.beside):
        for word in _WORDS:
            size = no_square(_looked_up(settings, word))
            if size is not None:
                return TrainingSize(size, "known", f"{where}{word} in the file says so")
    if (match := _NAMED.search(found.path.name)) is not None:
        size = no_square([int(match[1]), int(match[2])])
        if size is not None:
            return TrainingSize(
                size, "assumed", f"the file's name has {match[0]}, as rows and cols"
            )
    return None


def _settings(beside: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in _SETTINGS:
        if isinstance(inner := beside.get(name), Mapping):
            yield f"{name}.", inner
            for deeper in ("model", "data", "DATA", "INPUT", "backbone", "model_kwargs"):
                if isinstance(part := inner.get(deeper), Mapping):
                    yield f"{name}.{deeper}.", part
    yield "", beside


def _looked_up(settings: Mapping[str, Any], word: str) -> object:
    return settings.get(word, settings.get(word.upper()))


def no_square(found: object) -> tuple[int, int] | None:
    """(rows, cols) of a picture that is no square, also behind the number of channels; None else."""
    match found:
        case [int(rows), int(cols)] | [_, int(rows), int(cols)]:
            is_size = 16 <= rows <= 8192 and 16 <= cols <= 8192
            return (rows, cols) if is_size and rows != cols else None
    return None
