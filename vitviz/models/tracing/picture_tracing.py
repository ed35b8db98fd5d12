"""One picture through one model: prepared, run, its attention recorded, verified and laid out."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from vitviz.core.data.badge import TokenPlaces
from vitviz.core.data.intervention import Intervention
from vitviz.core.data.lazy_field import as_given
from vitviz.core.data.prediction import Prediction, class_name, distinct_names, scored
from vitviz.core.data.trace import Fit, ModelInfo, Picture, Trace
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import BadImage, BadModel, Progress, Unsupported, VitvizError, watched
from vitviz.models.families.measured import MeasuredFamily, UnplacedFamily
from vitviz.models.loading.devices import precision_name
from vitviz.models.loading.model import Model
from vitviz.models.loading.preprocess import PreparedPicture, channels_of, prepare, tensor_of
from vitviz.models.probe.apply_intervention import changed, intervened
from vitviz.models.probe.model_probe import TorchModelProbe
from vitviz.models.probe.register_neurons import own_grid
from vitviz.models.record.attention.lazy_attention import LazyAttention
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.exact_numbers import autocast_type
from vitviz.models.record.inner_attention import held_tensors
from vitviz.models.record.layers_from_calls import TraceLayers
from vitviz.models.record.recorder import record
from vitviz.models.tracing.prepared_tensor import pictures_in

AUTOCAST = "autocast"
"""Behind a precision that the program around a pass asked for, not the model."""

TOP = 10
"""Predictions kept, best first."""


def trace(
    model: Model,
    image: Picture | str | Path | bytes | Image.Image | np.ndarray | Tensor | Sequence[Any],
    *,
    fit: Fit,
    values: bool | None,
    progress: Progress,
    intervention: Intervention | None = None,
) -> Trace | tuple[Trace, ...]:
    """As `vitviz.models.trace`; BadModel for what is no model, BadImage for what is no picture.

    Unsupported where no attention of the model can be laid over the picture.
    """
    if not isinstance(model, Model):
        raise BadModel(
            f"what traces a picture is a model, not {type(model).__name__}; load one with "
            'vitviz.load("vitviz/flexvit")'
        )
    if isinstance(image, list | tuple):
        return _each(model, image, fit, values, progress, intervention)
    keep = partial(trace_prepared, model, fit=fit, values=values, progress=progress)
    change = intervention or Intervention()
    if isinstance(image, Tensor):
        if image.ndim not in (3, 4):
            raise BadImage(
                f"a prepared tensor has the axes (picture channel row col), or those of one picture "
                f"without the first; this one has {image.ndim} axes"
            )
        batch = image if image.ndim == 4 else image[None]
        found = pictures_in(batch, model.preprocess, channels_of(model.module))
        traces = tuple(keep(*one, change=change) for one in found)
        return traces if image.ndim == 4 else traces[0]
    assert not isinstance(image, Sequence) or isinstance(image, str | bytes)
    picture = image if isinstance(image, Picture) else open_picture(image)
    return keep(picture, prepare(picture, model.preprocess, fit), change=change)


def _each(
    model: Model,
    images: Sequence[Any],
    fit: Fit,
    values: bool | None,
    progress: Progress,
    intervention: Intervention | None,
) -> tuple[Trace, ...]:
    """A trace for each of several pictures; a tensor among them may be a batch of several."""
    found: list[Trace] = []
    for image in images:
        made = trace(
            model, image, fit=fit, values=values, progress=progress, intervention=intervention
        )
        found += made if isinstance(made, tuple) else [made]
    return tuple(found)


def trace_prepared(
    model: Model,
    picture: Picture,
    given: PreparedPicture,
    *,
    fit: Fit,
    values: bool | None,
    progress: Progress,
    change: Intervention | None = None,
) -> Trace:
    """One picture, prepared, through the model. Errors as `vitviz.models.trace`."""
    prepared, change = given, change or Intervention()
    with model.lock, ExitStack() as put:
        if not change.nothing:
            prepared = _changed(model, prepared, change, put)
        started = time.perf_counter()
        output, calls, info = _run(model, prepared, values, progress)
        seconds = time.perf_counter() - started
        found = _read(model, info, picture, prepared, output, calls, seconds, fit, change)
    assert isinstance(found.source, TorchModelProbe)
    # Not the trace itself: its source must keep no maps alive.
    found.source.retrace = partial(_again, picture=picture, given=given, fit=fit, values=values)
    return found


def _again(
    model: Model,
    change: Intervention,
    *,
    picture: Picture,
    given: PreparedPicture,
    fit: Fit,
    values: bool | None,
) -> Trace:
    return trace_prepared(
        model, picture, given, fit=fit, values=values, progress=watched(), change=change
    )


def _changed(
    model: Model, prepared: PreparedPicture, change: Intervention, put: ExitStack
) -> PreparedPicture:
    """What the model is to read; the model itself is changed until `put` is closed."""
    grid = model.family.grid(model.module, model.preprocess.size)
    if grid is None:
        raise _without_maps(model.info, "which patch of the picture its tokens are is not known")
    put.enter_context(intervened(model.module, grid, change))
    return changed(prepared, model.preprocess, grid, change)


def _run(
    model: Model, prepared: PreparedPicture, values: bool | None, progress: Progress
) -> tuple[Any, list[AttentionCall], ModelInfo]:
    """The pass; on the CPU with a note when the device's memory does not suffice."""
    # Not getattr: a module without the attribute takes long to say so.
    heads = (vars(part).get("num_heads") for part in model.module.modules())
    expected = max(model.info.depth, sum(isinstance(each, int) for each in heads))
    for attempt in range(2):
        try:
            pixels = _on_device(model, prepared)
            output, calls = record(
                model.module, pixels, expected=expected, values=values, progress=progress
            )
            return output, calls, _info_now(model)
        except torch.OutOfMemoryError as error:
            if model.live:
                raise VitvizError(
                    f"{model.info.called} has too little memory on {model.info.device} for a pass "
                    "whose attention is kept; free some, or move the module to the CPU"
                ) from error
            if attempt:
                raise VitvizError(
                    f"{model.info.called} does not fit in this computer's memory; take a smaller "
                    "model or a smaller input size"
                ) from error
        # Out of the except block: the error's frames would keep the tensors alive.
        _to_cpu(model.module)
    raise AssertionError("unreachable")


