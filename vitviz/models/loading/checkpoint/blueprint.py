"""Which architecture a checkpoint file is: said, by its card, by its name, or read off the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import timm

from vitviz.core.data.evidence import Evidence
from vitviz.core.progress import BadModel
from vitviz.models.loading.architectures.by_tensors import (
    Sources,
    by_tensors,
    described_evidence,
    of_timm,
)
from vitviz.models.loading.architectures.evidence import (
    counted_heads,
    mean_and_std_of,
    replaced,
)
from vitviz.models.loading.architectures.hf_config import vision_part
from vitviz.models.loading.architectures.network import CLASSES, TIMM, ModelBlueprint, check_depth
from vitviz.models.loading.checkpoint.checkpoint import Checkpoint
from vitviz.models.loading.checkpoint.checkpoint_files import StateDict, named_state
from vitviz.models.loading.checkpoint.class_names import (
    FoundClasses,
    card_labels,
    classes_of,
    imagenet_labels,
)
from vitviz.models.loading.checkpoint.json_file import read_json, read_mapping
from vitviz.models.loading.checkpoint.training_size import TrainingSize, no_square, training_size
from vitviz.models.loading.said import Said


def blueprint_of(
    found: Checkpoint, architecture: str | None = None, said: Said | None = None
) -> ModelBlueprint:
    """What a checkpoint is. BadModel when nothing says it."""
    return understood(found, architecture, said)[0]


def understood(
    found: Checkpoint, architecture: str | None = None, said: Said | None = None
) -> tuple[ModelBlueprint, StateDict]:
    """What a checkpoint is, with its tensors by the names that this network has for them.

    `said` is what somebody says of it beside the architecture. BadModel when nothing says it, or when
    a tensor that steers attention has no place in it.
    """
    said = said or Said()
    size = training_size(found) if said.input_size is None else None
    if size is not None:
        with suppress(BadModel):
            plan, names = _understood(found, architecture, replace(said, input_size=size.size))
            if plan.arguments.get("img_size") == size.size:
                return replace(plan, evidence=replaced(plan.evidence, size.evidence)), names
    return _understood(found, architecture, said)


def _understood(
    found: Checkpoint, architecture: str | None, said: Said
) -> tuple[ModelBlueprint, StateDict]:
    path = found.file
    file = Sources(path, named_state(found), vision_part(found.config), said)
    if architecture is not None:
        plan, names = _named(architecture, file)
    elif (card := _card(path)) is not None:
        plan, names = _by_card(card, file)
    else:
        plan, names = _confirmed(file) or by_tensors(file)
    evidence = (
        Evidence(fact, _said_in_words(fact, said), "known", "it was said") for fact in said.facts
    )
    check_depth(plan, names, path.name)
    plan = _as_processed(plan, found.preprocessor)
    return replace(plan, evidence=replaced(plan.evidence, *evidence)), names


def _as_processed(plan: ModelBlueprint, processor: Mapping[str, Any]) -> ModelBlueprint:
    """With the mean and std of preprocessor_config.json, where there is one."""
    mean, std = processor.get("image_mean"), processor.get("image_std")
    if not (isinstance(mean, list) and isinstance(std, list) and mean and len(mean) == len(std)):
        return plan
    because = "preprocessor_config.json beside the file says so"
    fact = mean_and_std_of((tuple(mean), tuple(std)), "known", because)
    return replace(
        plan,
        config={**plan.config, "mean": tuple(mean), "std": tuple(std)},
        evidence=replaced(plan.evidence, fact),
    )


def _said_in_words(fact: str, said: Said) -> str:
    match fact:
        case "heads":
            return counted_heads(_plain(said.num_heads))
        case "window":
            return f"windows of {_plain(said.window_size)} tokens"
        case "input size":
            rows, cols = said.input_size or (0, 0)
            return f"{cols} × {rows} pixels"
        case "activation":
            return str(said.arguments["act_layer"])
        case "norm eps":
            return f"norm eps {said.arguments['norm_eps']:g}"
        case "pooling":
            return f"{said.arguments['global_pool']} pooling"
    return f"mean {_plain(said.mean)}, std {_plain(said.std)}"


def _plain(value: object) -> str:
    return ", ".join(f"{each:g}" for each in value) if isinstance(value, tuple) else f"{value}"


def classes_of_plan(
    found: Checkpoint, plan: ModelBlueprint, count: int, architecture: str | None
) -> FoundClasses:
    """The names of a file's `count` classes; ImageNet's only where a name says that these are timm's.

    `architecture` is the one that somebody named, with its training or without.
    """
    if plan.labels:
        return FoundClasses(plan.labels, "the classes are named by its card")
    named = classes_of(found.file, found.beside, count) if count else FoundClasses()
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


def described_by(path: Path) -> Literal["card", "name", "shapes"]:
    """What says which architecture a file is."""
    if _card(path) is not None:
        return "card"
    return "name" if _name_in(path) else "shapes"


def _card(path: Path) -> Path | None:
    """The card beside a file: its own, or a repository's config.json that names an architecture.

    Class names and a training log may have the checkpoint's name too: they are no card. BadModel for
    one that cannot be read.
    """
    card = path.with_suffix(".json")
    if card.is_file() and card != path and _names_architecture(card):
        return card
    config = path.with_name("config.json")
    known = path.stem in ("model", "pytorch_model") and config.is_file()
    return config if known and _names_architecture(config) else None


def _names_architecture(file: Path) -> bool:
    found = read_json(file)
    return isinstance(found, dict) and "architecture" in found


def _named(architecture: str, file: Sources) -> tuple[ModelBlueprint, StateDict]:
    """The architecture that somebody named."""
    if architecture in CLASSES:
        plan, names = by_tensors(file)
        if plan.kind != architecture:
            raise BadModel(
                f"{file.path.name}: its tensors are not those of a {architecture}; name another "
                "architecture, or none"
            )
        return plan, names
    plain = architecture.removeprefix(TIMM)
    if not timm.is_model(plain.split(".")[0]):
        raise BadModel(
            f"{file.path.name}: there is no architecture {architecture!r} in timm "
            f"{timm.__version__}"
        )
    plan, names = of_timm(plain, file, "it was said")
    if plain == architecture:
        return plan, names
    return replace(plan, family=TIMM + plan.family, title=architecture), names


def _confirmed(file: Sources) -> tuple[ModelBlueprint, StateDict] | None:
    """The architecture of the file's own name, if the tensors confirm it."""
    name = _name_in(file.path)
    if not name:
        return None
    try:
        return of_timm(name, file, "the file's name says so, and its tensors confirm it")
    except BadModel:
        plan, names = by_tensors(file)
        note = f"its name says {name}, and its tensors are of something else"
        return replace(plan, notes=(*plan.notes, note)), names


