"""A model by name: bundled, any timm name, or a checkpoint file; built, filled and described."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vitviz.core.data.evidence import Evidence
from vitviz.core.data.trace import ModelInfo
from vitviz.core.data.weight_files import named_as_checkpoint
from vitviz.core.progress import BadModel, Progress
from vitviz.models.families import anatomy_of, family_of
from vitviz.models.loading.architectures.evidence import replaced
from vitviz.models.loading.architectures.network import (
    TIMM,
    ModelBlueprint,
    build,
)
from vitviz.models.loading.built_model import (
    BuiltModel,
    InputSides,
    WantedModel,
    named_evidence,
    resized_note,
    weights_word,
)
from vitviz.models.loading.bundled import BundledModel, bundled
from vitviz.models.loading.checkpoint.checkpoint_files import (
    checkpoint_path,
    file_hash,
    read_state,
)
from vitviz.models.loading.checkpoint.class_names import (
    card_labels,
    imagenet_labels,
)
from vitviz.models.loading.checkpoint.fill import as_dtype, fill, parameters
from vitviz.models.loading.devices import chosen_device, chosen_precision, precision_name
from vitviz.models.loading.file_models import from_file
from vitviz.models.loading.hub.repository_folder import repository_folder
from vitviz.models.loading.model import Model
from vitviz.models.loading.model_sizes import check_input
from vitviz.models.loading.own_networks import own
from vitviz.models.loading.preprocess import (
    channels_of,
    for_channels,
    preprocess_of,
)
from vitviz.models.loading.said import Said, refuse_assumed
from vitviz.models.loading.timm_models import HUB, from_timm

_NEVER = (
    "checkpoint_path",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "cache_dir",
    "pretrained_filter_fn",
    "pretrained_custom_load",
    "pretrained_model_args",
    "file",
    "url",
    "state_dict",
    "scriptable",
    "exportable",
    "no_jit",
)
"""Arguments by which timm would read a file or an address past vitviz's own reader."""


@torch.inference_mode(False)  # whoever asks: a weight made in it could never be differentiated
def load(
    name: str | Path,
    *,
    pretrained: bool,
    patch_size: int | None,
    input_size: int | InputSides | None,
    device: str,
    precision: str,
    architecture: str | None,
    said: Said,
    encoder: str | None,
    strict: bool,
    allow_download: bool,
    progress: Progress,
    arguments: dict[str, Any],
) -> Model:
    """As `vitviz.models.load`. BadModel or VitvizError, in a sentence, for what it refuses."""
    if not isinstance(name, str | Path):
        raise BadModel(f"a model is named by its name or a file's path, not {name!r}")
    where = chosen_device(device)
    dtype = chosen_precision(precision, where)
    size = (input_size, input_size) if isinstance(input_size, int) else input_size
    _check_sides("a patch size", patch_size)
    _check_sides("an input size", size)
    if never := next((name for name in arguments if name in _NEVER), ""):
        raise BadModel(
            f"{never} is no size or switch of an architecture; to open a checkpoint file give its path "
            "as the model's name"
        )
    said.check()
    wanted = WantedModel(patch_size, size, said, encoder, arguments, allow_download)
    progress(0, 3, "building the model")
    built = _for_channels(
        _built(name, pretrained, architecture, wanted, progress),
        said="mean and std" in said.facts,
    )
    built = replace(built, preprocess=said.prepared(built.preprocess))
    if strict:
        refuse_assumed(built.evidence, Path(name).name)
    progress(2, 3, f"moving it to {where}")
    module, note = _placed(built.module, where, dtype)
    built = replace(built, notes=(*built.notes, *note))
    check_input(module, built.preprocess.size)
    family, reader = family_of(module)
    info = _info(_full_name(name), built, family)
    grid = reader.grid(module, built.preprocess.size)
    if grid is not None:
        info = replace(info, patch=(round(grid.patch[0]), round(grid.patch[1])))
    progress(3, 3, "ready")
    return Model(module, info, built.preprocess, reader, built.labels)


def _for_channels(built: BuiltModel, *, said: bool) -> BuiltModel:
    """Pictures prepared for as many channels as the model reads, and a sentence where that is not 3.

    What they are normalised by is assumed then, unless it was `said`.
    """
    channels = channels_of(built.module)
    prepared = for_channels(built.preprocess, channels)
    if prepared is built.preprocess:
        return built
    how = (
        "pictures are turned to grey"
        if channels == 1
        else "files with as many bands, or with as many named, each band as 0 to 1"
    )
    note = f"it reads {channels} channel{'s' * (channels > 1)}: {how}"
    built = replace(built, preprocess=prepared, notes=(*built.notes, note))
    if said:
        return built
    guess = Evidence(
        "mean and std",
        f"mean/std of {prepared.mean[0]:.3g} and {prepared.std[0]:.3g}",
        "assumed",
        "the average of those for three colours",
    )
    return replace(built, evidence=replaced(built.evidence, guess))


