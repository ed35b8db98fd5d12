"""A model of a checkpoint file: recognised, built, filled, its classes named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from timm.data import resolve_model_data_config
from torch import nn

from vitviz.core.progress import BadModel, Progress
from vitviz.models.families import anatomy_of
from vitviz.models.families.anatomy import input_resizer
from vitviz.models.loading.architectures.network import (
    ModelBlueprint,
    build,
    check_room,
    empty,
)
from vitviz.models.loading.built_model import (
    BuiltModel,
    WantedModel,
    resized_note,
    weights_word,
)
from vitviz.models.loading.checkpoint.blueprint import classes_of_plan, understood
from vitviz.models.loading.checkpoint.checkpoint import (
    forget_checkpoint,
    read_checkpoint,
)
from vitviz.models.loading.checkpoint.fill import fill
from vitviz.models.loading.image_processor import processed
from vitviz.models.loading.model_sizes import planned, resampling_notes
from vitviz.models.loading.own_networks import own
from vitviz.models.loading.preprocess import preprocess_of
from vitviz.models.loading.timm_models import create


def from_file(
    path: Path, architecture: str | None, wanted: WantedModel, progress: Progress
) -> BuiltModel:
    """The model of a checkpoint file, as it is recognised or as `architecture` names it. BadModel."""
    found = read_checkpoint(path, encoder=wanted.encoder, progress=progress)
    plan, state = understood(found, architecture, wanted.heard)
    check_room(empty(plan, path.name), state, path.name)
    if wanted.patch_size is not None:
        resampling_notes(planned(plan, path.name), wanted.patch_size)  # refuses what cannot be
    module = _module(plan, wanted, path.name)
    try:
        filled = fill(module, state, path.name)
    except BadModel:
        if wanted.size is None:
            raise
        # timm's reader lays every table of positions over a square; the module itself knows better.
        bare = replace(wanted, size=None)
        plan, state = understood(found, architecture, bare.heard)
        module = _module(plan, bare, path.name)
        filled = fill(module, state, path.name)
        before = anatomy_of(module).picture
        resize = input_resizer(module)
        if before is None or resize is None:
            raise
        resize(img_size=wanted.size)
        filled = replace(filled, notes=(*filled.notes, resized_note(before)))
    forget_checkpoint()
    count = anatomy_of(module).classes
    classes = classes_of_plan(found, plan, count, architecture)
    said = (classes.said,) if classes.said else ()
    notes = found.notes + plan.notes + filled.resampled + filled.notes + said
    config = {**resolve_model_data_config(module), **plan.config}
    preprocess = preprocess_of(config)
    size = wanted.size or anatomy_of(module).picture or preprocess.size
    version = found.transformers_version
    read = processed(found.preprocessor, replace(preprocess, size=size), version)
    notes += (read.why,) if read.why else ()
    return BuiltModel(
        module,
        read.preprocess or replace(preprocess, size=size),
        weights_word(plan.trained, notes),
        plan.title or found.title,
        plan.family or plan.kind,
        labels=classes.names,
        source=found.title,
        licence=plan.licence,
        weights_hash=found.hashed(progress),
        notes=notes,
        evidence=(*plan.evidence, *read.evidence, *classes.evidence),
    )


def _module(plan: ModelBlueprint, wanted: WantedModel, name: str) -> nn.Module:
    """The network that is planned, with what else was asked for, unfilled."""
    if not plan.family:
        arguments = {**plan.arguments, **wanted.changes}
        return build(ModelBlueprint(plan.kind, arguments), name)
    changed = replace(wanted, arguments={**plan.arguments, **wanted.arguments})
    module = create(plan.timm_name, False, changed)
    return module if plan.as_timm else own(module)
