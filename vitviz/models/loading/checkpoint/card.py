"""A card for a checkpoint: what it is and how its pictures are prepared, written to lie beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from timm.data import resolve_model_data_config

from vitviz.core.data.evidence import Evidence
from vitviz.core.progress import BadModel
from vitviz.models.families import anatomy_of
from vitviz.models.loading.architectures.network import empty
from vitviz.models.loading.checkpoint.blueprint import understood
from vitviz.models.loading.checkpoint.checkpoint import read_checkpoint
from vitviz.models.loading.checkpoint.class_names import classes_of, read_classes
from vitviz.models.loading.head_scores import multi_label_beside
from vitviz.models.loading.image_processor import processed
from vitviz.models.loading.preprocess import channels_of, for_channels, preprocess_of
from vitviz.models.loading.said import Said


def card_of(
    path: Path,
    architecture: str | None = None,
    said: Said | None = None,
    *,
    classes: str = "",
    multi_label: bool | None = None,
) -> tuple[dict[str, Any], tuple[Evidence, ...]]:
    """The card as plain data, and how each fact in it is known: what is assumed is to be checked.

    `architecture` and `said` as `vitviz.load` takes them. BadModel where the file cannot be understood.
    """
    said = said or Said()
    held = read_checkpoint(path)
    plan, _ = understood(held, architecture, said)
    module = empty(plan, path.name)
    config = {**resolve_model_data_config(module), **plan.config}
    want = said.prepared(for_channels(preprocess_of(config), channels_of(module)))
    want = processed(held.preprocessor, want, held.transformers_version).preprocess or want
    anatomy = anatomy_of(module)
    count = anatomy.classes
    named = read_classes(Path(classes)) if classes else plan.labels
    if named and len(named) != count:
        raise BadModel(f"{len(named)} classes are named and {path.name} has {count}")
    named = named or (classes_of(held.file, held.beside, count).names if count else ())
    size = said.input_size or anatomy.picture or want.size
    described: Any = plan.family
    if not plan.family:
        described = {"class": plan.kind, "arguments": _plain({**plan.arguments, **said.changes})}
    several = multi_label_beside(held.file) if multi_label is None else multi_label
    card = {
        "title": plan.title or held.title,
        "architecture": described,
        "input_size": [len(want.mean), int(size[0]), int(size[1])],
        "mean": list(want.mean),
        "std": list(want.std),
        "interpolation": want.interpolation,
        "crop_pct": want.crop_pct,
        "crop_mode": want.crop_mode,
        "classes": list(named),
        "multi_label": bool(several),
        "licence": plan.licence,
    }
    return card, plan.evidence


def _plain(value: Any) -> Any:
    """Numbers, words, lists and mappings, as JSON has them."""
    match value:
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case bool() | int() | float() | str() | None:
            return value
    return str(value)