def _on_device(model: Model, prepared: PreparedPicture) -> Tensor:
    parameter = next(model.module.parameters())
    return tensor_of(prepared, model.preprocess).to(parameter.device, parameter.dtype)


def _to_cpu(module: nn.Module) -> None:
    module.to("cpu", torch.float32)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _info_now(model: Model) -> ModelInfo:
    """The model's description, corrected when it had to move to the CPU since it was loaded."""
    info, parameter = model.info, next(model.module.parameters())
    device, precision = parameter.device, precision_name(parameter.dtype)
    if casting := autocast_type(str(device)):
        note = f"under torch.autocast the model's products were made in {casting}"
        return replace(info, precision=f"{casting} {AUTOCAST}", notes=(*info.notes, note))
    if (str(device), precision) == (info.device, info.precision):
        return info
    if model.live:  # moved by whoever owns it
        return replace(info, device=str(device), precision=precision)
    note = f"{info.device} had too little memory, so the model ran on the {str(device).upper()}"
    return replace(info, device=str(device), precision="fp32", notes=(*info.notes, note))


def _read(
    model: Model,
    info: ModelInfo,
    picture: Picture,
    prepared: PreparedPicture,
    output: Any,
    calls: Sequence[AttentionCall],
    seconds: float,
    fit: Fit,
    change: Intervention,
) -> Trace:
    size = model.preprocess.size
    grid = model.family.grid(model.module, size)
    if grid is None:
        raise _without_maps(info, "which patch of the picture its tokens are is not known")
    reading = model.family.read(model.module, calls, grid, size)
    if not (reading.layers or reading.pools or reading.matrices):
        raise _without_maps(info, reading.refused[0] if reading.refused else _no_call(info))
    if reading.layers and reading.layers[0].grid != grid:
        grid = reading.layers[0].grid
        info = replace(info, patch=(round(grid.patch[0]), round(grid.patch[1])))
    noted = () if change.nothing else (f"not the model's own pass: {change.words}",)
    info = replace(info, notes=(*info.notes, *reading.notes, *noted))
    positions, positions_note = model.family.positions(model.module, own_grid(grid))
    predictions, predictions_note = predictions_of(model, output)
    return Trace(
        model=info,
        picture=picture,
        pixels=prepared.pixels,
        seen=as_given(prepared, "seen"),
        seen_box=prepared.seen_box,
        crop=prepared.crop,
        grid=grid,
        layers=reading.layers,
        verified=reading.verified,
        positions=positions,
        positions_note=positions_note,
        predictions=predictions,
        predictions_note=predictions_note,
        refused=reading.refused,
        seconds=seconds,
        held_bytes=_held(reading),
        pools=reading.pools,
        matrices=reading.matrices,
        words=reading.words,
        abreast=reading.abreast,
        compared=reading.compared,
        taken=reading.taken,
        places=_places(model, info),
        fit=fit,
        intervention=None if change.nothing else change,
        source=TorchModelProbe(
            model, prepared, grid, [layer.name for layer in reading.layers], change
        ),
    )


def _places(model: Model, info: ModelInfo) -> TokenPlaces:
    """How it is known where tokens lie."""
    if isinstance(model.family, MeasuredFamily | UnplacedFamily):
        return model.family.places
    return "unknown" if info.family == "generic" else "family"


def _without_maps(info: ModelInfo, why: str) -> Unsupported:
    return Unsupported(f"{info.called} has no attention that can be laid over a picture: {why}")


def _no_call(info: ModelInfo) -> str:
    article = "an" if info.architecture[:1].lower() in "aeiou" else "a"
    own = info.called == info.architecture
    who = "it" if own else f"it is {article} {info.architecture}, which"
    return f"{who} made no attention call; choose a transformer"


def predictions_of(model: Model, output: Any) -> tuple[tuple[Prediction, ...], str]:
    """The best classes with their probability, or () and why there are none."""
    info = model.info
    if info.classes == 0:
        return (), "This model has no head: it gives features, not classes."
    shaped = isinstance(output, Tensor) and tuple(output.shape) == (1, info.classes)
    if not shaped:
        return (), "This model's answer is not one number for each class."
    logits = output[0].detach().float().cpu().numpy()
    shares, names = scored(logits, info.scores), distinct_names(model.labels)
    best = np.argsort(-logits, kind="stable")[:TOP]
    return tuple(
        Prediction(int(at), class_name(names, int(at)), float(shares[at]), float(logits[at]))
        for at in best
    ), ""


def _held(reading: TraceLayers) -> int:
    """Bytes of the tensors kept; a storage that several share counts once."""
    layers = [each.attention for each in (*reading.layers, *reading.pools)]
    kept = [*layers, *(each.attention for each in reading.matrices)]
    tensors = (
        tensor for each in kept if isinstance(each, LazyAttention) for tensor in each.tensors
    )
    storages = {}
    for tensor in (*tensors, *held_tensors(reading.words)):
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())
