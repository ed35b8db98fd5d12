"""What a model predicts of pictures in each of the ways that they are likely prepared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from vitviz.core.data.prediction import Prediction
from vitviz.core.data.trace import Fit, Picture
from vitviz.core.pictures.likely_preparations import (
    COLOURS,
    Preparation,
    PreparationAnswer,
    likely_preparations,
)
from vitviz.core.progress import Progress, silent
from vitviz.models.loading.model import Model
from vitviz.models.loading.preprocess import Preprocess, prepare, tensor_of
from vitviz.models.tracing.picture_tracing import predictions_of


def preparation_answers(
    model: Model,
    pictures: Sequence[Picture],
    *,
    fit: Fit = "crop",
    every: bool = True,
    progress: Progress = silent,
) -> tuple[PreparationAnswer, ...]:
    """The best class of each picture for each likely mean, std and crop, those of the model among them.

    A model without classes answers nothing, and one that brings its own transform has nothing to
    choose: (). Not `every`: only those that differ from the model's own in one of the two. BadImage
    for a picture that the model cannot read.
    """
    own = model.preprocess
    if own.transform is not None:
        return ()
    now = Preparation(_name(own), own.mean, own.std, own.crop_pct)
    ways = likely_preparations(now, every=every)
    if model.info.classes == 0:
        return tuple(PreparationAnswer(way, (), way == now) for way in ways)
    found = []
    for done, way in enumerate(ways):
        progress(done, len(ways), f"trying {way.words}")
        best: list[Prediction] = []
        for picture in pictures:
            prepared = own if way == now else _prepared(own, way)
            pixels = tensor_of(prepare(picture, prepared, fit), prepared)
            predictions, _ = predictions_of(model, _answer(model, pixels))
            best += predictions[:1]
        found.append(PreparationAnswer(way, tuple(best), way == now))
    return tuple(found)


def _prepared(own: Preprocess, way: Preparation) -> Preprocess:
    return replace(own, mean=way.mean, std=way.std, crop_pct=way.crop_pct, resize=())


def _answer(model: Model, pixels: Tensor) -> object:
    parameter = next(model.module.parameters())
    with model.lock, torch.no_grad():
        answer: object = model.module(pixels.to(parameter.device, parameter.dtype))
    return answer


def _name(own: Preprocess) -> str:
    known = {kind: name for name, kind in COLOURS.items()}
    mean, std = (
        " ".join(f"{each:.3g}" for each in sorted(set(values))) for values in (own.mean, own.std)
    )
    return known.get((own.mean, own.std), f"mean {mean}, std {std}")
