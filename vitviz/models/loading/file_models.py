"""A model of a checkpoint file: recognised, built, filled, its classes named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import timm
from timm.data import resolve_model_data_config
from torch import nn

from vitviz.core.progress import Progress
from vitviz.models.families import anatomy_of
from vitviz.models.loading.architectures.network import (
    TIMM,
    ModelBlueprint,
    build,
    check_room,
    empty,
)
from vitviz.models.loading.built_model import (
    BuiltModel,
    WantedModel,
    weights_word,
)
from vitviz.models.loading.checkpoint.blueprint import understood
from vitviz.models.loading.checkpoint.checkpoint import (
    Checkpoint,
    forget_checkpoint,
    read_checkpoint,
)
from vitviz.models.loading.checkpoint.class_names import (
    FoundClasses,
    classes_of,
    imagenet_labels,
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
    changes = wanted.changes
    arguments = {**plan.arguments, **changes}
    if wanted.patch_size is not None:
        resampling_notes(planned(plan, path.name), wanted.patch_size)  # refuses what cannot be
    if plan.family:
        changed = replace(wanted, arguments={**plan.arguments, **wanted.arguments})
        module = create(plan.timm_name, False, changed)
        module = module if plan.as_timm else own(module)
    else:
        module = build(ModelBlueprint(plan.kind, arguments), path.name)
    filled = fill(module, state, path.name)
    forget_checkpoint()
    classes = _classes(found, plan, module, architecture)
    said = (classes.said,) if classes.said else ()
    notes = found.notes + plan.notes + filled.resampled + filled.notes + said
    config = {**resolve_model_data_config(module), **plan.config}
    preprocess = preprocess_of(config)
    size = wanted.size or anatomy_of(module).picture or preprocess.size
    read = processed(found.preprocessor, replace(preprocess, size=size))
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
        evidence=(*plan.evidence, *classes.evidence),
    )


def _classes(
    found: Checkpoint, plan: ModelBlueprint, module: nn.Module, architecture: str | None
) -> FoundClasses:
    """The names of a file's classes; ImageNet's only where a name says that these are timm's."""
    count = anatomy_of(module).classes
    if plan.labels:
        return FoundClasses(plan.labels, "the classes are named by its card")
    named = classes_of(found.file, found.beside, count)
    if named.names or count < 1:
        return named
    tagged = plan.timm_name if "." in plan.timm_name else ""
    is_named = tagged and (architecture or "").removeprefix(TIMM) == tagged
    if not is_named and not (tagged and found.file.name.startswith(f"{tagged}.")):
        return named
    config = timm.models.get_pretrained_cfg(tagged)
    if config.num_classes != count or not imagenet_labels(count):
        return named
    return FoundClasses(imagenet_labels(count), f"the classes are those of {tagged}")
