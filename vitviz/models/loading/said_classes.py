"""The names of a model's classes as somebody says them: a list, or a file with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vitviz.core.data.evidence import Evidence
from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.class_names import read_classes
from vitviz.models.loading.model import Model
from vitviz.models.loading.said import refuse_assumed


def refuse_for_library(name: str | Path, **given: Any) -> None:
    """BadModel for what cannot be said of a model that another library builds and prepares for."""
    said = [each for each, value in given.items() if value is not None]
    if said:
        raise BadModel(
            f"{name} is built by its own library with its own preparation, so {said[0]} cannot be said "
            "of it; leave it out, or load the module itself: vitviz.load(module, transform=...)"
        )


def with_what_was_said(
    model: Model, classes: str | Path | Sequence[str], multi_label: bool | None, *, strict: bool
) -> Model:
    """A library's model with the names of its classes and how they are read. StillAssumed."""
    if strict:
        refuse_assumed(model.info.evidence, model.info.called)
    if multi_label is not None:
        model = replace(model, info=replace(model.info, multi_label=multi_label))
    return with_classes(model, classes) if classes else model


def with_classes(model: Model, classes: str | Path | Sequence[str]) -> Model:
    """The model with these names for its classes.

    BadModel where there are more or fewer than its head has, or where a file holds none.
    """
    if isinstance(classes, str | Path):
        file = Path(classes).expanduser()
        names, source = read_classes(file), file.name
    else:
        names, source = tuple(map(str, classes)), "the list given"
    count = model.info.classes
    if len(names) != count:
        raise BadModel(
            f"{source} names {len(names)} classes and {model.info.called} has {count}; give one name "
            "for each, in the order of its outputs"
        )
    fact = Evidence("classes", f"{count} named classes", "known", f"{source} names them")
    kept = tuple(each for each in model.info.evidence if each.fact != "classes")
    return replace(model, labels=names, info=replace(model.info, evidence=(*kept, fact)))