def _full_name(name: str | Path) -> str:
    """What `load` takes again: a path of a usual ending as it was given, others from the root on."""
    path = checkpoint_path(name)
    is_plain = path is None or named_as_checkpoint(path.name)
    return str(name) if path is None or is_plain else str(path.absolute())


def _check_sides(what: str, size: int | InputSides | None) -> None:
    """BadModel for a side that has no pixels."""
    sides = size if isinstance(size, tuple | list) else (size,)
    wrong = next((side for side in sides if side is not None and side < 1), None)
    if wrong is not None:
        raise BadModel(f"{what} is at least 1 pixel, not {wrong}")


def _placed(
    module: nn.Module, where: torch.device, dtype: torch.dtype
) -> tuple[nn.Module, tuple[str, ...]]:
    """The module where it was wanted; on the CPU, with the sentence why, where it does not fit."""
    try:
        return as_dtype(module, where, dtype), ()
    except torch.OutOfMemoryError:
        note = f"it does not fit in the memory of {where} and runs on the CPU in fp32"
    # Out of the except block: the error's frames would keep the tensors alive.
    return as_dtype(module, torch.device("cpu"), torch.float32), (note,)


def _built(
    name: str | Path,
    pretrained: bool,
    architecture: str | None,
    wanted: WantedModel,
    progress: Progress,
) -> BuiltModel:
    path = checkpoint_path(name)
    if path is not None:
        return from_file(path, architecture, wanted, progress)
    card = next((model for model in bundled() if model.name == name), None)
    if card is not None:
        return _from_card(card, pretrained, wanted, progress)
    if str(name).startswith(HUB) and pretrained:
        repository = str(name).removeprefix(HUB)
        allowed = wanted.allow_download
        folder = repository_folder(repository, str(name), progress, allowed=allowed)
        if folder is not None:
            built = from_file(folder, architecture, wanted, progress)
            return replace(built, title=str(name), source=repository)
    plain = str(name).removeprefix(TIMM)
    built = from_timm(plain, pretrained, wanted, progress)
    if plain != name:
        return replace(built, title=str(name))
    return replace(built, module=own(built.module))


def _from_card(
    model: BundledModel, pretrained: bool, wanted: WantedModel, progress: Progress
) -> BuiltModel:
    card = model.card
    patch = wanted.patch_size or model.default_patch_size
    described = card["architecture"]
    arguments = {**described["arguments"], "patch_size": patch, "img_size": model.input_size}
    arguments |= replace(wanted, patch_size=None).changes
    module = build(ModelBlueprint(described["class"], arguments), model.name)
    notes: tuple[str, ...] = ()
    if pretrained:
        progress(1, 3, "reading the weights")
        notes = fill(module, read_state(model.file), model.name).notes
        trained = ", ".join(map(str, model.patch_sizes))
        if patch not in model.patch_sizes:
            notes += (
                f"patch {patch} was not among the trained ones ({trained}): its kernel is "
                "resampled",
            )
        if wanted.size not in (None, model.input_size):
            notes += (resized_note(model.input_size),)
    preprocess = preprocess_of(card)
    return BuiltModel(
        module,
        replace(preprocess, size=wanted.size or preprocess.size),
        weights_word(pretrained and bool(card.get("trained", True)), notes),
        model.title,
        described["class"],
        labels=card_labels(card) or imagenet_labels(anatomy_of(module).classes),
        source="bundled with vitviz",
        licence=str(card.get("licence", "")),
        weights_hash=str(card.get("sha256") or file_hash(model.file)) if pretrained else "",
        notes=notes,
        evidence=named_evidence(described["class"], preprocess, "its card"),
    )


def _info(name: str, built: BuiltModel, family: str) -> ModelInfo:
    module, anatomy = built.module, anatomy_of(built.module)
    parameter = next(module.parameters())
    return ModelInfo(
        name=name,
        title=built.title,
        family=family,
        architecture=built.architecture,
        weights=built.weights,
        patch=(0, 0),
        input_size=built.preprocess.size,
        depth=anatomy.depth,
        heads=anatomy.heads,
        dim=anatomy.dim,
        parameters=parameters(module),
        classes=anatomy.classes,
        device=str(parameter.device),
        precision=precision_name(parameter.dtype),
        source=built.source,
        licence=built.licence,
        weights_hash=built.weights_hash,
        notes=built.notes,
        evidence=built.evidence,
        mean=built.preprocess.mean,
        std=built.preprocess.std,
    )
