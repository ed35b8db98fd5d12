"""How pictures may have been prepared for a model, and what it predicts of them then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vitviz.core.data.prediction import Prediction, percent

COLOURS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "0.5/0.5": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "CLIP": (
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
    ),
}
"""Mean and std of nearly all trainings, by what they are called."""
CROPS = (0.875, 0.9, 0.95, 1.0)
"""Shares of a picture's middle that evaluations keep."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Mean and std of pictures in 0..1, and the share of the middle that is kept; `name` says the
    first two in a word.
    """

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop_pct: float

    @property
    def words(self) -> str:
        """All of it, shortly."""
        return f"{self.name} at crop {self.crop_pct:g}"


@dataclass(frozen=True, slots=True)
class PreparationAnswer:
    """The most probable class of each picture, prepared so; `taken`: as the model has it now."""

    preparation: Preparation
    best: tuple[Prediction, ...]
    taken: bool = False

    @property
    def share(self) -> float:
        """How probable these classes are on average."""
        return sum(each.share for each in self.best) / len(self.best) if self.best else 0.0


def likely_preparations(now: Preparation, *, every: bool = True) -> tuple[Preparation, ...]:
    """The likely ones, by mean and std, then by crop; `now` is always among them.

    Not `every`: only those that differ from `now` in one of the two.
    """
    colours = COLOURS if len(now.mean) == 3 else {}
    kinds = dict(colours.items())
    if (now.mean, now.std) not in kinds.values():
        kinds = {now.name: (now.mean, now.std), **kinds}
    crops = sorted({*CROPS, now.crop_pct})
    found = [
        Preparation(name, mean, std, crop) for name, (mean, std) in kinds.items() for crop in crops
    ]
    if every:
        return tuple(found)
    return tuple(
        each
        for each in found
        if each.crop_pct == now.crop_pct
        or ((each.mean, each.std) == (now.mean, now.std) and each.crop_pct in (0.875, 1.0))
    )


def answers_sentence(answers: Iterable[PreparationAnswer], picture: str) -> str:
    """What each predicts of the first picture, in a sentence; "" without any."""
    said = [
        f"{each.preparation.words}{' (taken)' if each.taken else ''}: "
        f"{each.best[0].name} {percent(each.best[0].share)}"
        for each in answers
        if each.best
    ]
    return f"{picture} as it may have to be prepared: {'; '.join(said)}" if said else ""