def _by_card(card: Path, file: Sources) -> tuple[ModelBlueprint, StateDict]:
    name = file.path.name
    try:
        found = read_mapping(card)
        described = found["architecture"]
        config = {**found.get("pretrained_cfg", {}), **found}
        config = {key: config[key] for key in _CONFIG if config.get(key)}
        if not isinstance(described, str):
            kind, arguments = described["class"], dict(described.get("arguments", {}))
        mean, std = (_channels(config, word) for word in ("mean", "std"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadModel(
            f"{card.name} does not describe {name} ({type(error).__name__}: {error}); it needs "
            '{"architecture": {"class": ..., "arguments": {...}}} or a timm name there'
        ) from error
    because = f"{card.name} says so"
    if isinstance(described, str):
        plan, names = _at_cards_size(described, file, because, no_square(config.get("input_size")))
    else:
        plan = ModelBlueprint(kind, {**arguments, **file.said.changes}, title=name)
        plan, names = replace(plan, evidence=described_evidence(plan, because)), dict(file.state)
    prepared = (mean_and_std_of((mean, std), "known", because),) if mean and std else ()
    return replace(
        plan,
        config={**plan.config, **config},
        labels=card_labels(found),
        title=str(found.get("title", "")) or ("" if plan.title == name else plan.title),
        licence=str(found.get("licence", "")),
        trained=bool(found.get("trained", True)),
        evidence=replaced(plan.evidence, *prepared),
    ), names


def _at_cards_size(
    name: str, file: Sources, because: str, size: tuple[int, int] | None
) -> tuple[ModelBlueprint, StateDict]:
    """The architecture that a card names, for the pictures that it says where they are no squares."""
    if size is not None and file.said.input_size is None:
        fact = TrainingSize(size, "known", because).evidence
        with suppress(BadModel):
            said = replace(file.said, input_size=size)
            plan, names = of_timm(name, replace(file, said=said), because)
            if plan.arguments.get("img_size") == size:
                return replace(plan, evidence=replaced(plan.evidence, fact)), names
    return of_timm(name, file, because)


def _channels(config: Mapping[str, Any], word: str) -> tuple[float, ...]:
    """A card's mean or std, () where it has none. ValueError or TypeError for something else."""
    return tuple(float(value) for value in config.get(word) or ())


_CONFIG = ("input_size", "mean", "std", "interpolation", "crop_pct", "crop_mode")


def _name_in(path: Path) -> str:
    """The timm name that a file's name begins with; "" where it has none."""
    parts = path.name.split(".")[:-1]
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        if timm.models.is_model_pretrained(name) or (end == 1 and timm.is_model(name)):
            return name
    return ""
